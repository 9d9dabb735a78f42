/** The gallery: one list by query, read page by page, and what can be done to a picture. */
import { ApiError } from "../../core/api.js";
import { t, tOr } from "../../core/i18n.js";
import { batch, computed, effect, signal } from "../../ui/html.js";
import { NOTHING, append, reconcile, refreshed } from "./list.js";

/**
 * @typedef {import("../../core/types.js").Image} Image
 * @typedef {"loading" | "idle" | "error"} Reading
 */

const PAGE = 60;

/**
 * @param {object} of
 * @param {import("../../core/api.js").Api} of.api
 * @param {import("../../core/store.js").Store} of.store
 * @param {import("../../core/router.js").Router} of.router
 * @param {import("../../ui/toast.js").ToastModel} of.toasts
 */
export function createGallery({ api, store, router, toasts }) {
  const query = computed(() => {
    const { view, q } = router.route.value;
    return JSON.stringify({ view, q });
  });
  const read = signal({ query: query.peek(), listing: NOTHING });
  const reading = signal(/** @type {Reading} */ ("loading"));
  const active = signal(/** @type {string | null} */ (null));
  const focusRequest = signal(0);
  const listing = computed(() => reconcile(read.value.listing, store.live.value, JSON.parse(read.value.query)));
  let request = new AbortController();
  /** The last read once more. */
  let again = () => {};

  effect(() => {
    query.value;
    void start();
  });

  // After a fresh snapshot what happened in between is known to nobody but the server.
  const snapshot = computed(() => (store.live.value.complete ? store.live.value.resets : 0));
  effect(() => {
    if (snapshot.value) void refresh();
  });

  async function start() {
    const mine = query.peek();
    if (mine !== read.peek().query) read.value = { query: mine, listing: NOTHING };
    await page(null, (_, answer) => append(NOTHING, answer));
  }

  const refresh = () => page(null, refreshed);

  /**
   * @param {string | null} cursor
   * @param {(listing: import("./list.js").Listing, page: import("../../core/types.js").List<Image>) => import("./list.js").Listing} join
   */
  async function page(cursor, join) {
    const mine = query.peek();
    const { view, q } = JSON.parse(mine);
    again = () => void page(cursor, join);
    request.abort();
    request = new AbortController();
    const { signal: current } = request;
    reading.value = "loading";
    try {
      const answer = await api.images({ limit: PAGE, cursor, q, trashed: view === "trash" ? true : null }, current);
      if (current.aborted) return;
      batch(() => {
        read.value = { query: mine, listing: join(read.peek().listing, answer) };
        reading.value = "idle";
      });
    } catch (error) {
      if (current.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      reading.value = "error";
    }
  }

  /** @param {() => Promise<Image | null>} act @param {string} id */
  async function attempt(act, id) {
    try {
      const image = await act();
      if (image) store.merge({ event: "image.updated", data: image });
      else store.merge({ event: "image.deleted", data: { id, version: Number.MAX_SAFE_INTEGER } });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === "not_found") store.merge({ event: "image.deleted", data: { id, version: Number.MAX_SAFE_INTEGER } });
      toasts.show(tOr(`problem.${error.code}`, "problem.other"), { tone: "error" });
      return false;
    }
  }

  /** Where the tab stop goes when `id` leaves. @param {string} id */
  function neighbourOf(id) {
    const { items } = listing.peek();
    const at = items.findIndex((image) => image.id === id);
    return (items[at + 1] ?? items[at - 1])?.id ?? null;
  }

  return {
    listing, reading, active, focusRequest,
    /** Whether the list on screen is still the one of another query. */
    stale: computed(() => read.value.query !== query.value),
    retry: () => again(),
    more() {
      const { cursor, ended } = read.peek().listing;
      if (!ended && cursor && reading.peek() === "idle") void page(cursor, append);
    },
    /** @param {string} id @param {boolean} focus */
    activate(id, focus) {
      active.value = id;
      if (focus) focusRequest.value += 1;
    },
    /** The pictures before and after. @param {string} id */
    neighbours(id) {
      const { items } = listing.value;
      const at = items.findIndex((image) => image.id === id);
      return { before: items[at - 1] ?? null, after: at < 0 ? null : items[at + 1] ?? null, position: at + 1 };
    },
    /** To the trash, with a way back; whether it is there. @param {Image} image @param {{focus?: boolean}} [how] @returns {Promise<boolean>} */
    async trash(image, { focus = false } = {}) {
      const heir = neighbourOf(image.id);
      if (!await attempt(() => api.trash(image.id), image.id)) return false;
      if (active.peek() === image.id) active.value = heir;
      if (focus) focusRequest.value += 1;
      toasts.show(t("gallery.trashed"), {
        action: { label: t("gallery.undo"), run: () => void this.restore(image, { focus: true }) },
      });
      return true;
    },
    /** @param {Image} image @param {{focus?: boolean}} [how] */
    async restore(image, { focus = false } = {}) {
      if (!await attempt(() => api.restore(image.id), image.id)) return;
      toasts.announce(t("gallery.restored"));
      if (router.route.peek().view === "gallery") this.activate(image.id, focus);
    },
    /** For ever. @param {Image} image */
    purge: (image) => attempt(() => api.purge(image.id), image.id),
  };
}

/** @typedef {ReturnType<typeof createGallery>} Gallery */
