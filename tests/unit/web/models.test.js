/** The models of the pages, with an API that answers when the test says so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../services/gallery/atelier_gallery/web/core/api.js";
import { createStore } from "../../../services/gallery/atelier_gallery/web/core/store.js";
import { createGallery } from "../../../services/gallery/atelier_gallery/web/pages/gallery/model.js";
import { BLANK } from "../../../services/gallery/atelier_gallery/web/pages/generate/form.js";
import { createGenerate } from "../../../services/gallery/atelier_gallery/web/pages/generate/model.js";
import { createImagePage } from "../../../services/gallery/atelier_gallery/web/pages/image/model.js";
import { signal } from "../../../services/gallery/atelier_gallery/web/ui/html.js";
import { createToasts } from "../../../services/gallery/atelier_gallery/web/ui/toast.js";

const image = (number) => ({
  id: `i${number}`, job_id: `j${number}`, created_at: `2026-01-01T00:00:0${number}.000Z`, trashed_at: null, version: 1,
});
const settled = () => new Promise((resolve) => { setImmediate(resolve); });
const away = () => Promise.reject(new ApiError({ code: "service_unavailable", status: 503 }));

/** What the server answers is what `answers` says at the moment. */
async function setUp(answers = {}) {
  const asked = [];
  const call = (name) => (...given) => {
    asked.push(name === "images" ? given[0].cursor : given[0]);
    return (answers[name] ?? away)(...given);
  };
  const api = Object.fromEntries(["images", "image", "job", "trash", "restore", "purge"].map((name) => [name, call(name)]));
  const route = signal({ image: null, q: "", view: "gallery" });
  const router = {
    route,
    go(changes) { route.value = { ...route.value, ...changes }; },
    back(changes) { route.value = { ...route.value, ...changes }; },
  };
  const store = createStore({ schedule: (flush) => flush() });
  const toasts = createToasts();
  const gallery = createGallery({ api, store, router, toasts });
  const lightbox = createImagePage({ api, store, router, gallery, afterClosing: (then) => then() });
  await settled();
  const shown = () => gallery.listing.value.items.map(({ id }) => id);
  return { answers, asked, gallery, lightbox, router, shown, store, toasts };
}

const held = (value) => ({ read: () => value, write(next) { value = next; } });

test("a submission keeps its key until it is known what came of it", async () => {
  const keys = [];
  const answers = [];
  const generate = createGenerate({
    api: { createJob: (body, key) => { keys.push(key); return Promise.reject(answers.shift()); } },
    store: createStore({ schedule: (flush) => flush() }), toasts: createToasts(),
    newKey: () => `k${keys.length}`, sleep: () => Promise.resolve(),
    draft: held({ ...BLANK, rows: [{ id: 1, text: "a fox" }] }), unanswered: held(null),
  });
  const unknown = () => new ApiError({ code: "network", status: 0 });
  answers.push(...Array.from({ length: 6 }, unknown), new ApiError({ code: "storage_full", status: 507 }), unknown());
  await generate.submit();
  await generate.submit();
  assert.deepEqual(new Set(keys), new Set(["k0"]));
  answers.push(...Array.from({ length: 5 }, unknown));
  await generate.submit();
  assert.deepEqual(new Set(keys.slice(7)), new Set(["k7"]));
});

const pages = (...found) => (query) => Promise.resolve(found[query.cursor === null ? 0 : 1]);

test("what is tried again is what failed, not the page behind it", async () => {
  const first = { items: [image(5), image(4)], next_cursor: "c" };
  const { answers, asked, gallery, shown, store } = await setUp({ images: pages(first) });
  assert.deepEqual(shown(), ["i5", "i4"]);
  answers.images = away;
  store.receive({ event: "snapshot.started", data: { reset: true } });
  store.receive({ event: "snapshot.complete", data: {}, id: "c1" });
  await settled();
  assert.equal(gallery.reading.value, "error");
  answers.images = pages({ ...first, items: [image(6), image(5)] }, { items: [], next_cursor: null });
  gallery.retry();
  await settled();
  assert.deepEqual(asked.slice(-1), [null]);
  assert.deepEqual(shown(), ["i6", "i5", "i4"]);
});

test("a picture that could not be deleted stays where it was looked at", async () => {
  const { answers, lightbox, router, toasts } = await setUp({ images: pages({ items: [image(5), image(4)], next_cursor: null }) });
  router.go({ image: "i5" });
  await lightbox.trash();
  assert.equal(lightbox.id.value, "i5");
  assert.equal(toasts.toasts.value.length, 1);
  answers.trash = () => Promise.resolve({ ...image(5), version: 2, trashed_at: "2026-01-02T00:00:00.000Z" });
  await lightbox.trash();
  assert.equal(lightbox.id.value, "i4");
});

test("a picture that somebody deleted for good while it was looked at is said to be gone", async () => {
  const gone = () => Promise.reject(new ApiError({ code: "not_found", status: 404 }));
  const { lightbox, router, store } = await setUp({ images: pages({ items: [image(5)], next_cursor: null }), image: gone });
  router.go({ image: "i5" });
  assert.equal(lightbox.image.value.id, "i5");
  store.receive({ event: "image.deleted", data: { id: "i5", version: 2 } });
  await settled();
  assert.deepEqual([lightbox.image.value, lightbox.failure.value?.code], [null, "not_found"]);
});

test("one that was read by itself is gone, too", async () => {
  const { answers, lightbox, router, store } = await setUp({
    images: pages({ items: [], next_cursor: null }), image: () => Promise.resolve(image(5)),
  });
  router.go({ image: "i5" });
  await settled();
  assert.equal(lightbox.image.value.id, "i5");
  answers.image = () => Promise.reject(new ApiError({ code: "not_found", status: 404 }));
  store.receive({ event: "image.deleted", data: { id: "i5", version: 2 } });
  await settled();
  assert.deepEqual([lightbox.image.value, lightbox.failure.value?.code], [null, "not_found"]);
});
