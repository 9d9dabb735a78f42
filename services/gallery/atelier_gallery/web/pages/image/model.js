/** One picture and the job it came from. */
import { ApiError } from "../../core/api.js";
import { computed, effect, signal } from "../../ui/html.js";

/**
 * @typedef {import("../../core/types.js").Image} Image
 * @typedef {import("../../core/types.js").Job} Job
 */

/**
 * @param {object} of
 * @param {import("../../core/api.js").Api} of.api
 * @param {import("../../core/store.js").Store} of.store
 * @param {import("../../core/router.js").Router} of.router
 * @param {import("../gallery/model.js").Gallery} of.gallery
 * @param {(then: () => void) => void} of.afterClosing  once the dialog has given the focus back
 */
export function createImagePage({ api, store, router, gallery, afterClosing }) {
  const id = computed(() => router.route.value.image);
  const fetched = signal(/** @type {Image | null} */ (null));
  const failure = signal(/** @type {{id: string, code: string} | null} */ (null));
  const jobs = signal(/** @type {ReadonlyMap<string, Job>} */ (new Map()));

  const image = computed(() => {
    const wanted = id.value;
    if (!wanted || store.live.value.deleted.has(wanted)) return null;
    const live = store.live.value.images.get(wanted);
    const listed = gallery.listing.value.items.find((each) => each.id === wanted);
    const own = fetched.value?.id === wanted ? fetched.value : null;
    return [live, listed, own].reduce((best, each) => (each && (!best || each.version > best.version) ? each : best), null) ?? null;
  });
  const job = computed(() => {
    const jobId = image.value?.job_id;
    return jobId ? store.live.value.jobs.get(jobId) ?? jobs.value.get(jobId) ?? null : null;
  });

  async function loadImage() {
    const wanted = id.peek();
    if (!wanted) return;
    failure.value = null;
    try {
      fetched.value = await api.image(wanted);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failure.value = { id: wanted, code: error.code };
    }
  }

  effect(() => {
    if (id.value && !image.value) void loadImage();
  });

  effect(() => {
    const jobId = image.value?.job_id;
    if (jobId && !job.peek()) void loadJob(jobId);
  });

  /** The parameters are an extra: without them the picture is still shown. @param {string} jobId */
  async function loadJob(jobId) {
    try {
      const loaded = await api.job(jobId);
      jobs.value = new Map(jobs.peek()).set(jobId, loaded);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  return {
    id, image, job,
    failure: computed(() => (failure.value?.id === id.value ? failure.value : null)),
    retry: () => void loadImage(),
    neighbours: computed(() => (id.value ? gallery.neighbours(id.value) : { before: null, after: null, position: 0 })),
    /** @param {Image | null} to */
    show(to) {
      if (to) router.go({ image: to.id }, { replace: true });
    },
    close() {
      const last = id.peek();
      router.back({ image: null });
      if (last) afterClosing(() => gallery.activate(last, true));
    },
    /** On to the next picture, or out when there is none; stays where somebody went meanwhile. */
    async trash() {
      const gone = image.peek();
      if (!gone) return;
      const { before, after } = this.neighbours.peek();
      if (!await gallery.trash(gone) || id.peek() !== gone.id) return;
      const next = after ?? before;
      if (next) this.show(next);
      else this.close();
    },
    /** Closes, and leaves the focus to `then`. @param {() => void} then */
    leave(then) {
      router.back({ image: null });
      afterClosing(then);
    },
    async restore() {
      const back = image.peek();
      if (back) await gallery.restore(back);
    },
    async purge() {
      const gone = image.peek();
      if (!gone) return;
      this.close();
      await gallery.purge(gone);
    },
  };
}

/** @typedef {ReturnType<typeof createImagePage>} ImageModel */
