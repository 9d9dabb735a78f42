import { t } from "../../core/i18n.js";
import { Button } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { Field } from "../../ui/field.js";
import { h, html, useRef, useState } from "../../ui/html.js";

/** Asks for the key; nothing works without, so there is no way around it. @param {{onSignIn: (key: string) => Promise<boolean>}} props */
export function SignIn({ onSignIn }) {
  const ref = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [state, setState] = useState({ busy: false, wrong: false });
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    const key = ref.current?.value.trim() ?? "";
    if (state.busy || !key) return;
    setState({ busy: true, wrong: false });
    const welcome = await onSignIn(key);
    if (welcome) return;
    setState({ busy: false, wrong: true });
    ref.current?.select();
  };
  return h(Dialog, {
    label: t("signIn.title"), onClose: null, className: "dialog",
    children: html`<form class="sign-in" onSubmit=${submit}>
      <h2>${t("signIn.title")}</h2><p>${t("signIn.text")}</p>
      ${h(Field, {
    id: "api-key", label: t("signIn.key"), ...(state.wrong ? { error: t("signIn.wrong") } : {}),
    control: (described) => html`<input ref=${ref} id="api-key" class="input" type="password" autocomplete="current-password"
      required aria-describedby=${described} aria-invalid=${state.wrong ? "true" : undefined} />`,
  })}
      ${h(Button, { type: "submit", look: "primary", disabled: state.busy, children: t("signIn.submit") })}</form>`,
  });
}
