import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../../../services/gallery/atelier_gallery/web/core/blurhash.js";
import { format, parse } from "../../../services/gallery/atelier_gallery/web/core/router.js";
import { NOTHING, append, newestFirst, reconcile, refreshed } from "../../../services/gallery/atelier_gallery/web/pages/gallery/list.js";
import { finishedOf, fractionOf, shownJobs, took } from "../../../services/gallery/atelier_gallery/web/pages/queue/model.js";
import { columnsFor, destination, visibleRows } from "../../../services/gallery/atelier_gallery/web/ui/window.js";

const image = (number, more = {}) => ({ id: `i${number}`, created_at: `2026-01-01T00:00:${String(number).padStart(2, "0")}.000Z`, trashed_at: null, version: 1, ...more });
const live = (...images) => ({ images: new Map(images.map((each) => [each.id, each])), deleted: new Map() });
const ids = (listing) => listing.items.map(({ id }) => id);
const page = (items, next_cursor = null) => ({ items, next_cursor });
const HERE = { view: "gallery", q: "" };

test("only the rows in view are there, and the one with the focus", () => {
  const of = { height: 600, rowHeight: 200, rows: 1000, overscan: 1 };
  assert.deepEqual(visibleRows({ ...of, top: 0 }), [0, 1, 2, 3, 4]);
  assert.deepEqual(visibleRows({ ...of, top: 2000, keep: 2 }), [2, 9, 10, 11, 12, 13, 14]);
  assert.deepEqual(visibleRows({ ...of, top: 199_800 }), [998, 999]);
  assert.deepEqual(visibleRows({ ...of, top: -5000 }), []);
  assert.deepEqual(visibleRows({ ...of, rows: 0, top: 0 }), []);
});

test("columns fit the width, at least two", () => {
  assert.deepEqual([100, 433, 434, 1000].map((width) => columnsFor(width, 210, 14)), [2, 2, 2, 4]);
});

test("keys move in the grid and stay in it", () => {
  const of = { mod: false, columns: 4, count: 10, page: 2 };
  const to = (key, index, more = {}) => destination({ ...of, key, index, ...more });
  assert.deepEqual([to("ArrowLeft", 0), to("ArrowRight", 9), to("ArrowUp", 2), to("ArrowDown", 9)], [0, 9, 2, 9]);
  assert.deepEqual([to("ArrowDown", 7), to("ArrowDown", 4), to("ArrowUp", 9)], [9, 8, 5]);
  assert.deepEqual([to("Home", 6), to("End", 5), to("End", 9)], [4, 7, 9]);
  assert.deepEqual([to("Home", 6, { mod: true }), to("End", 5, { mod: true })], [0, 9]);
  assert.deepEqual([to("PageDown", 1), to("PageUp", 9), to("x", 3)], [9, 1, null]);
});

test("pages follow each other, a shifted one repeats nothing", () => {
  const first = append(NOTHING, page([image(9), image(8)], "c"));
  const second = append(first, page([image(8), image(7)]));
  assert.deepEqual([ids(second), first.ended, second.ended], [["i9", "i8", "i7"], false, true]);
});

test("what is new comes first, what is older than the list waits for its page", () => {
  const listing = append(NOTHING, page([image(9), image(5)], "c"));
  assert.deepEqual(ids(reconcile(listing, live(image(7), image(3), image(12)), HERE)), ["i12", "i9", "i7", "i5"]);
  const ended = append(NOTHING, page([image(9), image(5)]));
  assert.deepEqual(ids(reconcile(ended, live(image(3)), HERE)), ["i9", "i5", "i3"]);
  assert.deepEqual(ids(reconcile(append(NOTHING, page([])), live(image(3)), HERE)), ["i3"]);
});

test("a search takes news of what it has, and nothing else", () => {
  const listing = append(NOTHING, page([image(9)]));
  const told = reconcile(listing, live(image(12), image(9, { version: 3, blurhash: "x" })), { view: "gallery", q: "fox" });
  assert.deepEqual([ids(told), told.items[0].version], [["i9"], 3]);
});

test("trash and restore move pictures between the views", () => {
  const gone = image(9, { version: 2, trashed_at: "2026-01-02T00:00:00.000Z" });
  const listing = append(NOTHING, page([image(9), image(8)]));
  assert.deepEqual(ids(reconcile(listing, live(gone), HERE)), ["i8"]);
  assert.deepEqual(ids(reconcile(append(NOTHING, page([])), live(gone), { view: "trash", q: "" })), ["i9"]);
  assert.deepEqual(ids(reconcile(append(NOTHING, page([gone])), live(image(9, { version: 3 })), { view: "trash", q: "" })), []);
});

