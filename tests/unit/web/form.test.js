import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BLANK, MAX_ROWS, addRow, candidates, capabilities, editRow, fromRequest, offer, placeErrors, removeRow, restored, toRequest, tooLong, validNumber,
  validSeed, withoutSent, wrongNumbers,
} from "../../../services/gallery/atelier_gallery/web/pages/generate/form.js";

const CAN = { sizes: ["512x512"], aspect_ratios: ["1:1", "3:2"], max_n: 4, seed: true, negative_prompt: true, output_formats: ["png"] };
const rows = (...texts) => texts.map((text, index) => ({ id: index + 1, text }));

test("removing any row leaves every other as it is", () => {
  const all = rows("a", "b", "c");
  for (const { id } of all) assert.deepEqual(removeRow(all, id), all.filter((row) => row.id !== id));
  assert.deepEqual(removeRow(rows("a"), 1), rows("a"));
});

test("ids are never used twice", () => {
  const left = removeRow(addRow(addRow(rows("a"))), 2);
  assert.deepEqual(addRow(left).map((row) => row.id), [1, 3, 4]);
});

test("rows have a most", () => {
  const full = Array.from({ length: MAX_ROWS }, (_, index) => ({ id: index + 1, text: "" }));
  assert.equal(addRow(full), full);
});

test("an example goes where nothing is written", () => {
  assert.deepEqual(offer(rows("a", " "), "x"), rows("a", "x"));
  assert.deepEqual(offer(rows("a"), "x"), rows("a", "x"));
});

test("one prompt is a job, several are a batch, none is nothing", () => {
  const form = { ...BLANK, n: 2 };
  assert.equal(toRequest({ ...form, rows: rows("", "  ") }, CAN), null);
  assert.deepEqual(toRequest({ ...form, rows: rows("", "a") }, CAN).body, { prompt: "a", n: 2, aspect_ratio: "1:1" });
  const several = toRequest({ ...form, rows: rows("a", "", "b\n") }, CAN);
  assert.ok(several.batch);
  assert.deepEqual(several.body, { prompts: ["a", "b\n"], n: 2, aspect_ratio: "1:1" });
  assert.deepEqual(several.rows.map((row) => row.id), [1, 3]);
});

test("only what the model can do is sent", () => {
  const form = { ...BLANK, rows: rows("a"), n: 9, seed: " 0 ", negative: "x", size: "512x512", format: "png", style: "ink", model: "m" };
  assert.deepEqual(toRequest(form, CAN).body, {
    prompt: "a", n: 4, size: "512x512", model: "m", style: "ink", negative_prompt: "x", seed: 0, output_format: "png",
  });
  assert.deepEqual(toRequest({ ...form, steps: "9", guidance: "3.5", quality: "high" }, CAN).body, toRequest(form, CAN).body);
  const effort = { ...CAN, steps: [1, 50], guidance: [0, 10], qualities: ["low", "high"] };
  const { steps, guidance, quality } = toRequest({ ...form, steps: " 9 ", guidance: "3.5", quality: "high" }, effort).body;
  assert.deepEqual([steps, guidance, quality], [9, 3.5, "high"]);
  assert.ok(!("quality" in toRequest({ ...form, quality: "max" }, effort).body));
  const nothing = { sizes: [], aspect_ratios: [], max_n: 1, seed: false, negative_prompt: false, output_formats: [] };
  assert.deepEqual(toRequest(form, nothing).body, { prompt: "a", n: 1, model: "m", style: "ink" });
});

test("capabilities are those of the model, or of whatever is on", () => {
  const models = [
    { id: "a", available: true, capabilities: { ...CAN, steps: [5, 50], guidance: null, qualities: ["low"] } },
    { id: "b", aliases: ["bee"], available: false, capabilities: { ...CAN, max_n: 10, sizes: ["64x64"] } },
    { id: "c", available: true, capabilities: { ...CAN, steps: [1, 9], guidance: [1.5, 3], qualities: ["low", "max"] } },
  ];
  const can = (model) => capabilities(candidates(models, model));
  assert.equal(can("").max_n, 4);
  assert.deepEqual([can("").steps, can("").guidance, can("").qualities], [[1, 50], [1.5, 3], ["low", "max"]]);
  assert.deepEqual([can("b").sizes, can("bee").sizes], [["64x64"], ["64x64"]]);
  assert.deepEqual([can("b").steps, can("b").qualities], [null, []]);
  assert.equal(capabilities(candidates([], "")).max_n, 1);
});

test("errors are shown at their rows", () => {
  const placed = placeErrors([{ pointer: "/prompts/1", detail: "x" }, { pointer: "/prompts/0/prompt", detail: "y" }, { pointer: "/seed", detail: "z" }],
    [{ id: 7, text: "" }, { id: 9, text: "" }]);
  assert.deepEqual([...placed.byRow], [[9, "x"], [7, "y"]]);
  assert.deepEqual(placed.rest, ["z"]);
  assert.deepEqual([...placeErrors([{ pointer: "/prompt", detail: "x" }], [{ id: 7, text: "" }]).byRow], [[7, "x"]]);
});

test("what was typed while it was being sent stays", () => {
  const sent = rows("a", "b");
  assert.deepEqual(withoutSent(editRow(sent, 2, "b2"), sent), [{ id: 2, text: "b2" }]);
  assert.deepEqual(withoutSent(sent, sent), [{ id: 3, text: "" }]);
});

test("limits of prompts and seeds", () => {
  assert.ok(!tooLong({ id: 1, text: "🦊".repeat(4000) }) && tooLong({ id: 1, text: "x".repeat(4001) }));
  assert.ok(["", " 7 ", "4294967295"].every(validSeed));
  assert.ok(!["4294967296", "-1", "1.5", "x", "99999999999"].some(validSeed));
});

test("a number is nothing, or within its bounds", () => {
  assert.ok(["", " ", "1", " 50 "].every((text) => validNumber(text, [1, 50], true)));
  assert.ok(!["0", "51", "2.5", "-3", "1e1", "x", "１"].some((text) => validNumber(text, [1, 50], true)));
  assert.ok(["0", "7.25", ".5", "10"].every((text) => validNumber(text, [0, 10], false)));
  assert.ok(!["10.1", "-1", "3,5", "1.", "."].some((text) => validNumber(text, [0, 10], false)));
});

test("what the model takes no notice of cannot be wrong", () => {
  const form = { ...BLANK, steps: "99", guidance: "x" };
  assert.deepEqual(wrongNumbers(form, CAN), []);
  const wrong = wrongNumbers(form, { ...CAN, steps: [1, 50], guidance: [0, 10] });
  assert.deepEqual(wrong, [{ field: "steps", bounds: [1, 50] }, { field: "guidance", bounds: [0, 10] }]);
});

test("a draft of another time does no harm", () => {
  assert.deepEqual(restored(null), BLANK);
  assert.deepEqual(restored({ rows: [], n: "3", style: "ink", other: 1 }), { ...BLANK, style: "ink" });
  assert.deepEqual(restored({ rows: [{ id: 5, text: "a" }, { id: 5 }, null] }).rows, rows("a"));
});

test("the settings of a picture, with its seed", () => {
  const form = fromRequest({ prompt: "a", n: 4, size: "512x512", style: null, model: "auto", output_format: "png", seed: 1, steps: 20, guidance: 0, quality: null }, 42);
  assert.deepEqual([form.rows, form.size, form.seed, form.n, form.model, form.style], [rows("a"), "512x512", "42", 1, "", ""]);
  assert.deepEqual([form.steps, form.guidance, form.quality], ["20", "0", ""]);
});
