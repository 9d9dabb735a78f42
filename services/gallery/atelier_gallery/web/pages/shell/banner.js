import { t } from "../../core/i18n.js";
import { Button } from "../../ui/button.js";
import { h, html, useEffect, useState } from "../../ui/html.js";
import { Icon } from "../../ui/icon.js";

/** Says that the connection is lost, and when it is tried again. @param {{store: import("../../core/store.js").Store, onRetry: () => void}} props */
export function Banner({ store, onRetry }) {
  const lost = store.connection.value === "lost" && !store.signInNeeded.value;
  return html`<div role="status" class="banner-place">${lost && html`<div class="banner">${h(Icon, { name: "offline" })}
    <span>${t("connection.banner")} ${h(Countdown, { at: store.retryAt.value })}</span>
    ${h(Button, { look: "quiet", onClick: onRetry, children: t("connection.now") })}</div>`}</div>`;
}

/** Not announced: a screen reader would count along. @param {{at: number | null}} props */
function Countdown({ at }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 500);
    return () => clearInterval(timer);
  }, []);
  const seconds = at === null ? 0 : Math.ceil((at - Date.now()) / 1000);
  return html`<span aria-hidden="true">${seconds > 0 ? t("connection.in", { count: seconds }) : t("connection.trying")}</span>`;
}
