import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { bytes, cost, duration, money, t, tOr } from "../../../services/gallery/atelier_gallery/web/core/i18n.js";
import { strings } from "../../../services/gallery/atelier_gallery/web/core/strings.en.js";
import { PROMPT_LIMIT, codePoints, shorten } from "../../../services/gallery/atelier_gallery/web/core/text.js";

const WEB = fileURLToPath(new URL("../../../services/gallery/atelier_gallery/web/", import.meta.url));
const source = readdirSync(WEB, { recursive: true })
  .filter((path) => path.endsWith(".js") && !path.startsWith("vendor") && !path.includes("strings."))
  .map((path) => readFileSync(join(WEB, path), "utf8")).join("\n");

test("every key that is asked for has a text", () => {
  const asked = [...source.matchAll(/\bt\("([^"$]+)"/g)].map(([, key]) => key);
  assert.ok(asked.length > 80);
  for (const key of asked) assert.ok(strings[key], key);
  for (const [, key] of source.matchAll(/tOr\(`[^`]+`, "([^"]+)"/g)) assert.ok(strings[key], key);
});

test("every text is asked for, by its key or by the beginning of it", () => {
  const built = [...source.matchAll(/`([\w.]+)\$\{/g)].map(([, start]) => start);
  for (const key of Object.keys(strings)) {
    assert.ok(source.includes(`"${key}"`) || built.some((start) => key.startsWith(start)), key);
  }
});

test("every status and every code a job can end with has words", () => {
  for (const status of ["queued", "running", "retrying", "succeeded", "partially_succeeded", "failed", "blocked", "canceled", "expired"]) {
    assert.ok(strings[`status.${status}`], status);
  }
  const codes = ["auth", "billing", "rate_limited", "overloaded", "moderated", "invalid_request", "model_unavailable", "timeout",
    "transport", "bad_response", "canceled"].map((code) => `provider_${code}`);
  for (const code of [...codes, "deadline_passed", "attempts_exhausted", "worker_lost", "unreadable_message", "storage_failed"]) {
    assert.ok(strings[`error.${code}`], code);
  }
});

test("every quality that a model knows has words", () => {
  const { models } = JSON.parse(readFileSync(join(WEB, "../../../../shared/atelier_core/contracts/catalogue.json"), "utf8"));
  const known = new Set(models.flatMap(({ capabilities }) => capabilities.qualities ?? []));
  assert.ok(known.size > 2);
  for (const quality of known) assert.ok(strings[`quality.${quality}`], quality);
});

test("values are filled in, counts choose the form, unknown keys are refused", () => {
  assert.equal(t("generate.submit", { count: 1 }), "Generate 1 picture");
  assert.equal(t("generate.submit", { count: 1200 }), "Generate 1,200 pictures");
  assert.equal(t("gallery.noMatch", { q: "{count} $& <b>" }), "Nothing matches “{count} $& <b>”.");
  assert.throws(() => t("no.such.key"));
  assert.equal(tOr("error.from_the_future", "error.other"), t("error.other"));
  assert.equal(tOr("quality.ultra", "quality.other", { name: "ultra" }), "ultra");
});

test("lengths of time, sizes and money", () => {
  assert.deepEqual([-5, 999, 8_000, 65_000, 3_725_000].map(duration), ["0:00", "0:00", "0:08", "1:05", "1:02:05"]);
  assert.deepEqual([0, 1, 999, 70_000, 1_234_567].map(bytes), ["0 bytes", "1 byte", "999 bytes", "70 kB", "1.23 MB"]);
  const usd = (amount, status = "exact") => ({ amount, currency: "USD", status });
  assert.equal(money(usd("0")), "Free");
  assert.equal(money(usd("0.04"), 3), "$0.12");
  assert.equal(money(usd("0.04", "estimated")), "about $0.04");
  assert.equal(money(usd(null, "unknown")), "Price unknown");
  const range = (min, max, status = "exact") => ({ min, max, currency: "USD", status });
  assert.equal(cost(range("0.04", "0.08"), 2), "$0.08 – $0.16");
  assert.equal(cost(range("0.006", "0.422", "estimated")), "about $0.006 – $0.422");
  assert.equal(cost(range("0", "0.08")), "$0.00 – $0.08");
  assert.deepEqual([range("0", "0"), range(null, null, "unknown"), range("0.5", "0.5")].map((each) => cost(each)), ["Free", "Price unknown", "$0.50"]);
});

test("prompts are counted in code points, as the API does", () => {
  assert.equal(codePoints("🦊".repeat(PROMPT_LIMIT)), PROMPT_LIMIT);
  assert.equal(codePoints("é\u0301\n"), 3);
  assert.equal(shorten("🦊🦊🦊🦊", 3), "🦊🦊…");
  assert.equal(shorten(" a\n b ", 3), "a b");
});
