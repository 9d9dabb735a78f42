import { cost, t } from "../../core/i18n.js";
import { Button } from "../../ui/button.js";
import { h, html, useRef } from "../../ui/html.js";
import { MAX_ROWS } from "./form.js";
import { More } from "./more.js";
import { CountChoice, ModelChoice, ShapeChoice, StyleChoice } from "./options.js";
import { PromptRow } from "./rows.js";

/** Keys of the examples: `example.KEY` is the name, `example.KEY.prompt` what it types. */
const EXAMPLES = ["lighthouse", "forest", "city", "portrait", "desert", "abstract"];

/** @param {{model: import("./model.js").Generate, onAccepted: () => void}} props */
export function GeneratePage({ model, onAccepted }) {
  const ref = useRef(/** @type {HTMLFormElement | null} */ (null));
  const { rows } = model.form.value;
  const wish = model.focusRow.value;
  const { byRow, rest } = model.problems.value;
  const submit = async () => {
    if (!await model.submit()) return;
    ref.current?.scrollTo({ top: 0 });
    onAccepted();
  };
  /** @param {Event} event */
  const submitted = (event) => {
    event.preventDefault();
    void submit();
  };
  return html`<form ref=${ref} class="composer" aria-labelledby="composer-title" onSubmit=${submitted} novalidate>
    <h1 id="composer-title">${t("generate.title")}</h1>
    <ol class="prompts">${rows.map((row, index) => h(PromptRow, {
    key: row.id, row, position: index + 1, alone: rows.length === 1, error: byRow.get(row.id), model,
    wanted: wish.id === row.id ? wish.count : 0, onSubmit: submit,
  }))}</ol>
    <div class="under-prompts">${h(Button, { icon: "add", look: "quiet", disabled: rows.length >= MAX_ROWS, onClick: model.add, children: t("generate.add") })}</div>
    ${h(Examples, { model })}
    ${h(StyleChoice, { model })}
    ${h(ShapeChoice, { model })}
    <div class="pair">${h(CountChoice, { model })}${h(ModelChoice, { model })}</div>
    ${h(More, { model })}
    <div class="composer-foot">
      <div role="alert">${rest.map((sentence) => html`<p class="field-error" key=${sentence}>${sentence}</p>`)}</div>
      ${h(Submit, { model })}
    </div></form>`;
}

/** @param {{model: import("./model.js").Generate}} props */
function Examples({ model }) {
  return html`<div class="examples one-row" role="group" aria-label=${t("generate.examples")}>
    <span class="examples-title" aria-hidden="true">${t("generate.examples")}</span>
    ${EXAMPLES.map((key) => html`<button type="button" class="example" key=${key} title=${t(`example.${key}.prompt`)}
      onClick=${() => model.example(t(`example.${key}.prompt`))}>${t(`example.${key}`)}</button>`)}</div>`;
}

/** @param {{model: import("./model.js").Generate}} props */
function Submit({ model }) {
  const busy = model.sending.value !== "idle";
  const count = model.images.value;
  const price = model.price.value;
  const words = model.sending.value === "repeating" ? t("generate.repeating")
    : busy ? t("generate.sending")
    : count ? t("generate.submit", { count }) : t("generate.submitNothing");
  return html`${h(Button, { type: "submit", look: "primary", icon: "spark", disabled: busy, children: words })}
    <p class="hint submit-hint"><span>${price && cost(price.cost, price.prompts)}</span>
      <span class="shortcut"><kbd>Ctrl</kbd> <kbd>Enter</kbd></span></p>`;
}
