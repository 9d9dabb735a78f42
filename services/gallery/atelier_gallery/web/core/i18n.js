/** Every sentence of the page by key, and every date and number by Intl. */
import { strings } from "./strings.en.js";

const LOCALE = "en";
const plural = new Intl.PluralRules(LOCALE);

/**
 * The text of `key`; `{name}` is replaced by the value given. Where the text is `{one, other}`, `count` chooses.
 *
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const entry = strings[key];
  if (entry === undefined) throw new Error(`No text for "${key}"`);
  const text = typeof entry === "string" ? entry
    : plural.select(Number(values["count"])) === "one" ? entry.one : entry.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name] ?? "";
    return typeof value === "number" ? number(value) : value;
  });
}

/**
 * The text of `key` when there is one, else that of `fallback`.
 *
 * @param {string} key
 * @param {string} fallback
 * @param {Record<string, string | number>} [values]
 */
export function tOr(key, fallback, values = {}) {
  return t(strings[key] === undefined ? fallback : key, values);
}

const numbers = new Intl.NumberFormat(LOCALE);
/** @param {number} value */
export const number = (value) => numbers.format(value);

const percents = new Intl.NumberFormat(LOCALE, { style: "percent" });
/** @param {number} fraction */
export const percent = (fraction) => percents.format(fraction);

const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
/** @param {string} time  RFC 3339 */
export const date = (time) => dates.format(new Date(time));

/** A length of time such as "0:08" or "1:02:45". @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

/** @param {number} count */
export function bytes(count) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  let power = 0;
  let value = count;
  while (value >= 1000 && power < units.length - 1) {
    value /= 1000;
    power += 1;
  }
  return new Intl.NumberFormat(LOCALE, {
    style: "unit", unit: units[power] ?? "byte", unitDisplay: power ? "short" : "long",
    maximumSignificantDigits: 3,
  }).format(value);
}

/**
 * @param {import("./types.js").Money} money
 * @param {number} [times]
 */
export function money({ amount, currency, status }, times = 1) {
  return cost({ min: amount, max: amount, currency, status }, times);
}

/**
 * From the least to the most it may be.
 *
 * @param {import("./types.js").CostRange} range
 * @param {number} [times]
 */
export function cost({ min, max, currency, status }, times = 1) {
  if (min === null || max === null) return t("money.unknown");
  const [least, most] = [Number(min) * times, Number(max) * times];
  if (most === 0) return t("money.free");
  const format = new Intl.NumberFormat(LOCALE, { style: "currency", currency, minimumFractionDigits: 2, maximumFractionDigits: 4 });
  const text = least === most ? format.format(most) : format.formatRange(least, most);
  return status === "exact" ? text : t("money.about", { amount: text });
}
