/** The list of a query, kept in step with live news. Pure. */

/**
 * @typedef {import("../../core/types.js").Image} Image
 * @typedef {{view: "gallery" | "trash", q: string}} Query
 *
 * @typedef {object} Listing
 * @property {readonly Image[]} items  newest first
 * @property {string | null} cursor  of the next page
 * @property {boolean} ended  whether there is nothing beyond
 */

/** @type {Listing} */
export const NOTHING = { items: [], cursor: null, ended: false };

/** Newest first. @param {Image} a @param {Image} b */
export function newestFirst(a, b) {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/**
 * The list with the next page behind it.
 *
 * @param {Listing} listing
 * @param {import("../../core/types.js").List<Image>} page
 * @returns {Listing}
 */
export function append(listing, page) {
  const known = new Set(listing.items.map((image) => image.id));
  const added = page.items.filter((image) => !known.has(image.id));
  return { items: [...listing.items, ...added], cursor: page.next_cursor, ended: page.next_cursor === null };
}

/**
 * The list after its first page was read again: what the page covers is as the page says, what is older stays.
 *
 * @param {Listing} listing
 * @param {import("../../core/types.js").List<Image>} page
 * @returns {Listing}
 */
export function refreshed(listing, page) {
  const ids = new Set(page.items.map((image) => image.id));
  const last = page.items.at(-1);
  const overlaps = listing.items.some((image) => ids.has(image.id));
  if (page.next_cursor === null || !last || !overlaps) return append(NOTHING, page);
  const older = listing.items.filter((image) => !ids.has(image.id) && newestFirst(image, last) > 0);
  if (!older.length) return append(NOTHING, page);
  return { ...listing, items: [...page.items, ...older] };
}

/**
 * The list with what live news says: newer versions in place, gone what is deleted or has moved, and, unless it is a
 * search, which only the server can answer, what is new. The same object when nothing changed.
 *
 * @param {Listing} listing
 * @param {Pick<import("../../core/reducer.js").Live, "images" | "deleted">} live
 * @param {Query} query
 * @returns {Listing}
 */
export function reconcile(listing, live, query) {
  const belongs = (/** @type {Image} */ image) => (image.trashed_at !== null) === (query.view === "trash");
  let changed = false;
  /** @type {Image[]} */
  const items = [];
  const known = new Set();
  for (const old of listing.items) {
    const news = live.images.get(old.id);
    const image = news && news.version > old.version ? news : old;
    if (image !== old) changed = true;
    if (live.deleted.has(image.id) || !belongs(image)) changed = true;
    else {
      items.push(image);
      known.add(image.id);
    }
  }
  const last = listing.items.at(-1);
  const fresh = [...live.images.values()].filter((image) => !query.q && !known.has(image.id) && belongs(image)
    && (listing.ended || (last !== undefined && newestFirst(image, last) < 0)));
  if (!fresh.length) return changed ? { ...listing, items } : listing;
  return { ...listing, items: [...items, ...fresh].sort(newestFirst) };
}
