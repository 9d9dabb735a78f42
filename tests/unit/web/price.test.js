import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../services/gallery/atelier_gallery/web/core/api.js";
import { createPrice } from "../../../services/gallery/atelier_gallery/web/pages/generate/price.js";
import { signal } from "../../../services/gallery/atelier_gallery/web/ui/html.js";

const range = (max) => ({ min: "0.04", max, currency: "USD", status: "exact" });
const settled = () => new Promise((resolve) => { setImmediate(resolve); });

/** A price whose pauses and answers end when the test says so. */
function asking() {
  const question = signal(null);
  const asked = [];
  const pauses = [];
  const price = createPrice({
    question: () => question.value,
    sleep: () => new Promise((resolve) => { pauses.push(resolve); }),
    api: { dryRun: (body, abandoned) => new Promise((resolve, reject) => { asked.push({ body, abandoned, resolve, reject }); }) },
  });
  const paused = () => { for (const end of pauses.splice(0)) end(); return settled(); };
  return { question, asked, paused, price };
}

const paid = (parameters, prompts = 1) => ({ parameters, prompts, free: false });

test("what is free is not asked for, and nothing costs nothing", async () => {
  const { question, asked, paused, price } = asking();
  assert.equal(price.value, null);
  question.value = { parameters: { n: 1 }, prompts: 3, free: true };
  await paused();
  assert.equal(price.value.cost.max, "0");
  assert.equal(asked.length, 0);
});

test("one prompt is asked for, once for each choice, and counted", async () => {
  const { question, asked, paused, price } = asking();
  question.value = paid({ n: 2 });
  assert.equal(price.value, null);
  await paused();
  assert.deepEqual(asked[0].body, { prompt: "-", n: 2 });
  asked[0].resolve({ cost: range("0.08") });
  await settled();
  question.value = paid({ n: 2 }, 5);
  await paused();
  assert.deepEqual(price.value, { cost: range("0.08"), prompts: 5 });
  assert.equal(asked.length, 1, "another prompt is no other question");
  question.value = null;
  assert.equal(price.value, null);
});

test("an answer to what is not asked any more is not shown", async () => {
  const { question, asked, paused, price } = asking();
  question.value = paid({ n: 1 });
  question.value = paid({ n: 2 });
  await paused();
  assert.equal(asked.length, 1, "whoever goes on choosing asks once");
  question.value = paid({ n: 3 });
  assert.ok(asked[0].abandoned.aborted);
  asked[0].resolve({ cost: range("0.08") });
  await paused();
  assert.equal(price.value, null);
  asked[1].resolve({ cost: range("0.12") });
  await settled();
  assert.equal(price.value.cost.max, "0.12");
});

test("without an answer no price is shown", async () => {
  const { question, asked, paused, price } = asking();
  question.value = paid({ n: 1 });
  await paused();
  asked[0].reject(new ApiError({ code: "network", status: 0 }));
  await settled();
  assert.equal(price.value, null);
});
