/** The composer: what is typed, what is known to be possible, and what happens to a submission. */
import { ApiError, repeating, unknownOutcome } from "../../core/api.js";
import { t, tOr } from "../../core/i18n.js";
import { batch, computed, effect, signal } from "../../ui/html.js";
import {
  addRow, candidates, capabilities, editRow, offer, parameters, placeErrors, removeRow, toRequest, tooLong, withoutSent, written, wrongNumbers,
} from "./form.js";
import { createPrice } from "./price.js";

/**
 * @typedef {import("./form.js").Form} Form
 * @typedef {"idle" | "sending" | "repeating"} Sending
 * @typedef {{byRow: ReadonlyMap<number, string>, rest: readonly string[]}} Problems
 */

/**
 * A submission whose outcome is unknown keeps its key: sending it again, after a reload too, is the same submission.
 *
 * @typedef {{key: string, text: string}} Submission
 */

/** @type {Problems} */
const NO_PROBLEMS = { byRow: new Map(), rest: [] };

/**
 * @param {object} of
 * @param {import("../../core/api.js").Api} of.api
 * @param {import("../../core/store.js").Store} of.store
 * @param {import("../../ui/toast.js").ToastModel} of.toasts
 * @param {() => string} of.newKey
 * @param {{read: () => Form, write: (form: Form) => void}} of.draft  survives a reload
 * @param {{read: () => Submission | null, write: (submission: Submission | null) => void}} of.unanswered  survives it, too
 * @param {(ms: number) => Promise<void>} of.sleep
 */
export function createGenerate({ api, store, toasts, newKey, draft, unanswered, sleep }) {
  const form = signal(draft.read());
  const models = signal(/** @type {readonly import("../../core/types.js").Model[]} */ ([]));
  const styles = signal(/** @type {readonly import("../../core/types.js").Style[]} */ ([]));
  const sending = signal(/** @type {Sending} */ ("idle"));
  const problems = signal(NO_PROBLEMS);
  /** The row to put the caret in, once it is there; the count makes every wish a new one. */
  const focusRow = signal({ id: 0, count: 0 });
  const chosen = computed(() => candidates(models.value, form.value.model));
  const can = computed(() => capabilities(chosen.value));
  const images = computed(() => written(form.value).length * Math.min(form.value.n, can.value.max_n));
  const price = createPrice({
    api, sleep,
    question() {
      const prompts = written(form.value).length;
      if (!prompts || !chosen.value.length || wrongNumbers(form.value, can.value).length) return null;
      return { prompts, parameters: parameters(form.value, can.value), free: chosen.value.every((each) => each.price?.amount === "0") };
    },
  });

  effect(() => draft.write(form.value));

  /** @param {Partial<Form>} changes */
  const change = (changes) => {
    form.value = { ...form.peek(), ...changes };
  };
  /** @param {number} id */
  const focus = (id) => {
    focusRow.value = { id, count: focusRow.peek().count + 1 };
  };

  function wrong() {
    const { rows } = form.peek();
    const byRow = new Map(rows.filter(tooLong).map((row) => [row.id, t("generate.tooLong")]));
    const first = rows[0];
    if (!written(form.peek()).length && first) byRow.set(first.id, t("generate.empty"));
    return { byRow, rest: wrongNumbers(form.peek(), can.peek()).map(sentence) };
  }

  async function submit() {
    if (sending.peek() !== "idle") return false;
    problems.value = wrong();
    const request = toRequest(form.peek(), can.peek());
    const [bad] = problems.peek().byRow.keys();
    if (bad !== undefined) focus(bad);
    if (!request || bad !== undefined || problems.peek().rest.length) return false;
    const text = JSON.stringify(request.body);
    const before = unanswered.read();
    const { key } = before?.text === text ? before : { key: newKey() };
    unanswered.write({ key, text });
    const count = images.peek();
    sending.value = "sending";
    try {
      await repeating(() => send(request, key), { sleep, onRetry: () => { sending.value = "repeating"; } });
      unanswered.write(null);
      change({ rows: withoutSent(form.peek().rows, request.rows) });
      problems.value = NO_PROBLEMS;
      toasts.announce(t("generate.accepted", { count }));
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      refused(error, request.rows);
      return false;
    } finally {
      sending.value = "idle";
    }
  }

  /** @param {NonNullable<ReturnType<typeof toRequest>>} request @param {string} key */
  async function send(request, key) {
    if (request.batch) await api.createBatch(request.body, key);
    else store.merge({ event: "job.updated", data: await api.createJob(request.body, key) });
  }

  /** @param {ApiError} error @param {readonly import("./form.js").Row[]} rows */
  function refused(error, rows) {
    if (!unknownOutcome(error)) unanswered.write(null);
    const placed = placeErrors(error.errors, rows);
    const sentence = error.code === "invalid_request" && error.errors.length ? [] : [tOr(`problem.${error.code}`, "problem.other")];
    problems.value = { byRow: placed.byRow, rest: [...sentence, ...placed.rest] };
  }

  return {
    form, models, styles, sending, problems, focusRow, can, images, price, change, submit,

    add() {
      const rows = addRow(form.peek().rows);
      change({ rows });
      focus(rows.at(-1)?.id ?? 0);
    },
    /** @param {number} id */
    remove(id) {
      const { rows } = form.peek();
      const at = rows.findIndex((row) => row.id === id);
      const left = removeRow(rows, id);
      change({ rows: left });
      focus((left[at] ?? left.at(-1))?.id ?? 0);
    },
    /** @param {number} id @param {string} text */
    edit(id, text) {
      change({ rows: editRow(form.peek().rows, id, text) });
      if (problems.peek() !== NO_PROBLEMS) problems.value = NO_PROBLEMS;
    },
    /** Ready for the next prompt. */
    again: () => focus(form.peek().rows[0]?.id ?? 0),
    /** @param {string} text */
    example(text) {
      const rows = offer(form.peek().rows, text);
      change({ rows });
      focus(rows.findLast((row) => row.text === text)?.id ?? 0);
    },
    /** @param {Form} settings */
    use(settings) {
      form.value = settings;
      problems.value = NO_PROBLEMS;
      focus(settings.rows[0]?.id ?? 0);
    },
    async load() {
      const [known, presets] = await Promise.all([api.models(), api.styles()]);
      batch(() => {
        models.value = known.items;
        styles.value = presets.items;
      });
    },
  };
}

/** @param {ReturnType<typeof wrongNumbers>[number]} wrong */
function sentence({ field, bounds: [least, most] }) {
  return field === "seed" ? t("generate.badSeed") : t(`generate.${field}.wrong`, { least, most });
}

/** @typedef {ReturnType<typeof createGenerate>} Generate */
