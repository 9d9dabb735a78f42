/** The form as values: pure. Rows have ids of their own, so removing one leaves every other as it is. */
import { PROMPT_LIMIT, codePoints } from "../../core/text.js";

/**
 * @typedef {{id: number, text: string}} Row
 *
 * @typedef {object} Form
 * @property {readonly Row[]} rows  at least one
 * @property {string} model  "" is whatever fits
 * @property {string} style  "" is none
 * @property {string} aspect
 * @property {string} size  "" follows the aspect
 * @property {number} n
 * @property {string} negative
 * @property {string} seed
 * @property {string} format
 * @property {string} steps
 * @property {string} guidance
 * @property {string} quality
 *
 * @typedef {import("../../core/types.js").Capabilities} Capabilities
 */

export const MAX_ROWS = 100;

/** @type {Form} */
export const BLANK = {
  rows: [{ id: 1, text: "" }], model: "", style: "", aspect: "1:1", size: "", n: 1, negative: "", seed: "", format: "",
  steps: "", guidance: "", quality: "",
};

/** The form from what was kept, which an older page may have written. @param {any} kept @returns {Form} */
export function restored(kept) {
  /** @type {any} */
  const form = { ...BLANK };
  for (const [name, value] of Object.entries(BLANK)) {
    if (typeof kept?.[name] === typeof value) form[name] = kept[name];
  }
  const rows = Array.isArray(kept?.rows) ? kept.rows.filter((/** @type {any} */ row) => typeof row?.text === "string") : [];
  form.rows = rows.length ? rows.map((/** @type {Row} */ row, /** @type {number} */ index) => ({ id: index + 1, text: row.text })) : BLANK.rows;
  return form;
}

/** @param {readonly Row[]} rows */
const nextId = (rows) => 1 + Math.max(0, ...rows.map((row) => row.id));

/** @param {readonly Row[]} rows @param {string} [text] @returns {readonly Row[]} */
export function addRow(rows, text = "") {
  return rows.length >= MAX_ROWS ? rows : [...rows, { id: nextId(rows), text }];
}

/** @param {readonly Row[]} rows @param {number} id @returns {readonly Row[]} */
export function removeRow(rows, id) {
  return rows.length === 1 ? rows : rows.filter((row) => row.id !== id);
}

/** @param {readonly Row[]} rows @param {number} id @param {string} text @returns {readonly Row[]} */
export function editRow(rows, id, text) {
  return rows.map((row) => (row.id === id ? { ...row, text } : row));
}

/** Puts `text` where nothing is typed yet, else into a row of its own. @param {readonly Row[]} rows @param {string} text */
export function offer(rows, text) {
  const empty = rows.find((row) => !row.text.trim());
  return empty ? editRow(rows, empty.id, text) : addRow(rows, text);
}

/**
 * What is left to write once `sent` is accepted: rows that were typed in since then, or one that is empty.
 *
 * @param {readonly Row[]} rows
 * @param {readonly Row[]} sent
 * @returns {readonly Row[]}
 */
export function withoutSent(rows, sent) {
  const gone = new Map(sent.map((row) => [row.id, row.text]));
  const left = rows.filter((row) => row.text.trim() && gone.get(row.id) !== row.text);
  return left.length ? left : [{ id: nextId(rows), text: "" }];
}

/** The rows that have a prompt. @param {Form} form */
export const written = (form) => form.rows.filter((row) => row.text.trim());

/** @param {Row} row */
export const tooLong = (row) => codePoints(row.text) > PROMPT_LIMIT;

/**
 * What to send where, or null when no prompt is written.
 *
 * @param {Form} form
 * @param {Capabilities} can
 * @returns {{batch: boolean, body: Record<string, unknown>, rows: readonly Row[]} | null}
 */
export function toRequest(form, can) {
  const rows = written(form);
  if (!rows.length) return null;
  const shared = parameters(form, can);
  const prompts = rows.map((row) => row.text);
  return prompts.length === 1
    ? { batch: false, body: { prompt: prompts[0], ...shared }, rows }
    : { batch: true, body: { prompts, ...shared }, rows };
}

/** What all prompts share, as far as the model can do it. @param {Form} form @param {Capabilities} can */
export function parameters(form, can) {
  /** @type {Record<string, unknown>} */
  const body = { n: Math.min(form.n, can.max_n) };
  if (form.size && can.sizes.includes(form.size)) body["size"] = form.size;
  else if (can.aspect_ratios.includes(form.aspect)) body["aspect_ratio"] = form.aspect;
  if (form.model) body["model"] = form.model;
  if (form.style) body["style"] = form.style;
  if (form.negative.trim() && can.negative_prompt) body["negative_prompt"] = form.negative.trim();
  if (form.seed.trim() && can.seed) body["seed"] = Number(form.seed);
  if (form.format && can.output_formats.includes(form.format)) body["output_format"] = form.format;
  if (form.steps.trim() && can.steps) body["steps"] = Number(form.steps);
  if (form.guidance.trim() && can.guidance) body["guidance"] = Number(form.guidance);
  if (form.quality && can.qualities?.includes(form.quality)) body["quality"] = form.quality;
  return body;
}

