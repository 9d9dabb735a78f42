import { t } from "../../core/i18n.js";
import { Chips, Field, Select, Stepper } from "../../ui/field.js";
import { Icon } from "../../ui/icon.js";
import { h, html } from "../../ui/html.js";
import { validSeed } from "./form.js";

/** @typedef {{model: import("./model.js").Generate}} Props */

/** @param {Props} props */
export function StyleChoice({ model }) {
  if (!model.styles.value.length) return null;
  return h(Chips, {
    name: "style", legend: t("generate.style"), oneRow: true, value: model.form.value.style,
    onChange: (style) => model.change({ style }),
    options: [
      { value: "", label: t("generate.noStyle") },
      ...model.styles.value.map((style) => ({ value: style.id, label: style.name, title: style.description })),
    ],
  });
}

/** @param {Props} props */
export function ShapeChoice({ model }) {
  const ratios = model.can.value.aspect_ratios;
  if (!ratios.length) return null;
  const { size, aspect } = model.form.value;
  return h(Chips, {
    name: "aspect", legend: t("generate.shape"), value: size ? "" : aspect,
    onChange: (ratio) => model.change({ aspect: ratio, size: "" }),
    options: ratios.map((ratio) => ({ value: ratio, label: h(Shape, { ratio }) })),
  });
}

/** The proportions drawn, with their name. @param {{ratio: string}} props */
function Shape({ ratio }) {
  const [across = 1, down = 1] = ratio.split(":").map(Number);
  const scale = 14 / Math.max(across, down);
  const [width, height] = [across * scale, down * scale];
  return html`<span class="shape"><svg viewBox="0 0 18 18" aria-hidden="true">
    <rect x=${9 - width / 2} y=${9 - height / 2} width=${width} height=${height} rx="2" /></svg>${ratio}</span>`;
}

/** @param {Props} props */
export function CountChoice({ model }) {
  const { n } = model.form.value;
  const { max_n: max } = model.can.value;
  return h(Stepper, {
    id: "count", label: t("generate.count"), value: Math.min(n, max), min: 1, max,
    names: { less: t("generate.fewer"), more: t("generate.more") },
    onChange: (value) => model.change({ n: value }),
  });
}

/** @param {Props} props */
export function ModelChoice({ model }) {
  return h(Select, {
    id: "model", label: t("generate.model"), value: model.form.value.model,
    onChange: (value) => model.change({ model: value }),
    options: [
      { value: "", label: t("generate.autoModel") },
      ...model.models.value.map(({ id, name, available }) => ({
        value: id, disabled: !available, label: available ? name : t("generate.offModel", { name }),
      })),
    ],
  });
}

/** What most people never need. @param {Props} props */
export function More({ model }) {
  const { negative, seed, size, format } = model.form.value;
  const can = model.can.value;
  /** @param {(value: string) => void} set */
  const input = (set) => (/** @type {Event} */ event) => set(/** @type {HTMLInputElement} */ (event.currentTarget).value);
  return html`<details class="more">
    <summary>${h(Icon, { name: "sliders" })}${t("generate.moreSettings")}</summary>
    <div class="more-fields">
      ${h(Field, {
    id: "negative", label: t("generate.negative"), hint: can.negative_prompt ? t("generate.negativeHint") : t("generate.cannot"),
    control: (described) => html`<textarea id="negative" class="input" rows="2" dir="auto" maxlength="4000" value=${negative}
      disabled=${!can.negative_prompt} aria-describedby=${described} onInput=${input((value) => model.change({ negative: value }))}></textarea>`,
  })}
      <div class="pair">
      ${h(Field, {
    id: "seed", label: t("generate.seed"), hint: can.seed ? t("generate.seedHint") : t("generate.cannot"),
    ...(validSeed(seed) ? {} : { error: t("generate.badSeed") }),
    control: (described) => html`<input id="seed" class="input" inputmode="numeric" autocomplete="off" value=${seed} placeholder=${t("generate.anySeed")}
      disabled=${!can.seed} aria-invalid=${validSeed(seed) ? undefined : "true"} aria-describedby=${described}
      onInput=${input((value) => model.change({ seed: value }))} />`,
  })}
      ${h(Select, {
    id: "format", label: t("generate.format"), value: format, onChange: (value) => model.change({ format: value }),
    options: [{ value: "", label: t("generate.anyFormat") }, ...can.output_formats.map((each) => ({ value: each, label: each.toUpperCase() }))],
  })}</div>
      ${h(Select, {
    id: "size", label: t("generate.size"), value: size, onChange: (value) => model.change({ size: value }),
    options: [{ value: "", label: t("generate.sizeByShape") }, ...can.sizes.map((each) => ({ value: each, label: each.replace("x", " × ") }))],
  })}
    </div></details>`;
}
