/** Pure helpers about what people type. */

/** What a prompt may have, in code points: the API counts the same. */
export const PROMPT_LIMIT = 4_000;

/** Code points, so that one emoji is one, as the API counts. @param {string} text */
export function codePoints(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** The first `limit` code points, with an ellipsis when there were more. @param {string} text @param {number} limit */
export function shorten(text, limit) {
  const points = [...text.replace(/\s+/g, " ").trim()];
  return points.length <= limit ? points.join("") : `${points.slice(0, limit - 1).join("").trimEnd()}…`;
}