/** Whether `seed` is what the API takes: nothing, or a whole number below 2³². @param {string} seed */
export function validSeed(seed) {
  return /^\s*\d{0,10}\s*$/.test(seed) && Number(seed) < 2 ** 32;
}

/**
 * Whether `text` is nothing, or a number within `bounds`.
 *
 * @param {string} text
 * @param {readonly [number, number]} bounds
 * @param {boolean} whole
 */
export function validNumber(text, [least, most], whole) {
  if (!text.trim()) return true;
  return (whole ? /^\s*\d+\s*$/ : /^\s*\d*\.?\d+\s*$/).test(text) && Number(text) >= least && Number(text) <= most;
}

/** The fields that do not hold what the API takes, of those that would be sent. @param {Form} form @param {Capabilities} can */
export function wrongNumbers(form, can) {
  /** @type {{field: "seed" | "steps" | "guidance", bounds: readonly [number, number]}[]} */
  const wrong = [];
  if (!validSeed(form.seed)) wrong.push({ field: "seed", bounds: [0, 2 ** 32 - 1] });
  for (const field of /** @type {const} */ (["steps", "guidance"])) {
    const bounds = can[field];
    if (bounds && !validNumber(form[field], bounds, field === "steps")) wrong.push({ field, bounds });
  }
  return wrong;
}

/**
 * The errors of a problem by row, and those of no row. `rows` are those sent, in order.
 *
 * @param {readonly {pointer: string, detail: string}[]} errors
 * @param {readonly Row[]} rows
 */
export function placeErrors(errors, rows) {
  /** @type {Map<number, string>} */
  const byRow = new Map();
  /** @type {string[]} */
  const rest = [];
  for (const { pointer, detail } of errors) {
    const index = /^#?\/prompts\/(\d+)/.exec(pointer)?.[1] ?? (/^#?\/prompt$/.test(pointer) ? "0" : undefined);
    const row = index === undefined ? undefined : rows[Number(index)];
    if (row === undefined) rest.push(detail);
    else byRow.set(row.id, detail);
  }
  return { byRow, rest };
}

/** @type {Capabilities} */
const NOTHING = {
  sizes: [], aspect_ratios: [], max_n: 1, seed: false, negative_prompt: false, output_formats: [], steps: null, guidance: null, qualities: [],
};

/**
 * Who may draw: the model of that id or alias, and of "" whoever is available.
 *
 * @param {readonly import("../../core/types.js").Model[]} models
 * @param {string} model
 */
export const candidates = (models, model) =>
  models.filter((each) => (model ? each.id === model || each.aliases?.includes(model) : each.available));

/**
 * What can be asked of `models`: whatever one of them can, for the platform chooses one that fits.
 *
 * @param {readonly import("../../core/types.js").Model[]} models
 * @returns {Capabilities}
 */
export function capabilities(models) {
  return models.map((each) => each.capabilities).reduce((all, one) => ({
    sizes: union(all.sizes, one.sizes),
    aspect_ratios: union(all.aspect_ratios, one.aspect_ratios),
    max_n: Math.max(all.max_n, one.max_n),
    seed: all.seed || one.seed,
    negative_prompt: all.negative_prompt || one.negative_prompt,
    output_formats: union(all.output_formats, one.output_formats),
    steps: widest(all.steps, one.steps),
    guidance: widest(all.guidance, one.guidance),
    qualities: union(all.qualities ?? [], one.qualities ?? []),
  }), NOTHING);
}

/** @typedef {Capabilities["steps"]} Bounds */
/** @param {Bounds} a @param {Bounds} b @returns {Bounds} */
const widest = (a, b) => (a && b ? [Math.min(a[0], b[0]), Math.max(a[1], b[1])] : a ?? b ?? null);

/** @param {readonly string[]} a @param {readonly string[]} b */
const union = (a, b) => [...new Set([...a, ...b])];

/**
 * The form that asks for `request` again; `seed` makes it the same picture.
 *
 * @param {import("../../core/types.js").ImageRequest} request
 * @param {number | null} seed
 * @returns {Form}
 */
export function fromRequest(request, seed) {
  return {
    rows: [{ id: 1, text: request.prompt }],
    model: !request.model || request.model === "auto" ? "" : request.model,
    style: request.style ?? "",
    aspect: request.aspect_ratio ?? BLANK.aspect,
    size: request.size ?? "",
    n: 1,
    negative: request.negative_prompt ?? "",
    seed: seed === null ? "" : String(seed),
    format: request.output_format ?? "",
    steps: String(request.steps ?? ""),
    guidance: String(request.guidance ?? ""),
    quality: request.quality ?? "",
  };
}
