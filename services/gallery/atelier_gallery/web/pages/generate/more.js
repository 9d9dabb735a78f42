import { number, t, tOr } from "../../core/i18n.js";
import { Field, Select } from "../../ui/field.js";
import { Icon } from "../../ui/icon.js";
import { h, html } from "../../ui/html.js";
import { validNumber, validSeed } from "./form.js";

/** @typedef {{model: import("./model.js").Generate}} Props */

/** What most people never need, as far as the chosen model offers it. @param {Props} props */
export function More({ model }) {
  return html`<details class="more">
    <summary>${h(Icon, { name: "sliders" })}${t("generate.moreSettings")}</summary>
    <div class="more-fields">
      ${h(Negative, { model })}
      ${h(Effort, { model })}
      <div class="pair">${h(Seed, { model })}${h(Format, { model })}</div>
      ${h(Size, { model })}
    </div></details>`;
}

/** @param {(value: string) => void} set */
const input = (set) => (/** @type {Event} */ event) => set(/** @type {HTMLInputElement} */ (event.currentTarget).value);

/** @param {Props} props */
function Negative({ model }) {
  const able = model.can.value.negative_prompt;
  return h(Field, {
    id: "negative", label: t("generate.negative"), hint: able ? t("generate.negativeHint") : t("generate.cannot"),
    control: (described) => html`<textarea id="negative" class="input" rows="2" dir="auto" maxlength="4000" value=${model.form.value.negative}
      disabled=${!able} aria-describedby=${described} onInput=${input((negative) => model.change({ negative }))}></textarea>`,
  });
}

/** How hard the model tries. Few models offer any of it, so what is not offered is not there. @param {Props} props */
function Effort({ model }) {
  const { quality, steps, guidance } = model.form.value;
  const can = model.can.value;
  const qualities = can.qualities ?? [];
  return html`
    ${qualities.length > 0 && h(Select, {
    id: "quality", label: t("generate.quality"), value: qualities.includes(quality) ? quality : "",
    onChange: (value) => model.change({ quality: value }),
    options: [{ value: "", label: t("generate.automatic") },
      ...qualities.map((each) => ({ value: each, label: tOr(`quality.${each}`, "quality.other", { name: each }) }))],
  })}
    ${(can.steps || can.guidance) && html`<div class="pair">
      ${can.steps && h(Bounded, { id: "steps", value: steps, bounds: can.steps, whole: true, onInput: (value) => model.change({ steps: value }) })}
      ${can.guidance && h(Bounded, { id: "guidance", value: guidance, bounds: can.guidance, whole: false, onInput: (value) => model.change({ guidance: value }) })}
    </div>`}`;
}

/**
 * A number the model chooses unless it is given. Its texts are `generate.ID`, `generate.ID.hint` and `generate.ID.wrong`.
 *
 * @param {{id: "steps" | "guidance", value: string, bounds: readonly [number, number], whole: boolean, onInput: (value: string) => void}} props
 */
function Bounded({ id, value, bounds: [least, most], whole, onInput }) {
  const valid = validNumber(value, [least, most], whole);
  const range = { least: number(least), most: number(most) };
  return h(Field, {
    id, label: t(`generate.${id}`), ...(valid ? { hint: t(`generate.${id}.hint`, range) } : { error: t(`generate.${id}.wrong`, range) }),
    control: (described) => html`<input id=${id} class="input" inputmode=${whole ? "numeric" : "decimal"} autocomplete="off" value=${value}
      placeholder=${t("generate.automatic")} aria-invalid=${valid ? undefined : "true"} aria-describedby=${described} onInput=${input(onInput)} />`,
  });
}

/** @param {Props} props */
function Seed({ model }) {
  const { seed } = model.form.value;
  const able = model.can.value.seed;
  return h(Field, {
    id: "seed", label: t("generate.seed"), hint: able ? t("generate.seedHint") : t("generate.cannot"),
    ...(validSeed(seed) ? {} : { error: t("generate.badSeed") }),
    control: (described) => html`<input id="seed" class="input" inputmode="numeric" autocomplete="off" value=${seed} placeholder=${t("generate.anySeed")}
      disabled=${!able} aria-invalid=${validSeed(seed) ? undefined : "true"} aria-describedby=${described}
      onInput=${input((value) => model.change({ seed: value }))} />`,
  });
}

/** @param {Props} props */
function Format({ model }) {
  return h(Select, {
    id: "format", label: t("generate.format"), value: model.form.value.format, onChange: (format) => model.change({ format }),
    options: [{ value: "", label: t("generate.automatic") }, ...model.can.value.output_formats.map((each) => ({ value: each, label: each.toUpperCase() }))],
  });
}

/** @param {Props} props */
function Size({ model }) {
  return h(Select, {
    id: "size", label: t("generate.size"), value: model.form.value.size, onChange: (size) => model.change({ size }),
    options: [{ value: "", label: t("generate.sizeByShape") }, ...model.can.value.sizes.map((each) => ({ value: each, label: each.replace("x", " × ") }))],
  });
}
