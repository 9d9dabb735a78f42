/** The frame around everything: the bar, the banner, the sign-in, and the places of the pages. */
import { t } from "../../core/i18n.js";
import { IconButton } from "../../ui/button.js";
import { h, html, useEffect } from "../../ui/html.js";
import { Toasts } from "../../ui/toast.js";
import { fromRequest } from "../generate/form.js";
import { GalleryPage } from "../gallery/page.js";
import { GeneratePage } from "../generate/page.js";
import { ImagePage } from "../image/page.js";
import { QueuePage } from "../queue/page.js";
import { Banner } from "./banner.js";
import { SignIn } from "./sign-in.js";

/**
 * @typedef {object} Props
 * @property {import("../../core/store.js").Store} store
 * @property {import("../../core/router.js").Router} router
 * @property {import("../../ui/toast.js").ToastModel} toasts
 * @property {import("../generate/model.js").Generate} generate
 * @property {import("../queue/model.js").Queue} queue
 * @property {import("../gallery/model.js").Gallery} gallery
 * @property {import("../image/model.js").ImageModel} image
 * @property {import("./theme.js").Theme} theme
 * @property {(key: string) => Promise<string | null>} signIn  the code of what was wrong
 * @property {() => void} reconnect
 */

/** @param {Props} props */
export function Shell({ store, router, toasts, generate, queue, gallery, image, theme, signIn, reconnect }) {
  const active = queue.active.value;
  useEffect(() => {
    document.title = active ? t("shell.titleBusy", { count: active }) : t("shell.title");
  }, [active]);
  /** @param {string} id */
  const open = (id) => router.go({ image: id });
  const accepted = () => {
    if (window.matchMedia("(max-width: 1023px)").matches) {
      requestAnimationFrame(() => document.getElementById("queue")?.scrollIntoView({ block: "start" }));
    } else {
      generate.again();
    }
  };
  return html`<a class="skip" href="#gallery">${t("shell.skip")}</a>
    <header class="bar"><a class="brand" href="/" onClick=${home(router)}>${h(Mark, {})}<span>Atelier</span></a>
      <div class="bar-end">${h(Status, { store })}${h(ThemeToggle, { theme })}</div></header>
    ${h(Banner, { store, onRetry: reconnect })}
    <div class="layout">
      <div class="side">${h(GeneratePage, { model: generate, onAccepted: accepted })}</div>
      <main id="gallery" tabindex="-1">${h(QueuePage, { model: queue, onOpen: open })}
        ${h(GalleryPage, { model: gallery, router, onExample: () => generate.example(t("example.lighthouse.prompt")) })}</main></div>
    ${h(ImagePage, {
    model: image, toasts,
    onUse: (job, of) => image.leave(() => generate.use(fromRequest(job.request, of.seed))),
  })}
    ${store.signInNeeded.value && h(SignIn, { onSignIn: signIn })}
    ${!image.id.value && h(Toasts, { model: toasts })}`;
}

/** @param {import("../../core/router.js").Router} router */
const home = (router) => (/** @type {MouseEvent} */ event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  router.go({ image: null, q: "", view: "gallery" });
  window.scrollTo({ top: 0 });
};

function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" class="mark-ground" />
    <path d="M7 23.5 13.2 12l4.3 7.2 2.3-3.4 5.2 7.7z" class="mark-hills" /><circle cx="22.2" cy="10" r="2.7" class="mark-sun" /></svg>`;
}

/** @param {{store: import("../../core/store.js").Store}} props */
function Status({ store }) {
  const state = store.signInNeeded.value ? "signedOut" : store.connection.value;
  return html`<span class="status ${state}"><span class="dot" aria-hidden="true"></span>${t(`connection.${state}`)}</span>`;
}

/** @param {{theme: import("./theme.js").Theme}} props */
function ThemeToggle({ theme }) {
  const dark = theme.shown.value === "dark";
  return h(IconButton, { icon: dark ? "light" : "dark", label: t(dark ? "shell.light" : "shell.dark"), onClick: theme.toggle });
}
