/**
 * Whether `event` is the combination `combo`, like "Enter", "mod+Enter" (Ctrl, or Command on a Mac) or "/".
 *
 * @param {KeyboardEvent} event
 * @param {string} combo
 */
export function isKey(event, combo) {
  const parts = combo.split("+");
  const key = parts.pop();
  return event.key === key
    && (event.ctrlKey || event.metaKey) === parts.includes("mod")
    && !event.altKey && !event.isComposing;
}

/** Whether keys typed there are text: single-letter shortcuts must stay out. @param {EventTarget | null} target */
export function isTyping(target) {
  return target instanceof HTMLElement
    && (target.isContentEditable || target.matches("textarea, select, input:not([type=radio], [type=checkbox])"));
}
