import { Icon } from "./icon.js";
import { classes, h, html } from "./html.js";

/**
 * @typedef {object} ButtonProps
 * @property {import("./html.js").Children} [children]
 * @property {(event: MouseEvent) => void} [onClick]
 * @property {import("./icon.js").IconName} [icon]
 * @property {"plain" | "primary" | "quiet" | "danger"} [look]
 * @property {"button" | "submit"} [type]
 * @property {boolean} [disabled]  it stays focusable: nothing that had the focus loses it by being busy
 * @property {string} [label]  for buttons whose words are not enough
 * @property {number} [tabIndex]
 */

/** @param {ButtonProps} props */
export function Button({ children, onClick, icon, look = "plain", type = "button", disabled = false, label, tabIndex }) {
  /** @param {MouseEvent} event */
  const click = (event) => {
    if (disabled) event.preventDefault();
    else onClick?.(event);
  };
  return html`<button type=${type} class=${classes("button", look)} onClick=${click} aria-label=${label}
    aria-disabled=${disabled ? "true" : undefined} tabindex=${tabIndex}>
    ${icon && h(Icon, { name: icon })}<span>${children}</span></button>`;
}

/**
 * A button that is only its icon; `label` is its name and its tooltip.
 *
 * @param {{icon: import("./icon.js").IconName, label: string, onClick: (event: MouseEvent) => void,
 *   tabIndex?: number, disabled?: boolean, className?: string}} props
 */
export function IconButton({ icon, label, onClick, tabIndex, disabled = false, className = "" }) {
  return html`<button type="button" class=${classes("icon-button", className)} aria-label=${label} title=${label}
    tabindex=${tabIndex} disabled=${disabled} onClick=${onClick}>${h(Icon, { name: icon })}</button>`;
}

/** @param {{href: string, label: string, tabIndex?: number, children?: import("./html.js").Children}} props */
export function DownloadLink({ href, label, tabIndex, children }) {
  return html`<a class=${children ? "button plain" : "icon-button"} href=${href} download aria-label=${label}
    title=${children ? undefined : label} tabindex=${tabIndex} onClick=${(/** @type {Event} */ event) => event.stopPropagation()}>
    ${h(Icon, { name: "download" })}${children && html`<span>${children}</span>`}</a>`;
}
