import { t } from "../../core/i18n.js";
import { Chips, Select, Stepper } from "../../ui/field.js";
import { h, html } from "../../ui/html.js";

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
  const { model: wanted } = model.form.value;
  const other = wanted && !model.models.value.some(({ id }) => id === wanted);
  return h(Select, {
    id: "model", label: t("generate.model"), value: wanted,
    onChange: (value) => model.change({ model: value }),
    options: [
      { value: "", label: t("generate.autoModel") },
      ...(other ? [{ value: wanted, label: wanted }] : []),
      ...model.models.value.map(({ id, name, available }) => ({
        value: id, disabled: !available, label: available ? name : t("generate.offModel", { name }),
      })),
    ],
  });
}
