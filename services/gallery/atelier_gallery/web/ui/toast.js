/** Short messages that leave by themselves, with at most one thing to do about them. */
import { Button, IconButton } from "./button.js";
import { h, html, signal, useEffect, useState } from "./html.js";
import { t } from "../core/i18n.js";

/**
 * @typedef {object} Toast
 * @property {number} id
 * @property {string} text
 * @property {"info" | "error"} tone
 * @property {{label: string, run: () => void} | null} action
 */

const LASTING = 8_000;
const AT_MOST = 3;

export function createToasts() {
  const toasts = signal(/** @type {readonly Toast[]} */ ([]));
  const announcement = signal("");
  let last = 0;

  /** @param {number} id */
  const dismiss = (id) => {
    toasts.value = toasts.peek().filter((toast) => toast.id !== id);
  };
  return {
    toasts, announcement, dismiss,
    /** @param {string} text @param {{tone?: Toast["tone"], action?: Toast["action"]}} [how] */
    show(text, { tone = "info", action = null } = {}) {
      last += 1;
      toasts.value = [...toasts.peek().slice(1 - AT_MOST), { id: last, text, tone, action }];
    },
    /** Said to screen readers only, for what everybody else sees. @param {string} text */
    announce(text) {
      announcement.value = text;
    },
  };
}

/** @typedef {ReturnType<typeof createToasts>} ToastModel */

/** @param {{model: ToastModel}} props */
export function Toasts({ model }) {
  return html`<div class="toasts" role="region" aria-label=${t("toast.region")}>
    <div class="visually-hidden" role="status">${model.announcement.value}</div>
    <div role="status" class="toast-list">
      ${model.toasts.value.map((toast) => h(ToastItem, { key: toast.id, toast, onEnd: () => model.dismiss(toast.id) }))}
    </div></div>`;
}

/** Waits while it is pointed at or has the focus. @param {{toast: Toast, onEnd: () => void, key?: number}} props */
function ToastItem({ toast, onEnd }) {
  const [held, hold] = useState(false);
  useEffect(() => {
    if (held) return undefined;
    const timer = setTimeout(onEnd, LASTING);
    return () => clearTimeout(timer);
  }, [held]);
  const act = () => {
    onEnd();
    toast.action?.run();
  };
  return html`<div class="toast ${toast.tone}" onPointerEnter=${() => hold(true)} onPointerLeave=${() => hold(false)}
    onFocusIn=${() => hold(true)} onFocusOut=${() => hold(false)}>
    <span>${toast.text}</span>
    ${toast.action && h(Button, { look: "quiet", onClick: act, children: toast.action.label })}
    ${h(IconButton, { icon: "close", label: t("toast.dismiss"), onClick: onEnd })}</div>`;
}
