import { bytes, date, money, number, t, tOr } from "../../core/i18n.js";
import { Attempts } from "../../ui/attempts.js";
import { Button, IconButton } from "../../ui/button.js";
import { copy } from "../../ui/copy.js";
import { h, html } from "../../ui/html.js";

/**
 * @typedef {import("../../core/types.js").Image} Image
 * @typedef {import("../../core/types.js").Job} Job
 */

/**
 * How a picture came to be.
 *
 * @param {object} props
 * @param {Image} props.image
 * @param {Job | null} props.job
 * @param {import("../../ui/toast.js").ToastModel} props.toasts
 * @param {(job: Job, image: Image) => void} props.onUse
 */
export function Details({ image, job, toasts, onUse }) {
  /** @param {string} text */
  const copied = async (text) => {
    await copy(text);
    toasts.show(t("image.copied"));
  };
  return html`<div class="details">
    ${image.error && html`<p class="field-error">${t("image.undecodable")}</p>`}
    <div class="prompt-block"><h2 class="detail-title">${t("image.prompt")}</h2>
      ${h(IconButton, { icon: "copy", label: t("image.copyPrompt"), onClick: () => void copied(image.prompt) })}
      <p class="full-prompt" dir="auto" tabindex="0">${image.prompt}</p></div>
    <dl class="facts">${facts(image, job).map(({ name, value, copyable }) => html`<div key=${name}><dt>${t(name)}</dt>
      <dd dir="auto">${value}${copyable && h(IconButton, { icon: "copy", label: t("image.copyThis", { what: t(name) }), onClick: () => void copied(value) })}</dd></div>`)}</dl>
    ${h(Attempts, { attempts: job?.attempts ?? [] })}
    ${job && h(Button, { look: "primary", icon: "sliders", onClick: () => onUse(job, image), children: t("image.use") })}
  </div>`;
}

/**
 * What is known, in the order people ask for it.
 *
 * @param {Image} image
 * @param {Job | null} job
 * @returns {{name: string, value: string, copyable: boolean}[]}
 */
export function facts(image, job) {
  const request = job?.request;
  /** @type {[string, string | null | undefined, boolean?][]} */
  const known = [
    ["image.negative", request?.negative_prompt],
    ["image.style", request?.style],
    ["image.model", image.model],
    ["image.seed", image.seed === null ? null : String(image.seed), true],
    ["image.quality", request?.quality && tOr(`quality.${request.quality}`, "quality.other", { name: request.quality })],
    ["image.steps", typeof request?.steps === "number" ? number(request.steps) : null],
    ["image.guidance", typeof request?.guidance === "number" ? number(request.guidance) : null],
    ["image.size", `${number(image.width)} × ${number(image.height)}`],
    ["image.file", `${image.content_type.replace("image/", "").toUpperCase()}, ${bytes(image.bytes)}`],
    ["image.cost", job ? money(job.cost) : null],
    ["image.created", date(image.created_at)],
  ];
  return known.flatMap(([name, value, copyable = false]) => (value ? [{ name, value, copyable }] : []));
}
