import { classes, html, useLayoutEffect, useRef } from "./html.js";

/**
 * A labelled control with an optional hint and error; `control` gets the ids to point at.
 *
 * @param {object} props
 * @param {string} props.id
 * @param {string} props.label
 * @param {string} [props.hint]
 * @param {string} [props.error]
 * @param {(described: string | undefined) => import("./html.js").Children} props.control
 */
export function Field({ id, label, hint, error, control }) {
  const described = classes(hint && `${id}-hint`, error && `${id}-error`) || undefined;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${control(described)}
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
    ${error && html`<p class="field-error" id="${id}-error">${error}</p>`}</div>`;
}

/**
 * @param {object} props
 * @param {string} props.id
 * @param {string} props.label
 * @param {string} props.value
 * @param {readonly {value: string, label: string, disabled?: boolean}[]} props.options
 * @param {(value: string) => void} props.onChange
 * @param {string} [props.hint]
 */
export function Select({ id, label, value, options, onChange, hint }) {
  /** @param {Event} event */
  const change = (event) => onChange(/** @type {HTMLSelectElement} */ (event.currentTarget).value);
  return Field({ id, label, ...(hint === undefined ? {} : { hint }), control: (described) => html`
    <select id=${id} class="input" value=${value} onChange=${change} aria-describedby=${described}>
      ${options.map((option) => html`<option key=${option.value} value=${option.value}
        selected=${option.value === value} disabled=${option.disabled}>${option.label}</option>`)}
    </select>` });
}

/**
 * One of few: radio buttons that look like chips.
 *
 * @param {object} props
 * @param {string} props.name
 * @param {string} props.legend
 * @param {string} props.value
 * @param {readonly {value: string, label: import("./html.js").Children, title?: string}[]} props.options
 * @param {(value: string) => void} props.onChange
 * @param {boolean} [props.oneRow]  many options in a row that scrolls sideways
 */
export function Chips({ name, legend, value, options, onChange, oneRow = false }) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const chosen = oneRow && ref.current?.querySelector("input:checked")?.parentElement;
    if (ref.current && chosen) ref.current.scrollLeft = chosen.offsetLeft - (ref.current.clientWidth - chosen.offsetWidth) / 2;
  }, [value, options.length]);
  return html`<fieldset class="field chips">
    <legend>${legend}</legend>
    <div ref=${ref} class=${classes("chip-list", oneRow && "one-row")}>${options.map((option) => html`<label class="chip" key=${option.value} title=${option.title}>
      <input type="radio" name=${name} value=${option.value} checked=${option.value === value}
        onChange=${() => onChange(option.value)} />
      <span>${option.label}</span></label>`)}</div></fieldset>`;
}

/**
 * A whole number with a button on either side.
 *
 * @param {object} props
 * @param {string} props.id
 * @param {string} props.label
 * @param {number} props.value
 * @param {number} props.min
 * @param {number} props.max
 * @param {{less: string, more: string}} props.names
 * @param {(value: number) => void} props.onChange
 */
export function Stepper({ id, label, value, min, max, names, onChange }) {
  /** @param {number} wanted */
  const set = (wanted) => onChange(Math.min(max, Math.max(min, Math.round(wanted) || min)));
  /** @param {Event} event */
  const change = (event) => {
    const input = /** @type {HTMLInputElement} */ (event.currentTarget);
    set(Number(input.value));
    // What was typed may be out of range while the value stays the same, which renders nothing.
    input.value = String(Math.min(max, Math.max(min, Math.round(Number(input.value)) || min)));
  };
  return html`<div class="field"><label for=${id}>${label}</label>
    <div class="stepper">
      <button type="button" aria-label=${names.less} disabled=${value <= min} onClick=${() => set(value - 1)}>−</button>
      <input id=${id} type="number" inputmode="numeric" min=${min} max=${max} value=${value} onChange=${change} />
      <button type="button" aria-label=${names.more} disabled=${value >= max} onClick=${() => set(value + 1)}>+</button>
    </div></div>`;
}
