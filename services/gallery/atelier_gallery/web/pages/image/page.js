import { t, tOr } from "../../core/i18n.js";
import { isTyping } from "../../core/keys.js";
import { shorten } from "../../core/text.js";
import { Button, DownloadLink, IconButton } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { h, html, useEffect, useState } from "../../ui/html.js";
import { Icon } from "../../ui/icon.js";
import { Picture } from "../../ui/picture.js";
import { Toasts } from "../../ui/toast.js";
import { downloadUrl } from "../gallery/tile.js";
import { Details } from "./details.js";

/**
 * @typedef {object} Props
 * @property {import("./model.js").ImageModel} model
 * @property {import("../../ui/toast.js").ToastModel} toasts
 * @property {(job: import("../../core/types.js").Job, image: import("../../core/types.js").Image) => void} onUse
 */

/** The lightbox, while an image is in the address. @param {Props} props */
export function ImagePage({ model, toasts, onUse }) {
  if (!model.id.value) return null;
  const image = model.image.value;
  const { before, after } = model.neighbours.value;
  /** @param {KeyboardEvent} event */
  const keyDown = (event) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") model.show(before);
    else if (event.key === "ArrowRight") model.show(after);
    else if (event.key === "Delete" && image && !image.trashed_at) void model.trash();
    else if (event.key === "d") /** @type {HTMLElement | null} */ (document.querySelector(".lightbox a[download]"))?.click();
    else return;
    event.preventDefault();
  };
  return h(Dialog, {
    label: image ? shorten(image.prompt, 80) : t("image.title"), onClose: model.close, className: "lightbox", onKeyDown: keyDown,
    // What is outside a modal dialog is behind it, and cannot be reached.
    children: html`<div class="lightbox-frame">
      <div class="stage">${image ? h(Stage, { image, key: image.id }) : h(Missing, { model })}
        ${before && h(IconButton, { icon: "back", label: t("image.before"), className: "step before", onClick: () => model.show(before) })}
        ${after && h(IconButton, { icon: "next", label: t("image.after"), className: "step after", onClick: () => model.show(after) })}</div>
      <aside class="panel" aria-label=${t("image.about")}>
        <div class="panel-head">${image ? h(Actions, { model, image }) : html`<span></span>`}
          ${h(IconButton, { icon: "close", label: t("image.close"), onClick: model.close })}</div>
        ${image && h(Details, { image, job: model.job.value, toasts, onUse })}</aside></div>
      ${h(Toasts, { model: toasts })}`,
  });
}

/** The preview at once, the picture itself when it is there. @param {{image: import("../../core/types.js").Image, key?: string}} props */
function Stage({ image }) {
  const [loaded, setLoaded] = useState(false);
  const [failed, setFailed] = useState(false);
  // A neighbour is looked at next: the size of the frame comes from the numbers, so nothing jumps.
  return html`<figure class="full" style=${{ aspectRatio: `${image.width} / ${image.height}`, "--ratio": String(image.width / image.height) }}>
    ${!loaded && h(Picture, { src: image.thumb_urls["320"], alt: "", blurhash: image.blurhash })}
    ${!failed && html`<img class="original" src=${image.content_url} alt=${image.prompt} width=${image.width} height=${image.height}
      data-loaded=${String(loaded)} onLoad=${() => setLoaded(true)} onError=${() => setFailed(true)} />`}
    ${failed && html`<figcaption class="stage-error" role="alert">${t("image.failed")}</figcaption>`}</figure>`;
}

/** @param {{model: import("./model.js").ImageModel}} props */
function Missing({ model }) {
  const failure = model.failure.value;
  if (!failure) return html`<span class="full skeleton" role="status" aria-label=${t("gallery.loading")}></span>`;
  return html`<div class="empty" role="alert">${h(Icon, { name: "alert" })}<p>${tOr(`image.problem.${failure.code}`, "image.problem.other")}</p>
    ${failure.code !== "not_found" && h(Button, { icon: "retry", onClick: model.retry, children: t("gallery.tryAgain") })}</div>`;
}

/** @param {{model: import("./model.js").ImageModel, image: import("../../core/types.js").Image}} props */
function Actions({ model, image }) {
  const [sure, setSure] = useState(false);
  useEffect(() => setSure(false), [image.id]);
  if (!image.trashed_at) {
    return html`<div class="panel-actions">${h(DownloadLink, { href: downloadUrl(image), label: t("image.download"), children: t("image.download") })}
      ${h(IconButton, { icon: "trash", label: t("image.trash"), onClick: () => void model.trash() })}</div>`;
  }
  return html`<div class="panel-actions">${h(Button, { icon: "restore", onClick: () => void model.restore(), children: t("gallery.restore") })}
    ${h(Button, {
    look: sure ? "danger" : "quiet", onClick: () => (sure ? void model.purge() : setSure(true)),
    children: t(sure ? "image.purgeSure" : "image.purge"),
  })}</div>`;
}
