import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { ApiError, createApi, repeating, unknownOutcome } from "../../../services/gallery/atelier_gallery/web/core/api.js";

let server;
let origin;
let answers = [];
let asked = [];

before(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    asked.push({ method: request.method, url: request.url, key: request.headers["idempotency-key"], body });
    const answer = answers.shift();
    if (answer === "cut") request.socket.destroy();
    else if (answer !== "hang") response.writeHead(answer.status ?? 200, answer.headers).end(answer.body ?? "{}");
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  origin = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const api = (options = {}) => {
  asked = [];
  return createApi({ fetch: (url, init) => fetch(origin + url, init), authenticate: () => Promise.reject(new Error("not expected")), timeout: 300, ...options });
};

test("a list is asked for with what is given and nothing else", async () => {
  answers = [{ body: '{"items":[],"next_cursor":null}' }];
  await api().images({ limit: 60, cursor: null, q: "a&b=c ü", trashed: null });
  assert.equal(asked[0].url, "/v1/images?limit=60&q=a%26b%3Dc+%C3%BC");
});

test("ids are opaque and stay inside the path", async () => {
  answers = [{}];
  await api().job("../x?y");
  assert.equal(asked[0].url, "/v1/jobs/..%2Fx%3Fy");
});

test("a problem keeps what matters to people", async () => {
  answers = [{ status: 422, body: JSON.stringify({ code: "invalid_request", detail: "no", errors: [{ pointer: "/prompt", detail: "too long" }] }) }];
  await assert.rejects(api().createJob({}, "k"), (error) => error instanceof ApiError && error.status === 422
    && error.code === "invalid_request" && !error.retryable && error.errors[0].detail === "too long");
});

test("an error that is no problem document, no answer and a late one are errors too", async () => {
  answers = [{ status: 502, body: "<html>" }, "cut", "hang"];
  const one = api();
  const codes = [];
  for (let index = 0; index < 3; index += 1) await one.models().catch((error) => codes.push([error.code, error.status]));
  assert.deepEqual(codes, [["internal_error", 502], ["network", 0], ["timeout", 0]]);
});

test("after a sign-in the same request is sent again", async () => {
  answers = [{ status: 401, body: '{"code":"unauthenticated"}' }, { body: '{"id":"j"}' }];
  let signedIn = 0;
  const job = await api({ authenticate: async () => { signedIn += 1; } }).createJob({ prompt: "x" }, "one");
  assert.deepEqual([signedIn, job.id, asked[0].key, asked[1].key, asked[1].body], [1, "j", "one", "one", '{"prompt":"x"}']);
});

test("an unknown outcome is repeated under the same key, in the server's time", async () => {
  answers = [{ status: 503, headers: { "retry-after": "2" }, body: '{"code":"service_unavailable"}' }, "cut", { status: 202, body: '{"id":"j"}' }];
  const one = api();
  const waits = [];
  const job = await repeating(() => one.createJob({ prompt: "x" }, "same"), { sleep: async (ms) => { waits.push(ms); }, random: () => 1 });
  assert.equal(job.id, "j");
  assert.deepEqual(asked.map(({ key }) => key), ["same", "same", "same"]);
  assert.deepEqual(waits, [2_000, 2_000]);
});

test("a refusal is not repeated, and patience has an end", async () => {
  const refused = new ApiError({ code: "invalid_request", status: 422 });
  let tried = 0;
  const failing = (error) => repeating(async () => { tried += 1; throw error; }, { sleep: async () => {}, attempts: 3 });
  await assert.rejects(failing(refused));
  assert.equal(tried, 1);
  await assert.rejects(failing(new ApiError({ code: "network", status: 0 })));
  assert.equal(tried, 4);
});

test("what is unknown and what is known", () => {
  const of = (status, code) => unknownOutcome(new ApiError({ status, code }));
  assert.ok(of(0, "timeout") && of(503, "service_unavailable") && of(409, "idempotency_in_progress"));
  assert.ok(!of(503, "no_provider_available") && !of(422, "invalid_request") && !of(429, "queue_full") && !of(500, "internal_error"));
});
