import { computed, signal } from "../../ui/html.js";

const KEY = "atelier.theme";

/**
 * Dark or light: what was chosen, else what the system says.
 *
 * @param {object} of
 * @param {Document} of.document
 * @param {MediaQueryList} of.system  whether the system prefers dark
 * @param {{read: (key: string) => string | null, write: (key: string, value: string) => void}} of.storage
 */
export function createTheme({ document, system, storage }) {
  const chosen = signal(storage.read(KEY));
  const systemDark = signal(system.matches);
  system.addEventListener("change", (event) => { systemDark.value = event.matches; });
  const shown = computed(() => (chosen.value === "dark" || chosen.value === "light" ? chosen.value : systemDark.value ? "dark" : "light"));
  return {
    shown,
    toggle() {
      const next = shown.peek() === "dark" ? "light" : "dark";
      chosen.value = next;
      document.documentElement.dataset["theme"] = next;
      storage.write(KEY, next);
    },
  };
}

/** @typedef {ReturnType<typeof createTheme>} Theme */
