/**
 * Pages without a screen: the page's own socket and store, one for each origin.
 *
 *     node --experimental-websocket page_followers.mjs ORIGIN…     the key in ATELIER_API_KEY
 *
 * Every message is a line `[page, seconds, event, id, version]` as soon as it has come. After a line `views` on
 * standard input each page's view is a line `{page, jobs, images, resets}`; after its end they leave.
 */
import { createInterface } from "node:readline";
import { createSocket } from "../../services/gallery/atelier_gallery/web/core/socket.js";
import { createStore } from "../../services/gallery/atelier_gallery/web/core/store.js";

const key = process.env.ATELIER_API_KEY;
const headers = key ? { authorization: `Bearer ${key}` } : {};
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** As in a browser, where a handshake that fails is a close, too. */
function opened(url) {
  const socket = new WebSocket(url, { headers });
  socket.onerror = () => socket.onclose?.({ code: 1006 });
  return socket;
}

const pages = process.argv.slice(2).map((origin, page) => {
  const store = createStore({ schedule: (flush) => setTimeout(flush, 16) });
  const socket = createSocket({
    open: opened,
    address() {
      const url = new URL("/v1/events?topic=me", origin.replace("http", "ws"));
      const cursor = store.cursor();
      if (cursor) url.searchParams.set("after", cursor);
      return url.href;
    },
    receive(message) {
      store.receive(message);
      const seconds = Number(process.hrtime.bigint()) / 1e9;
      say([page, seconds, message.event, message.data.id ?? null, message.data.version ?? 0]);
    },
    forget: store.forgetCursor,
    changed: () => {},
  });
  socket.connect();
  return { store, socket };
});

const commands = createInterface({ input: process.stdin });
commands.on("line", () => {
  for (const [page, { store }] of pages.entries()) {
    store.cursor(); // with everything received so far
    const { jobs, images, resets } = store.live.peek();
    say({ page, jobs: [...jobs.values()], images: [...images.values()], resets });
  }
});
commands.on("close", () => {
  for (const { socket } of pages) socket.close();
});
