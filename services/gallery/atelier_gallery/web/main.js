/** Puts everything together; the only place that knows the browser's globals. */
import { createApi, ApiError } from "./core/api.js";
import { createRouter } from "./core/router.js";
import { createSocket } from "./core/socket.js";
import { PATIENCE, createStore } from "./core/store.js";
import { createGallery } from "./pages/gallery/model.js";
import { restored } from "./pages/generate/form.js";
import { createGenerate } from "./pages/generate/model.js";
import { createImagePage } from "./pages/image/model.js";
import { createQueue } from "./pages/queue/model.js";
import { Shell } from "./pages/shell/page.js";
import { createTheme } from "./pages/shell/theme.js";
import { effect, h, render } from "./ui/html.js";
import { createToasts } from "./ui/toast.js";

/** @typedef {import("./pages/generate/model.js").Submission} Submission */

/** Storage may be forbidden or full; then things are forgotten. @param {() => Storage} area */
const kept = (area) => ({
  /** @param {string} key */
  read(key) {
    try { return area().getItem(key); } catch { return null; }
  },
  /** @param {string} key @param {string} value */
  write(key, value) {
    try { area().setItem(key, value); } catch { /* Forgotten. */ }
  },
});
const session = kept(() => sessionStorage);

/** A value that survives a reload. @template T @param {string} key @param {(value: any) => T} restore  what was kept, or null */
function lasting(key, restore) {
  let value = restore(parsed(session.read(key)));
  return {
    read: () => value,
    /** @param {T} next */
    write(next) {
      value = next;
      session.write(key, JSON.stringify(next));
    },
  };
}

/** @param {string | null} text */
function parsed(text) {
  try { return JSON.parse(text ?? "null"); } catch { return null; }
}

/** `crypto.randomUUID` is missing on plain HTTP. */
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {number} ms @returns {Promise<void>} */
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// A hidden page gets no frames, and must not fall behind for it.
const store = createStore({ schedule: (flush) => (document.hidden ? setTimeout(flush, 250) : requestAnimationFrame(flush)) });
const router = createRouter(window);
const toasts = createToasts();
const api = createApi({ fetch: window.fetch.bind(window), authenticate: store.authenticate, clock: store.serverTime });

let patience = 0;
let nextTry = /** @type {number | null} */ (null);
const socket = createSocket({
  open: (url) => new WebSocket(url),
  address() {
    const url = new URL("/v1/events?topic=me", window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const cursor = store.cursor();
    if (cursor) url.searchParams.set("after", cursor);
    return url.href;
  },
  receive: store.receive,
  forget: store.forgetCursor,
  changed(state, retryIn) {
    nextTry = retryIn === null ? null : Date.now() + retryIn;
    if (state === "open") {
      clearTimeout(patience);
      patience = 0;
      store.connected("live", null);
    } else if (state === "unauthenticated") {
      store.connected("connecting", null);
      void store.authenticate();
    } else if (store.connection.peek() === "lost") {
      store.connected("lost", nextTry);
    } else {
      patience ||= Number(setTimeout(() => { patience = 0; store.connected("lost", nextTry); }, PATIENCE));
    }
  },
});

const gallery = createGallery({ api, store, router, toasts });
const queue = createQueue({ api, store, toasts, newKey, sleep });
const image = createImagePage({ api, store, router, gallery, afterClosing: (then) => requestAnimationFrame(then) });
const generate = createGenerate({
  api, store, toasts, newKey, sleep,
  draft: lasting("atelier.draft", restored),
  unanswered: lasting("atelier.unanswered", (kept) => /** @type {Submission | null} */ (kept?.key && kept.text ? kept : null)),
});
const theme = createTheme({
  document, system: window.matchMedia("(prefers-color-scheme: dark)"), storage: kept(() => localStorage),
});

/** @param {string} key */
async function signIn(key) {
  try {
    await api.signIn(key);
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
  store.signedIn();
  socket.connect();
  return null;
}

/** The catalogue is needed to ask for anything: tried until it is there, and has somebody who can draw. */
async function catalogue() {
  for (let wait = 1_000; ; wait = Math.min(wait * 2, 15_000)) {
    try {
      await generate.load();
      if (generate.models.peek().some(({ available }) => available)) return;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    await sleep(wait);
  }
}

window.addEventListener("offline", socket.cut);
window.addEventListener("online", socket.connect);
// Whoever is back may find what failed meanwhile.
effect(() => {
  if (store.connection.value === "live" && gallery.reading.peek() === "error") gallery.retry();
});

const place = document.getElementById("app");
if (place) {
  render(h(Shell, { store, router, toasts, generate, queue, gallery, image, theme, signIn, reconnect: socket.connect }), place);
}
socket.connect();
void catalogue();
