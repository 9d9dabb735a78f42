import { html, useLayoutEffect, useRef } from "./html.js";

/**
 * A modal dialog while it is mounted. The browser keeps the focus inside and gives it back at the end.
 *
 * @param {object} props
 * @param {string} props.label
 * @param {(() => void) | null} props.onClose  Escape or a click beside it; null: it cannot be dismissed
 * @param {string} [props.className]
 * @param {(event: KeyboardEvent) => void} [props.onKeyDown]
 * @param {import("./html.js").Children} props.children
 */
export function Dialog({ label, onClose, className = "dialog", onKeyDown, children }) {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  /** @param {Event} event */
  const cancel = (event) => {
    event.preventDefault();
    onClose?.();
  };
  /** @param {KeyboardEvent} event */
  const keyDown = (event) => {
    // Chromium closes on a second Escape without a cancelable event.
    if (event.key === "Escape") cancel(event);
    else onKeyDown?.(event);
  };
  /** @param {MouseEvent} event */
  const click = (event) => {
    if (event.target === ref.current) onClose?.();
  };
  return html`<dialog ref=${ref} class=${className} aria-label=${label} onCancel=${cancel} onKeyDown=${keyDown}
    onClick=${click}>${children}</dialog>`;
}
