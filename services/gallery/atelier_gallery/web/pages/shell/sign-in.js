import { t, tOr } from "../../core/i18n.js";
import { Button } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { Field } from "../../ui/field.js";
import { h, html, useRef, useState } from "../../ui/html.js";

/** Asks for the key; nothing works without, so there is no way around it. @param {{onSignIn: (key: string) => Promise<string | null>}} props */
export function SignIn({ onSignIn }) {
  const ref = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [state, setState] = useState({ busy: false, error: "" });
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    const key = ref.current?.value.trim() ?? "";
    if (state.busy || !key) return;
    setState({ busy: true, error: "" });
    const code = await onSignIn(key);
    if (code === null) return;
    setState({ busy: false, error: tOr(`signIn.problem.${code}`, "signIn.problem.other") });
    ref.current?.select();
  };
  return h(Dialog, {
    label: t("signIn.title"), onClose: null, className: "dialog",
    children: html`<form class="sign-in" onSubmit=${submit}>
      <h2>${t("signIn.title")}</h2><p>${t("signIn.text")}</p>
      ${h(Field, {
    id: "api-key", label: t("signIn.key"), ...(state.error ? { error: state.error } : {}),
    control: (described) => html`<input ref=${ref} id="api-key" class="input" type="password" autocomplete="current-password"
      required aria-describedby=${described} aria-invalid=${state.error ? "true" : undefined} />`,
  })}
      ${h(Button, { type: "submit", look: "primary", disabled: state.busy, children: t("signIn.submit") })}</form>`,
  });
}
