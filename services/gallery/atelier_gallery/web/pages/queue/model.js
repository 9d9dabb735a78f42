/** The jobs under way, and what became of those that ended while somebody watched. */
import { ApiError, repeating } from "../../core/api.js";
import { duration, t, tOr } from "../../core/i18n.js";
import { shorten } from "../../core/text.js";
import { computed, effect, signal } from "../../ui/html.js";

/** @typedef {import("../../core/types.js").Job} Job */

/** How long a job that went well stays: its pictures are in the gallery by then. */
export const LINGER = 6_000;

/**
 * The jobs to show: under way, oldest first, as they will be drawn; then what ended and wants to be seen, newest first.
 *
 * @param {ReadonlyMap<string, Job>} jobs
 * @param {ReadonlySet<string>} lingering  ids of jobs that have just ended well
 * @param {ReadonlySet<string>} dismissed
 * @returns {Job[]}
 */
export function shownJobs(jobs, lingering, dismissed) {
  const active = [];
  const ended = [];
  for (const job of jobs.values()) {
    if (dismissed.has(job.id)) continue;
    if (!job.done) active.push(job);
    else if (job.status !== "canceled" && (job.status !== "succeeded" || lingering.has(job.id))) ended.push(job);
  }
  active.sort((a, b) => rank(a) - rank(b) || compare(a.created_at, b.created_at) || compare(a.id, b.id));
  ended.sort((a, b) => compare(b.finished_at ?? "", a.finished_at ?? "") || compare(b.id, a.id));
  return [...active, ...ended];
}

/** @param {Job} job */
const rank = (job) => (job.status === "running" ? 0 : job.status === "retrying" ? 1 : 2);

/** @param {string} a @param {string} b */
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * How much of a job is done, from 0 to 1, or null while nothing is known: then nothing is claimed.
 *
 * @param {Job} job
 * @param {ReadonlyMap<number, number> | undefined} fractions
 */
export function fractionOf(job, fractions) {
  if (job.done) return job.images.length / job.request.n;
  let sum = finishedOf(job, fractions);
  if (!sum && !fractions?.size) return null;
  for (const fraction of fractions?.values() ?? []) sum += fraction < 1 ? Math.max(0, fraction) : 0;
  return Math.min(1, sum / job.request.n);
}

/**
 * How many pictures of a job are finished: those it has or counts, and those whose call says so before the job does.
 *
 * @param {Job} job
 * @param {ReadonlyMap<number, number> | undefined} fractions
 */
export function finishedOf(job, fractions) {
  const heard = job.images.length + [...(fractions?.values() ?? [])].filter((fraction) => fraction >= 1).length;
  return job.done ? heard : Math.max(heard, Math.round(job.progress * job.request.n));
}

/** How long it has taken, or took, in words where a clock would say nothing. @param {number} ms @param {boolean} done */
export const took = (ms, done) => (done && ms < 1_000 ? t("queue.instant") : duration(ms));

/**
 * @param {object} of
 * @param {import("../../core/api.js").Api} of.api
 * @param {import("../../core/store.js").Store} of.store
 * @param {import("../../ui/toast.js").ToastModel} of.toasts
 * @param {() => string} of.newKey
 * @param {(ms: number) => Promise<void>} of.sleep
 */
export function createQueue({ api, store, toasts, newKey, sleep }) {
  const lingering = signal(/** @type {ReadonlySet<string>} */ (new Set()));
  const dismissed = signal(/** @type {ReadonlySet<string>} */ (new Set()));
  const jobs = computed(() => shownJobs(store.live.value.jobs, lingering.value, dismissed.value));
  const active = computed(() => jobs.value.filter((job) => !job.done).length);
  const tick = signal(0);
  /** @type {Set<string>} */
  let underWay = new Set();
  /** One key per job to retry, until it is known what came of it. @type {Map<string, string>} */
  const keys = new Map();

  effect(() => {
    const now = new Set();
    for (const job of store.live.value.jobs.values()) {
      if (!job.done) now.add(job.id);
      else if (underWay.has(job.id)) ended(job);
    }
    underWay = now;
  });

  effect(() => {
    if (!active.value) return undefined;
    const timer = setInterval(() => { tick.value += 1; }, 1_000);
    return () => clearInterval(timer);
  });

  /** @param {Job} job */
  function ended(job) {
    toasts.announce(t(`queue.announce.${job.status}`, { prompt: shorten(job.request.prompt, 60), count: job.images.length }));
    if (job.status !== "succeeded") return;
    lingering.value = new Set(lingering.peek()).add(job.id);
    setTimeout(() => {
      lingering.value = new Set([...lingering.peek()].filter((id) => id !== job.id));
    }, LINGER);
  }

  /** @param {Promise<Job>} answer */
  async function take(answer) {
    try {
      store.merge({ event: "job.updated", data: await answer });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toasts.show(tOr(`problem.${error.code}`, "problem.other"), { tone: "error" });
      return false;
    }
  }

  return {
    jobs, active, tick,
    /** Milliseconds `job` has waited or worked, by the server's clock. @param {Job} job */
    elapsed(job) {
      const until = job.finished_at ? Date.parse(job.finished_at) : store.now();
      return until - Date.parse(job.started_at ?? job.created_at);
    },
    /** @param {Job} job */
    fraction: (job) => fractionOf(job, store.live.value.progress.get(job.id)),
    /** @param {Job} job */
    finished: (job) => finishedOf(job, store.live.value.progress.get(job.id)),
    /** @param {Job} job */
    cancel: (job) => take(api.cancel(job.id)),
    /** @param {Job} job */
    async retry(job) {
      const key = keys.get(job.id) ?? newKey();
      keys.set(job.id, key);
      if (!await take(repeating(() => api.retry(job.id, key), { sleep }))) return;
      keys.delete(job.id);
      this.dismiss(job);
    },
    /** @param {Job} job */
    dismiss(job) {
      dismissed.value = new Set(dismissed.peek()).add(job.id);
    },
  };
}

/** @typedef {ReturnType<typeof createQueue>} Queue */
