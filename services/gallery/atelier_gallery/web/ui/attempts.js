import { date, duration, money, t, tOr } from "../core/i18n.js";
import { html } from "./html.js";

/** @typedef {import("../core/types.js").Attempt} Attempt */

/**
 * Every call that was made for a job, if any was: which model, what became of it, what it cost.
 *
 * @param {{attempts: Attempt[]}} props
 */
export function Attempts({ attempts }) {
  if (!attempts.length) return null;
  return html`<details class="attempts">
    <summary>${t("attempts.title", { count: attempts.length })}</summary>
    <ol>${attempts.map((attempt) => html`<li key=${attempt.id}>
      <span class="attempt-model">${attempt.model}</span>
      <span class="attempt-facts">${particulars(attempt).join(" · ")}</span>
      ${attempt.error && html`<span class="attempt-error">${tOr(`error.${attempt.error.code}`, "error.other")}</span>`}
      ${attempt.provider_request_id && html`<code class="attempt-id">${attempt.provider_request_id}</code>`}</li>`)}</ol>
  </details>`;
}

/**
 * What became of a call, when it was made, how long it took, how the provider answered, and the bill.
 *
 * @param {Attempt} attempt
 * @returns {string[]}
 */
export function particulars({ outcome, started_at, finished_at, http_status, cost }) {
  return [
    tOr(`attempts.${outcome}`, "attempts.open"),
    started_at ? date(started_at) : "",
    started_at && finished_at ? took(Date.parse(finished_at) - Date.parse(started_at)) : "",
    http_status ? `HTTP ${http_status}` : "",
    money(cost),
  ].filter(Boolean);
}

/** A clock would say nothing of a moment. @param {number} ms */
const took = (ms) => (ms < 1_000 ? t("queue.instant") : duration(ms));
