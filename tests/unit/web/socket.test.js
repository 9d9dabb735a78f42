import assert from "node:assert/strict";
import { test } from "node:test";
import { SILENCE, backoff, createSocket } from "../../../services/gallery/atelier_gallery/web/core/socket.js";

/** Time that passes when told to. */
function fakeClock() {
  let now = 0;
  let last = 0;
  const due = new Map();
  return {
    set(callback, ms) {
      last += 1;
      due.set(last, { at: now + ms, callback });
      return last;
    },
    clear: (timer) => due.delete(timer),
    pass(ms) {
      const until = now + ms;
      for (;;) {
        const [next] = [...due].filter(([, { at }]) => at <= until).sort((a, b) => a[1].at - b[1].at);
        if (!next) break;
        due.delete(next[0]);
        now = next[1].at;
        next[1].callback();
      }
      now = until;
    },
    get waiting() { return due.size; },
  };
}

function setUp() {
  const clock = fakeClock();
  const opened = [];
  const seen = { messages: [], states: [], forgotten: 0 };
  let cursor = null;
  const socket = createSocket({
    open(url) {
      const one = { url, closed: false, close() { this.closed = true; } };
      opened.push(one);
      return one;
    },
    address: () => `ws://here/${cursor ?? ""}`,
    receive: (message) => seen.messages.push(message),
    changed: (state) => seen.states.push(state),
    forget: () => { seen.forgotten += 1; cursor = null; },
    clock,
    random: () => 0.5,
  });
  const current = () => opened.at(-1);
  return { socket, clock, opened, seen, current, cursorIs: (value) => { cursor = value; } };
}

test("messages come through, what is no message does not", () => {
  const { socket, seen, current } = setUp();
  socket.connect();
  current().onmessage({ data: '{"event":"ping","data":{}}' });
  current().onmessage({ data: "not json" });
  current().onmessage({ data: "null" });
  assert.deepEqual(seen.messages, [{ event: "ping", data: {} }]);
  assert.deepEqual(seen.states, ["connecting", "open"]);
});

test("after a cut it waits longer each time and resumes from the cursor of the moment", () => {
  const { socket, clock, opened, current, cursorIs } = setUp();
  socket.connect();
  for (const wait of [375, 750, 1500, 3000]) {
    const before = opened.length;
    cursorIs(`c${before}`);
    current().onclose({ code: 1006 });
    clock.pass(wait - 1);
    assert.equal(opened.length, before);
    clock.pass(1);
    assert.equal(opened.length, before + 1);
    assert.equal(current().url, `ws://here/c${before}`);
  }
});

test("a connection that lasted makes the next cut the first", () => {
  const { socket, clock, opened, current } = setUp();
  socket.connect();
  current().onclose({ code: 1006 });
  clock.pass(375);
  current().onmessage({ data: "{}" });
  clock.pass(6_000);
  current().onclose({ code: 1012 });
  clock.pass(375);
  assert.equal(opened.length, 3);
});

test("a connection is open when something has come: servers say by a close what they cannot do", () => {
  const { socket, clock, opened, seen, current } = setUp();
  socket.connect();
  for (const wait of [375, 750]) {
    clock.pass(10_000);
    current().onclose({ code: 1012 });
    clock.pass(wait);
  }
  assert.equal(opened.length, 3);
  assert.ok(!seen.states.includes("open"));
  current().onmessage({ data: "{}" });
  current().onmessage({ data: "{}" });
  assert.deepEqual(seen.states.filter((state) => state === "open"), ["open"]);
});

test("silence is a cut, a ping is not silence", () => {
  const { socket, clock, opened, current } = setUp();
  socket.connect();
  const first = current();
  clock.pass(SILENCE - 1);
  first.onmessage({ data: '{"event":"ping","data":{}}' });
  clock.pass(SILENCE - 1);
  assert.equal(opened.length, 1);
  clock.pass(1 + 375);
  assert.ok(first.closed);
  assert.equal(opened.length, 2);
});

test("a connection that never opens is given up", () => {
  const { socket, clock, opened } = setUp();
  socket.connect();
  clock.pass(SILENCE + 375);
  assert.equal(opened.length, 2);
});

test("a refused key waits for the sign-in, a refused cursor is forgotten", () => {
  const { socket, clock, opened, seen, current } = setUp();
  socket.connect();
  current().onclose({ code: 4401 });
  clock.pass(600_000);
  assert.equal(opened.length, 1);
  assert.equal(seen.states.at(-1), "unauthenticated");
  socket.connect();
  current().onclose({ code: 4400 });
  assert.equal(seen.forgotten, 1);
  clock.pass(375);
  assert.equal(opened.length, 3);
});

test("what an old connection still says is not heard", () => {
  const { socket, seen, current } = setUp();
  socket.connect();
  const old = current();
  socket.connect();
  old.onmessage({ data: '{"event":"ping"}' });
  old.onclose({ code: 1006 });
  assert.deepEqual(seen.messages, []);
  assert.deepEqual(seen.states, ["connecting", "connecting"]);
});

test("closed is closed, and leaves no timer behind", () => {
  const { socket, clock, opened, current } = setUp();
  socket.connect();
  current().onmessage({ data: "{}" });
  socket.close();
  assert.equal(clock.waiting, 0);
  clock.pass(600_000);
  assert.equal(opened.length, 1);
});

test("the wait is bounded and never less than half of its most", () => {
  for (const failures of [1, 2, 5, 50]) {
    const most = Math.min(500 * 2 ** (failures - 1), 20_000);
    assert.equal(backoff(failures, () => 0), most / 2);
    assert.equal(backoff(failures, () => 1), most);
  }
});
