/** What a submission would cost, as the API reckons it before anything is spent. */
import { ApiError } from "../../core/api.js";
import { computed, effect, signal } from "../../ui/html.js";

/**
 * @typedef {import("../../core/types.js").CostRange} CostRange
 *
 * @typedef {object} Question
 * @property {Readonly<Record<string, unknown>>} parameters  of one prompt
 * @property {number} prompts
 * @property {boolean} free  whether nothing has to be asked
 */

/** @type {CostRange} */
const NOTHING = { min: "0", max: "0", currency: "USD", status: "exact" };
/** Milliseconds in which somebody may go on choosing. */
const PAUSE = 250;

/**
 * The cost of what is being put together: null while it is not known. What is typed into a prompt changes no price,
 * so one prompt is asked for, once for every choice of parameters.
 *
 * @param {object} of
 * @param {Pick<import("../../core/api.js").Api, "dryRun">} of.api
 * @param {() => Question | null} of.question  null: there is nothing to submit; may read signals
 * @param {(ms: number) => Promise<void>} of.sleep
 */
export function createPrice({ api, question, sleep }) {
  const each = signal(/** @type {CostRange | null} */ (null));
  const asked = computed(() => {
    const now = question();
    return now && !now.free ? JSON.stringify(now.parameters) : null;
  });

  effect(() => {
    const parameters = asked.value;
    each.value = null;
    if (parameters === null) return undefined;
    const abandoned = new AbortController();
    void ask(parameters, abandoned.signal);
    return () => abandoned.abort();
  });

  /** @param {string} parameters @param {AbortSignal} abandoned */
  async function ask(parameters, abandoned) {
    await sleep(PAUSE);
    if (abandoned.aborted) return;
    try {
      const { cost } = await api.dryRun({ prompt: "-", ...JSON.parse(parameters) }, abandoned);
      if (!abandoned.aborted) each.value = cost;
    } catch (error) {
      if (!(error instanceof ApiError) && !abandoned.aborted) throw error;
    }
  }

  return computed(() => {
    const now = question();
    if (!now) return null;
    const cost = now.free ? NOTHING : each.value;
    return cost && { cost, prompts: now.prompts };
  });
}
