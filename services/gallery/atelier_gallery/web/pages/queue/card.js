import { percent, t, tOr } from "../../core/i18n.js";
import { Attempts } from "../../ui/attempts.js";
import { Button, IconButton } from "../../ui/button.js";
import { classes, h, html } from "../../ui/html.js";
import { Icon } from "../../ui/icon.js";
import { Picture } from "../../ui/picture.js";
import { took } from "./model.js";

/**
 * @typedef {import("../../core/types.js").Job} Job
 * @typedef {{job: Job, model: import("./model.js").Queue, onOpen: (id: string) => void, key?: string}} Props
 */

/** @param {Props} props */
export function JobCard({ job, model, onOpen }) {
  return html`<li class=${classes("job", job.status)}>
    <div class="job-head">${h(State, { job, model })}${h(Actions, { job, model })}</div>
    <p class="job-prompt" dir="auto">${job.request.prompt}</p>
    ${job.error && html`<p class="job-error">${tOr(`error.${job.error.code}`, "error.other")}</p>`}
    ${job.error && h(Attempts, { attempts: job.attempts ?? [] })}
    ${(!job.done || job.images.length > 0) && h(Slots, { job, finished: model.finished(job), onOpen })}
    ${!job.done && h(Progress, { job, model })}</li>`;
}

/** @type {Record<import("../../core/types.js").Status, import("../../ui/icon.js").IconName>} */
const ICONS = {
  queued: "clock", running: "spark", retrying: "retry", succeeded: "check", partially_succeeded: "alert",
  failed: "alert", blocked: "alert", canceled: "close", expired: "clock",
};

/** @param {{job: Job, model: import("./model.js").Queue}} props */
function State({ job, model }) {
  void model.tick.value;
  return html`<span class="state">${h(Icon, { name: ICONS[job.status] ?? "clock" })}
    <span>${tOr(`status.${job.status}`, "status.queued")}</span>
    <span class="elapsed">${took(model.elapsed(job), job.done)}</span></span>`;
}

/** @param {{job: Job, model: import("./model.js").Queue}} props */
function Actions({ job, model }) {
  if (!job.done) return h(Button, { look: "quiet", onClick: () => model.cancel(job), label: t("queue.cancelThis", { prompt: job.request.prompt.slice(0, 60) }), children: t("queue.cancel") });
  if (job.status === "succeeded") return null;
  return html`<span class="job-actions">
    ${h(Button, { look: "quiet", onClick: () => model.retry(job), children: t("queue.retry") })}
    ${h(IconButton, { icon: "close", label: t("queue.dismiss"), onClick: () => model.dismiss(job) })}</span>`;
}

/** A place for every picture: those that are there, those that are drawn, and those to come. @param {{job: Job, finished: number, onOpen: (id: string) => void}} props */
function Slots({ job, finished, onOpen }) {
  const missing = job.done ? 0 : job.request.n - job.images.length;
  const drawn = finished - job.images.length;
  return html`<div class="slots">
    ${job.images.map((image) => html`<button type="button" class="slot" key=${image.id} onClick=${() => onOpen(image.id)}
      aria-label=${t("queue.open", { n: image.index + 1 })}>${h(Picture, { src: image.thumb_urls["320"], alt: "" })}</button>`)}
    ${Array.from({ length: missing }, (_, index) => html`<span key=${`missing-${index}`}
      class=${classes("slot", index < drawn ? "drawn" : job.status === "running" ? "skeleton" : "waiting")} aria-hidden="true">
      ${index < drawn && h(Icon, { name: "check" })}</span>`)}</div>`;
}

/** @param {{job: Job, model: import("./model.js").Queue}} props */
function Progress({ job, model }) {
  const fraction = model.fraction(job);
  const known = fraction !== null;
  const words = job.status !== "running" ? t("queue.waiting")
    : job.request.n > 1 ? t("queue.finished", { done: model.finished(job), n: job.request.n })
    : known ? percent(fraction) : t("queue.working");
  return html`<div class="progress-line">
    <div class=${classes("progress", !known && job.status === "running" && "unknown")} role="progressbar" aria-label=${t("queue.progress")}
      aria-valuemin="0" aria-valuemax="100" aria-valuenow=${known ? Math.round(fraction * 100) : undefined} aria-valuetext=${words}>
      <span style=${{ width: `${(fraction ?? 0) * 100}%` }}></span></div>
    <span class="progress-words" aria-hidden="true">${words}</span></div>`;
}
