/**
 * What the live connection has told us, and the only way it changes. The rules and their vectors are in
 * `tests/contract/live/`; the Python client follows the same.
 *
 * @typedef {import("./types.js").Job} Job
 * @typedef {import("./types.js").Image} Image
 * @typedef {import("./types.js").Message} Message
 *
 * @typedef {object} Live
 * @property {ReadonlyMap<string, Job>} jobs
 * @property {ReadonlyMap<string, Image>} images
 * @property {ReadonlyMap<string, number>} deleted  image id to the version of its deletion
 * @property {ReadonlyMap<string, ReadonlyMap<number, number>>} progress  job id to index to fraction
 * @property {boolean} complete  whether the last snapshot or resume has come in full
 * @property {string | null} cursor  what to send as `after`
 * @property {number} resets  how often everything was forgotten: readers of lists read them again
 */

/** @type {Live} */
export const EMPTY = Object.freeze({
  jobs: new Map(), images: new Map(), deleted: new Map(), progress: new Map(),
  complete: false, cursor: null, resets: 0,
});

/**
 * The state after `messages`; the same object when they said nothing new.
 *
 * @param {Live} live
 * @param {readonly Message[]} messages
 * @returns {Live}
 */
export function reduce(live, messages) {
  const draft = new Draft(live);
  for (const message of messages) draft.apply(message);
  return draft.live;
}

/** Copies each map once, on its first change: a frame of 500 messages costs one copy, not 500. */
class Draft {
  /** @param {Live} live */
  constructor(live) {
    this.live = live;
    this.own = new Set();
  }

  /** @param {Partial<Live>} changes */
  set(changes) {
    this.live = { ...this.live, ...changes };
  }

  /**
   * @template {"jobs" | "images" | "deleted" | "progress"} K
   * @param {K} name
   * @returns {Map<string, any>}
   */
  map(name) {
    if (!this.own.has(name)) {
      this.own.add(name);
      this.set({ [name]: new Map(/** @type {any} */ (this.live[name])) });
    }
    return /** @type {Map<string, any>} */ (this.live[name]);
  }

  /** @param {Message} message */
  apply({ id, event, data }) {
    if (data !== null && typeof data === "object") {
      if (event === "job.updated") this.job(data);
      else if (event === "job.progress") this.progress(data);
      else if (event === "image.updated") this.image(data);
      else if (event === "image.deleted") this.deletion(data);
      else if (event === "snapshot.started") this.started(data.reset === true);
      else if (event === "snapshot.complete" && !this.live.complete) this.set({ complete: true });
    }
    if (typeof id === "string" && id !== this.live.cursor) this.set({ cursor: id });
  }

  /** @param {boolean} reset */
  started(reset) {
    if (reset) {
      this.own.clear();
      this.live = { ...EMPTY, resets: this.live.resets + 1 };
    } else if (this.live.complete) {
      this.set({ complete: false });
    }
  }

  /** @param {Job} job */
  job(job) {
    const known = this.live.jobs.get(job.id);
    if (typeof job.id !== "string" || (known && known.version >= job.version)) return;
    this.map("jobs").set(job.id, job);
    const fractions = this.live.progress.get(job.id);
    if (!fractions) return;
    const left = job.status === "running" ? withoutFinished(fractions, job) : new Map();
    if (left.size) this.map("progress").set(job.id, left);
    else this.map("progress").delete(job.id);
  }

  /** @param {{job_id: string, index: number, fraction: number}} data */
  progress({ job_id, index, fraction }) {
    if (typeof job_id !== "string" || !Number.isInteger(index) || !Number.isFinite(fraction)) return;
    const job = this.live.jobs.get(job_id);
    if (job && (job.done || job.images.some((image) => image.index === index))) return;
    this.map("progress").set(job_id, new Map(this.live.progress.get(job_id)).set(index, fraction));
  }

  /** @param {Image} image */
  image(image) {
    if (typeof image.id !== "string" || this.newest(image.id) >= image.version) return;
    this.map("images").set(image.id, image);
    if (this.live.deleted.has(image.id)) this.map("deleted").delete(image.id);
  }

  /** @param {{id: string, version: number}} data */
  deletion({ id, version }) {
    if (typeof id !== "string" || this.newest(id) >= version) return;
    this.map("deleted").set(id, version);
    if (this.live.images.has(id)) this.map("images").delete(id);
  }

  /** @param {string} id */
  newest(id) {
    return this.live.images.get(id)?.version ?? this.live.deleted.get(id) ?? -1;
  }
}

/**
 * @param {ReadonlyMap<number, number>} fractions
 * @param {Job} job
 */
function withoutFinished(fractions, job) {
  const finished = new Set(job.images.map((image) => image.index));
  return new Map([...fractions].filter(([index]) => !finished.has(index)));
}
