import { t } from "../../core/i18n.js";
import { isKey, isTyping } from "../../core/keys.js";
import { Button } from "../../ui/button.js";
import { h, html, useEffect, useRef } from "../../ui/html.js";
import { Icon } from "../../ui/icon.js";
import { VirtualGrid } from "../../ui/virtual-grid.js";
import { Tile, tileName } from "./tile.js";

const PAUSE = 250;

/** @typedef {import("./list.js").Image} Image */

// `h` cannot infer what the grid is of.
const PictureGrid = /** @type {(props: import("../../ui/virtual-grid.js").GridProps<Image>) => ReturnType<typeof html>} */ (VirtualGrid);

/**
 * @typedef {object} Props
 * @property {import("./model.js").Gallery} model
 * @property {import("../../core/router.js").Router} router
 * @property {() => void} onExample  what an empty gallery suggests
 */

/** @param {Props} props */
export function GalleryPage({ model, router, onExample }) {
  const { view, q } = router.route.value;
  const { items, ended } = model.listing.value;
  const reading = model.reading.value;
  const title = t(view === "trash" ? "gallery.trashTitle" : "gallery.title");
  return html`<section class="gallery" aria-labelledby="gallery-title">
    <div class="section-head gallery-head">
      <h2 id="gallery-title">${title}</h2>
      <div class="gallery-tools">${h(Search, { router })}${h(Views, { router })}</div></div>
    ${model.stale.value || (reading === "loading" && !items.length) ? h(Skeletons, {})
    : items.length ? h(Pictures, { model, router, title })
    : reading === "error" ? h(Failure, { onRetry: model.retry })
    : h(Empty, { view, q, onExample, onClear: () => router.go({ q: "" }) })}
    <div class="gallery-end" aria-live="polite">
      ${items.length > 0 && reading === "error" && h(Failure, { onRetry: model.retry })}
      ${items.length > 0 && reading === "loading" && !ended && html`<p class="hint">${t("gallery.loadingMore")}</p>`}</div>
  </section>`;
}

/** @param {{model: import("./model.js").Gallery, router: import("../../core/router.js").Router, title: string}} props */
function Pictures({ model, router, title }) {
  const { items, ended } = model.listing.value;
  const narrow = window.matchMedia("(max-width: 600px)").matches;
  return h(PictureGrid, {
    items, more: !ended, label: title, min: narrow ? 150 : 210, gap: narrow ? 8 : 14,
    active: model.active.value, focusRequest: model.focusRequest.value, name: tileName,
    cell: (image) => h(Tile, { image, model }),
    onActive: model.activate,
    onOpen: (image) => router.go({ image: image.id }),
    onKey: (image, key) => {
      if (key !== "Delete" || image.trashed_at) return false;
      void model.trash(image, { focus: true });
      return true;
    },
    onNearEnd: model.more,
  });
}

/** @param {{router: import("../../core/router.js").Router}} props */
function Search({ router }) {
  const ref = useRef(/** @type {HTMLInputElement | null} */ (null));
  const timer = useRef(0);
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const keyDown = (event) => {
      if (!isKey(event, "/") || isTyping(event.target) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      ref.current?.focus();
    };
    document.addEventListener("keydown", keyDown);
    return () => document.removeEventListener("keydown", keyDown);
  }, []);
  const { q } = router.route.value;
  useEffect(() => {
    if (ref.current && ref.current.value.trim() !== q) ref.current.value = q;
  }, [q]);
  const input = () => {
    clearTimeout(timer.current);
    timer.current = Number(setTimeout(() => router.go({ q: ref.current?.value.trim() ?? "" }, { replace: true }), PAUSE));
  };
  return html`<label class="search"><span class="visually-hidden">${t("gallery.search")}</span>${h(Icon, { name: "search" })}
    <input ref=${ref} type="search" class="input" maxlength="400" placeholder=${t("gallery.search")} defaultValue=${q} onInput=${input} /></label>`;
}

/** @param {{router: import("../../core/router.js").Router}} props */
function Views({ router }) {
  const { view } = router.route.value;
  /** @param {"gallery" | "trash"} to */
  const link = (to) => html`<a href=${to === "trash" ? "/?view=trash" : "/"} aria-current=${view === to ? "page" : undefined}
    onClick=${(/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    router.go({ view: to, q: "" });
  }}>${h(Icon, { name: to === "trash" ? "trash" : "picture" })}<span>${t(`gallery.view.${to}`)}</span></a>`;
  return html`<nav class="views" aria-label=${t("gallery.views")}>${link("gallery")}${link("trash")}</nav>`;
}

function Skeletons() {
  return html`<div class="skeletons" role="status" aria-label=${t("gallery.loading")}>
    ${Array.from({ length: 12 }, (_, index) => html`<span class="skeleton" key=${index}></span>`)}</div>`;
}

/** @param {{onRetry: () => void}} props */
function Failure({ onRetry }) {
  return html`<div class="empty" role="alert">${h(Icon, { name: "alert" })}
    <p>${t("gallery.failed")}</p>${h(Button, { icon: "retry", onClick: onRetry, children: t("gallery.tryAgain") })}</div>`;
}

/** @param {{view: string, q: string, onExample: () => void, onClear: () => void}} props */
function Empty({ view, q, onExample, onClear }) {
  if (q) {
    return html`<div class="empty">${h(Icon, { name: "search" })}<p class="empty-title">${t("gallery.noMatch", { q })}</p>
      ${h(Button, { onClick: onClear, children: t("gallery.clearSearch") })}</div>`;
  }
  if (view === "trash") return html`<div class="empty">${h(Icon, { name: "trash" })}<p class="empty-title">${t("gallery.trashEmpty")}</p></div>`;
  return html`<div class="empty first">
    <svg class="easel" viewBox="0 0 120 96" aria-hidden="true"><rect x="22" y="6" width="76" height="58" rx="6" class="frame" />
      <path d="M28 58 50 30l14 18 8-10 20 20z" class="hills" /><circle cx="78" cy="22" r="6" class="sun" />
      <path d="M40 64 30 92M80 64l10 28M60 64v22" class="legs" /></svg>
    <p class="empty-title">${t("gallery.emptyTitle")}</p><p class="hint">${t("gallery.emptyText")}</p>
    ${h(Button, { icon: "spark", onClick: onExample, children: t("gallery.emptyAction") })}</div>`;
}
