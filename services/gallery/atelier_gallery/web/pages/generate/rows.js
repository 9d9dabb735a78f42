import { number, t } from "../../core/i18n.js";
import { PROMPT_LIMIT, codePoints } from "../../core/text.js";
import { isKey } from "../../core/keys.js";
import { IconButton } from "../../ui/button.js";
import { classes, h, html, useLayoutEffect, useRef } from "../../ui/html.js";

/** When to mention how much room is left. */
const NEAR = 0.9;

/**
 * One prompt: the text, how long it is, what is wrong with it, and the way to remove it.
 *
 * @param {object} props
 * @param {import("./form.js").Row} props.row
 * @param {number} props.position  1 is the first
 * @param {boolean} props.alone
 * @param {string | undefined} props.error
 * @param {number} props.wanted  raised to move the caret here
 * @param {import("./model.js").Generate} props.model
 * @param {() => void} props.onSubmit
 * @param {number} [props.key]
 */
export function PromptRow({ row, position, alone, error, wanted, model, onSubmit }) {
  const ref = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  useLayoutEffect(() => {
    if (wanted) ref.current?.focus();
  }, [wanted]);
  useLayoutEffect(() => {
    const area = ref.current;
    if (!area || CSS.supports("field-sizing", "content")) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  }, [row.text]);
  const length = codePoints(row.text);
  const over = length > PROMPT_LIMIT;
  const id = `prompt-${row.id}`;
  const label = alone ? t("generate.prompt") : t("generate.promptN", { n: position });
  /** @param {Event} event */
  const input = (event) => model.edit(row.id, /** @type {HTMLTextAreaElement} */ (event.currentTarget).value);
  /** @param {KeyboardEvent} event */
  const keyDown = (event) => {
    if (!isKey(event, "mod+Enter")) return;
    event.preventDefault();
    onSubmit();
  };
  return html`<li class="prompt-row">
    <div class="prompt-head"><label for=${id}>${label}</label>
      ${!alone && h(IconButton, { icon: "close", label: t("generate.remove", { n: position }), onClick: () => model.remove(row.id) })}</div>
    <textarea ref=${ref} id=${id} class="input prompt" dir="auto" rows="2" value=${row.text} onInput=${input}
      onKeyDown=${keyDown} placeholder=${t("generate.placeholder")} spellcheck="true"
      aria-invalid=${over || error ? "true" : undefined}
      aria-describedby=${classes(`${id}-count`, error && `${id}-error`)}></textarea>
    <div class="prompt-foot">
      <p class="field-error" id="${id}-error" role="alert">${error ?? (over ? t("generate.tooLong") : "")}</p>
      <p class=${classes("counter", length > NEAR * PROMPT_LIMIT && "near", over && "over")} id="${id}-count">
        <span aria-hidden="true">${number(length)} / ${number(PROMPT_LIMIT)}</span>
        <span class="visually-hidden">${t("generate.counter", { length, limit: PROMPT_LIMIT })}</span></p>
    </div></li>`;
}
