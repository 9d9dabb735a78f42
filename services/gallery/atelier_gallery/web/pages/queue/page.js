import { t } from "../../core/i18n.js";
import { Button } from "../../ui/button.js";
import { h, html, useState } from "../../ui/html.js";
import { JobCard } from "./card.js";

/** More cards than this are one press away: a batch of a hundred must not push the gallery out of sight. */
const FEW = 6;

/** @param {{model: import("./model.js").Queue, onOpen: (id: string) => void}} props */
export function QueuePage({ model, onOpen }) {
  const [all, showAll] = useState(false);
  const jobs = model.jobs.value;
  if (!jobs.length) return null;
  const shown = all ? jobs : jobs.slice(0, FEW);
  const hidden = jobs.length - FEW;
  return html`<section class="queue" id="queue" aria-labelledby="queue-title">
    <div class="section-head"><h2 id="queue-title">${t(model.active.value ? "queue.title" : "queue.titleEnded")}</h2>
      <span class="section-note">${model.active.value ? t("queue.active", { count: model.active.value }) : ""}</span></div>
    <ul class="jobs">${shown.map((job) => h(JobCard, { key: job.id, job, model, onOpen }))}</ul>
    ${hidden > 0 && h(Button, { look: "quiet", onClick: () => showAll(!all), children: all ? t("queue.fewer") : t("queue.more", { count: hidden }) })}
  </section>`;
}
