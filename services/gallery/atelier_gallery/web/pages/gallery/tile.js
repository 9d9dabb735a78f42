import { date, t } from "../../core/i18n.js";
import { shorten } from "../../core/text.js";
import { DownloadLink, IconButton } from "../../ui/button.js";
import { h, html } from "../../ui/html.js";
import { Icon } from "../../ui/icon.js";
import { Picture } from "../../ui/picture.js";

/** @typedef {import("../../core/types.js").Image} Image */

/** @param {Image} image */
export const tileName = (image) => t("gallery.tile", { prompt: shorten(image.prompt, 120), date: date(image.created_at) });

/** The way to the file itself. @param {Image} image */
export const downloadUrl = (image) => `${image.content_url}?download=1`;

/**
 * A picture in the grid. Its buttons are for the pointer; keys act on the cell.
 *
 * @param {{image: Image, model: import("./model.js").Gallery}} props
 */
export function Tile({ image, model }) {
  /** @param {() => unknown} act */
  const only = (act) => (/** @type {MouseEvent} */ event) => {
    event.stopPropagation();
    void act();
  };
  const broken = html`<span class="broken">${h(Icon, { name: "picture" })}<span>${t("gallery.noPreview")}</span></span>`;
  return html`<div class="tile">
    ${image.error ? broken : h(Picture, { src: image.thumb_urls["320"], alt: "", blurhash: image.blurhash, broken })}
    <div class="tile-over"><p class="tile-prompt" dir="auto">${image.prompt}</p>
      <span class="tile-actions">${image.trashed_at
    ? h(IconButton, { icon: "restore", label: t("gallery.restore"), tabIndex: -1, onClick: only(() => model.restore(image)) })
    : html`${h(DownloadLink, { href: downloadUrl(image), label: t("image.download"), tabIndex: -1 })}
        ${h(IconButton, { icon: "trash", label: t("image.trash"), tabIndex: -1, onClick: only(() => model.trash(image)) })}`}</span>
    </div></div>`;
}
