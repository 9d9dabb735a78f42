/** View state is in the URL: `?image=ID` (lightbox), `?q=` (search), `?view=trash`. */
import { signal } from "../vendor/signals/signals.js";

/**
 * @typedef {{image: string | null, q: string, view: "gallery" | "trash"}} Route
 */

/** @param {string} search @returns {Route} */
export function parse(search) {
  const params = new URLSearchParams(search);
  return {
    image: params.get("image") || null,
    q: params.get("q") ?? "",
    view: params.get("view") === "trash" ? "trash" : "gallery",
  };
}

/** @param {Route} route */
export function format({ image, q, view }) {
  const params = new URLSearchParams();
  if (view === "trash") params.set("view", view);
  if (q) params.set("q", q);
  if (image) params.set("image", image);
  return params.size ? `/?${params}` : "/";
}

/** @param {Window} window */
export function createRouter(window) {
  const route = signal(parse(window.location.search));
  window.addEventListener("popstate", () => { route.value = parse(window.location.search); });

  return {
    route,
    /** @param {Partial<Route>} changes @param {{replace?: boolean}} [how]  replace: no entry in the history */
    go(changes, { replace = false } = {}) {
      const next = { ...route.peek(), ...changes };
      const url = format(next);
      if (url === format(route.peek())) return;
      if (replace) window.history.replaceState(window.history.state, "", url);
      else window.history.pushState({ ours: true }, "", url);
      route.value = next;
    },
    /**
     * Undoes the step that led here, so that going back later does not lead here again; a page that was entered by its
     * address has no such step, and changes in place.
     *
     * @param {Partial<Route>} changes  what the step before was without
     */
    back(changes) {
      const next = { ...route.peek(), ...changes };
      if (window.history.state?.ours) window.history.back();
      else window.history.replaceState(null, "", format(next));
      route.value = next;
    },
  };
}

/** @typedef {ReturnType<typeof createRouter>} Router */
