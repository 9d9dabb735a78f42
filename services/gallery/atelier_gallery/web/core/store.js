/**
 * The one store. `live` changes only by `reduce`, once a frame; everything else here is what several pages share:
 * the connection, the sign-in, the catalogue, the time of the server.
 */
import { batch, signal } from "../vendor/signals/signals.js";
import { EMPTY, reduce } from "./reducer.js";

/**
 * @typedef {import("./types.js").Message} Message
 * @typedef {"connecting" | "live" | "lost"} Connection
 */

/** How long a cut may last before people are told: a restart of the server is shorter. */
export const PATIENCE = 1_500;

/**
 * @param {object} of
 * @param {(flush: () => void) => void} of.schedule  calls back once, with the next frame
 */
export function createStore({ schedule }) {
  const live = signal(EMPTY);
  const connection = signal(/** @type {Connection} */ ("connecting"));
  const retryAt = signal(/** @type {number | null} */ (null));
  const signInNeeded = signal(false);
  const offset = signal(0);
  /** @type {Message[]} */
  let waiting = [];
  /** @type {(() => void)[]} */
  let strangers = [];

  function flush() {
    const messages = waiting;
    waiting = [];
    live.value = reduce(live.peek(), messages);
  }

  return {
    live, connection, retryAt, signInNeeded,

    /** From the socket: merged with the next frame. @param {Message} message */
    receive(message) {
      if (waiting.push(message) === 1) schedule(flush);
    },

    /** From an answer to our own request: merged at once, after what came before it. @param {Message} message */
    merge(message) {
      waiting.push(message);
      flush();
    },

    /** The cursor was refused: the next connection starts afresh. */
    forgetCursor() {
      flush();
      live.value = { ...live.peek(), cursor: null };
    },

    /** The cursor to resume from, with everything received so far applied. */
    cursor() {
      flush();
      return live.peek().cursor;
    },

    /** Resolves when somebody has signed in; asks for it. @returns {Promise<void>} */
    authenticate() {
      signInNeeded.value = true;
      return new Promise((resolve) => { strangers.push(resolve); });
    },

    signedIn() {
      const resolved = strangers;
      strangers = [];
      signInNeeded.value = false;
      for (const resolve of resolved) resolve();
    },

    /** @param {Connection} state @param {number | null} at  when the next try is due, in milliseconds of `Date.now` */
    connected(state, at) {
      batch(() => {
        connection.value = state;
        retryAt.value = at;
      });
    },

    /** @param {Date} time  of the server, cut to seconds */
    serverTime(time) {
      const difference = time.getTime() - Date.now();
      // The header has whole seconds: up to one of them is no difference.
      offset.value = difference > 0 || difference < -1_500 ? difference : 0;
    },

    /** Milliseconds since the epoch by the server's clock, which job times are in. */
    now: () => Date.now() + offset.peek(),
  };
}

/** @typedef {ReturnType<typeof createStore>} Store */