test("an older word changes nothing, and nothing new is the same list", () => {
  const listing = append(NOTHING, page([image(9, { version: 4 })]));
  assert.equal(reconcile(listing, live(image(9, { version: 3, trashed_at: "x" })), HERE), listing);
});

test("what is deleted is gone", () => {
  const listing = append(NOTHING, page([image(9), image(8)]));
  assert.deepEqual(ids(reconcile(listing, { images: new Map(), deleted: new Map([["i9", 4]]) }, HERE)), ["i8"]);
});

test("reading again replaces what the page covers and keeps what is older", () => {
  const listing = append(append(NOTHING, page([image(9), image(8)], "a")), page([image(5), image(4)], "b"));
  const again = refreshed(listing, page([image(11), image(8)], "x"));
  assert.deepEqual([ids(again), again.cursor], [["i11", "i8", "i5", "i4"], "b"]);
  const gap = refreshed(listing, page([image(30), image(29)], "x"));
  assert.deepEqual([ids(gap), gap.cursor], [["i30", "i29"], "x"]);
  assert.deepEqual(ids(refreshed(listing, page([image(8)]))), ["i8"]);
});

test("newest first, the same time by id", () => {
  assert.deepEqual([image(1), image(3), { ...image(3), id: "i4" }].sort(newestFirst).map(({ id }) => id), ["i4", "i3", "i1"]);
});

const job = (id, status, more = {}) => ({ id, status, done: !["queued", "running", "retrying"].includes(status), request: { n: 4 }, progress: 0, images: [], created_at: id, finished_at: id, ...more });

test("the queue shows what is under way, what went wrong, and briefly what went well", () => {
  const jobs = new Map(["queued", "running", "succeeded", "failed", "canceled", "retrying"].map((status, index) => [`j${index}`, job(`j${index}`, status)]));
  const shown = (lingering = [], dismissed = []) => shownJobs(jobs, new Set(lingering), new Set(dismissed)).map(({ status }) => status);
  assert.deepEqual(shown(), ["running", "retrying", "queued", "failed"]);
  assert.deepEqual(shown(["j2"], ["j3"]), ["running", "retrying", "queued", "succeeded"]);
});

test("what was over at once says so instead of showing no time", () => {
  assert.deepEqual([took(300, true), took(1_200, true), took(300, false)], ["in under a second", "0:01", "0:00"]);
});

test("progress is what is finished and what is known, and nothing is made up", () => {
  assert.equal(fractionOf(job("j", "running"), undefined), null);
  assert.equal(fractionOf(job("j", "running"), new Map([[0, 0.5], [1, 0.5]])), 0.25);
  assert.equal(fractionOf(job("j", "running", { images: [1, 2] }), new Map([[2, 7]])), 0.75);
  assert.equal(fractionOf(job("j", "running", { progress: 0.5 }), undefined), 0.5, "after a reload");
  assert.equal(fractionOf(job("j", "running", { progress: 0.5 }), new Map([[0, 1], [1, 1], [2, 0.5]])), 0.625, "counted once");
  assert.equal(finishedOf(job("j", "running", { progress: 0.5 }), new Map([[0, 1]])), 2);
  assert.equal(fractionOf(job("j", "partially_succeeded", { images: [1] }), undefined), 0.25);
});

test("a picture is finished when the job has it or its call says so", () => {
  assert.equal(finishedOf(job("j", "running", { images: [1] }), new Map([[1, 1], [2, 0.9]])), 2);
  assert.equal(finishedOf(job("j", "queued"), undefined), 0);
});

test("addresses come back as they were", () => {
  for (const route of [{ image: null, q: "", view: "gallery" }, { image: "a/b&c", q: "ü ?#", view: "trash" }]) {
    assert.deepEqual(parse(format(route).slice(1)), route);
  }
  assert.deepEqual(parse("?view=nonsense"), { image: null, q: "", view: "gallery" });
});

test("a blurhash becomes colours, anything else does not", () => {
  const pixels = decode("LEHV6nWB2yk8pyo0adR*.7kCMdnj", 4, 4);
  assert.equal(pixels.length, 64);
  assert.ok(pixels.every((value, index) => index % 4 !== 3 || value === 255));
  assert.deepEqual([...decode("00TI:j", 1, 1)], [255, 0, 0, 255], "one component: the average alone");
  for (const wrong of ["", "x", "LEHV6nWB2yk8pyo0adR*.7kCMdn", "\u0000\u0000\u0000\u0000\u0000\u0000"]) assert.equal(decode(wrong, 2, 2), null);
});
