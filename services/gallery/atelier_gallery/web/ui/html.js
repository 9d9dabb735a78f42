/**
 * What components are made of. Elements are `html` templates; components are `h(Component, props)`, because only
 * there does the type checker see the props.
 */
import htm from "../vendor/htm/htm.js";
import { h } from "../vendor/preact/index.js";

/** @type {(strings: TemplateStringsArray, ...values: any[]) => import("../vendor/preact/index.js").VNode<any>} */
export const html = /** @type {any} */ (htm.bind(h));

export { h };
export { render } from "../vendor/preact/index.js";
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact/hooks.js";
export { batch, computed, effect, signal } from "../vendor/signals/signals.js";

/** @typedef {import("../vendor/preact/index.js").ComponentChildren} Children */
/**
 * @template T
 * @typedef {import("../vendor/signals/signals.js").Signal<T>} Signal
 */
/**
 * @template T
 * @typedef {import("../vendor/signals/signals.js").ReadonlySignal<T>} ReadonlySignal
 */

/** Class names, without the ones that do not hold. @param {...(string | false | null | undefined)} names */
export const classes = (...names) => names.filter(Boolean).join(" ");
