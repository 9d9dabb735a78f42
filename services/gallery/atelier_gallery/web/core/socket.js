/**
 * The only `WebSocket` of the page: `/v1/events`, opened again after every cut until it is closed for good.
 *
 * @typedef {import("./types.js").Message} Message
 * @typedef {"connecting" | "open" | "waiting" | "unauthenticated"} State
 *
 * @typedef {object} Clock
 * @property {(callback: () => void, ms: number) => number} set
 * @property {(timer: number) => void} clear
 */

/** The server pings every 20 s; twice that and a little is a dead connection. */
export const SILENCE = 45_000;
/** How long a connection has to last before the next cut counts as the first. */
const STABLE = 5_000;
const UNAUTHENTICATED = 4401;
const BAD_REQUEST = 4400;

/**
 * Milliseconds to wait before attempt `failures + 1`: doubling to 20 s, half of it random so that many pages do not
 * come back at once.
 *
 * @param {number} failures  1 after the first
 * @param {() => number} [random]
 */
export function backoff(failures, random = Math.random) {
  const most = Math.min(500 * 2 ** Math.min(failures - 1, 10), 20_000);
  return most / 2 + (most / 2) * random();
}

/**
 * @param {object} of
 * @param {(url: string) => WebSocket} of.open
 * @param {() => string} of.address  with the cursor of the moment
 * @param {(message: Message) => void} of.receive
 * @param {(state: State, retryAt: number | null) => void} of.changed  retryAt: milliseconds from now, when waiting
 * @param {() => void} of.forget  the cursor was refused: start afresh
 * @param {Clock} [of.clock]
 * @param {() => number} [of.random]
 */
export function createSocket({ open, address, receive, changed, forget, clock = timers, random }) {
  /** @type {WebSocket | null} */
  let socket = null;
  let failures = 0;
  let running = false;
  let retry = 0;
  let watchdog = 0;
  let stable = 0;

  function connect() {
    drop();
    changed("connecting", null);
    const mine = open(address());
    let heard = false;
    socket = mine;
    watch();
    mine.onmessage = (event) => {
      if (mine !== socket) return;
      watch();
      // A handshake says nothing: the server accepts whoever comes, and closes again with the reason.
      if (!heard) {
        heard = true;
        changed("open", null);
        stable = clock.set(() => { failures = 0; }, STABLE);
      }
      const message = parsed(event.data);
      if (message) receive(message);
    };
    mine.onclose = (event) => {
      if (mine === socket) lost(event.code);
    };
  }

  /** @param {number} code */
  function lost(code) {
    drop();
    if (!running) return;
    if (code === UNAUTHENTICATED) {
      changed("unauthenticated", null);
      return;
    }
    if (code === BAD_REQUEST) forget();
    failures += 1;
    const delay = backoff(failures, random);
    retry = clock.set(connect, delay);
    changed("waiting", delay);
  }

  function watch() {
    clock.clear(watchdog);
    watchdog = clock.set(() => lost(0), SILENCE);
  }

  function drop() {
    for (const timer of [retry, watchdog, stable]) clock.clear(timer);
    const old = socket;
    socket = null;
    old?.close();
  }

  return {
    /** Opens it, at once also while it waits or hangs: after sign-in, when the network is back, when asked. */
    connect() {
      running = true;
      connect();
    },
    /** What the browser says about its network is a hint: off means lost, on means try now. */
    cut() {
      if (running && socket) lost(0);
    },
    close() {
      running = false;
      drop();
    },
  };
}

/** @typedef {ReturnType<typeof createSocket>} Socket */

/** @type {Clock} */
const timers = {
  set: (callback, ms) => Number(setTimeout(callback, ms)),
  clear: (timer) => clearTimeout(timer),
};

/** @param {unknown} text @returns {Message | null} */
function parsed(text) {
  try {
    const message = JSON.parse(String(text));
    return message !== null && typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}
