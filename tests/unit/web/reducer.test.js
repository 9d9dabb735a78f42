import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { EMPTY, reduce } from "../../../services/gallery/atelier_gallery/web/core/reducer.js";

const folder = new URL("../../contract/live/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));

function shown(map, expected) {
  assert.deepEqual([...map.keys()].sort(), Object.keys(expected).sort());
  for (const [id, wanted] of Object.entries(expected)) {
    const value = map.get(id);
    if (typeof wanted === "number") assert.equal(value.version, wanted);
    else for (const [field, of] of Object.entries(wanted)) assert.deepEqual(value[field], of, field);
  }
}

function matches(live, expect) {
  shown(live.jobs, expect.jobs);
  shown(live.images, expect.images);
  assert.deepEqual([...live.deleted.keys()].sort(), [...expect.deleted].sort());
  const progress = Object.fromEntries([...live.progress].map(([id, of]) => [id, Object.fromEntries(of)]));
  assert.deepEqual(progress, expect.progress);
  assert.equal(live.complete, expect.complete);
  assert.equal(live.cursor, expect.cursor);
}

test("there are vectors", () => assert.ok(files.length > 20));

for (const file of files) {
  const { name, messages, expect } = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
  test(`${file}: ${name}, all at once`, () => matches(reduce(EMPTY, messages), expect));
  test(`${file}: ${name}, one by one`, () => {
    matches(messages.reduce((live, message) => reduce(live, [message]), EMPTY), expect);
  });
}

test("the state before is left as it was, and nothing new is the same object", () => {
  const job = { id: "j", version: 1, status: "queued", done: false, images: [] };
  const first = reduce(EMPTY, [{ id: "c1", event: "job.updated", data: job }]);
  assert.equal(EMPTY.jobs.size, 0);
  assert.equal(reduce(first, [{ id: "c1", event: "job.updated", data: job }, { event: "ping", data: {} }]), first);
  reduce(first, [{ event: "snapshot.started", data: { reset: true } }]);
  assert.equal(first.jobs.size, 1);
});
