/**
 * The only `fetch` of the page. Every answer that is not a success becomes an `ApiError`; the sign-in is asked
 * for where it is needed and the request repeated, so callers never see a 401.
 *
 * @typedef {import("./types.js").Job} Job
 * @typedef {import("./types.js").Image} Image
 * @typedef {{pointer: string, detail: string}} FieldError
 */

/** A problem the API answered, or `network` and `timeout` when no answer came: then the outcome is unknown. */
export class ApiError extends Error {
  /**
   * @param {object} of
   * @param {string} of.code
   * @param {number} of.status  0 without an answer
   * @param {string} [of.detail]
   * @param {boolean} [of.retryable]
   * @param {number | null} [of.retryAfter]  seconds
   * @param {readonly FieldError[]} [of.errors]
   */
  constructor({ code, status, detail = "", retryable = false, retryAfter = null, errors = [] }) {
    super(detail || code);
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
    this.errors = errors;
  }
}

/**
 * @typedef {object} RequestOptions
 * @property {unknown} [body]
 * @property {string} [key]  Idempotency-Key
 * @property {Record<string, string | number | boolean | null | undefined>} [query]
 * @property {AbortSignal} [signal]
 */

/**
 * @param {object} of
 * @param {typeof globalThis.fetch} of.fetch
 * @param {() => Promise<void>} of.authenticate  resolves once signed in
 * @param {(serverTime: Date) => void} [of.clock]  told the server's time of every answer
 * @param {number} [of.timeout]  milliseconds for one answer
 */
export function createApi({ fetch, authenticate, clock = () => {}, timeout = 20_000 }) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {RequestOptions} [options]
   * @returns {Promise<any>}
   */
  async function once(method, path, { body, key, query, signal } = {}) {
    const limit = AbortSignal.timeout(timeout);
    /** @type {Record<string, string>} */
    const headers = { accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (key) headers["idempotency-key"] = key;
    const url = path + queryString(query);
    try {
      const response = await fetch(url, {
        method, headers,
        body: body === undefined ? null : JSON.stringify(body),
        credentials: "same-origin",
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      const date = response.headers.get("date");
      if (date) clock(new Date(date));
      if (!response.ok) throw await problem(response);
      return response.status === 204 ? null : await response.json();
    } catch (error) {
      if (error instanceof ApiError || signal?.aborted) throw error;
      const code = limit.aborted ? "timeout" : "network";
      throw new ApiError({ code, status: 0, retryable: true });
    }
  }

  /** @type {typeof once} */
  async function request(method, path, options) {
    for (;;) {
      try {
        return await once(method, path, options);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 401) throw error;
        await authenticate();
      }
    }
  }

  return {
    /** @param {string} key */
    signIn: (key) => once("POST", "/v1/auth/session", { body: { key } }),
    /** @returns {Promise<import("./types.js").List<import("./types.js").Model>>} */
    models: () => request("GET", "/v1/models"),
    /** @returns {Promise<import("./types.js").List<import("./types.js").Style>>} */
    styles: () => request("GET", "/v1/styles"),
    /**
     * @param {RequestOptions["query"]} query
     * @param {AbortSignal} [signal]
     * @returns {Promise<import("./types.js").List<Image>>}
     */
    images: (query, signal) => request("GET", "/v1/images", { query, signal }),
    /** @param {string} id @returns {Promise<Image>} */
    image: (id) => request("GET", `/v1/images/${encodeURIComponent(id)}`),
    /** @param {string} id @returns {Promise<Image>} */
    trash: (id) => request("DELETE", `/v1/images/${encodeURIComponent(id)}`),
    /** @param {string} id @returns {Promise<null>} */
    purge: (id) => request("DELETE", `/v1/images/${encodeURIComponent(id)}`, { query: { permanent: true } }),
    /** @param {string} id @returns {Promise<Image>} */
    restore: (id) => request("POST", `/v1/images/${encodeURIComponent(id)}/restore`),
    /** @param {string} id @returns {Promise<Job>} */
    job: (id) => request("GET", `/v1/jobs/${encodeURIComponent(id)}`),
    /** @param {string} id @returns {Promise<Job>} */
    cancel: (id) => request("POST", `/v1/jobs/${encodeURIComponent(id)}/cancel`),
    /** @param {string} id @param {string} key @returns {Promise<Job>} */
    retry: (id, key) => request("POST", `/v1/jobs/${encodeURIComponent(id)}/retry`, { key }),
    /** @param {unknown} body @param {string} key @returns {Promise<Job>} */
    createJob: (body, key) => request("POST", "/v1/jobs", { body, key }),
    /** What that job would be, and cost. @param {unknown} body @param {AbortSignal} signal @returns {Promise<{cost: import("./types.js").CostRange}>} */
    dryRun: (body, signal) => request("POST", "/v1/jobs", { body, query: { dry_run: true }, signal }),
    /** @param {unknown} body @param {string} key @returns {Promise<{id: string, job_ids: string[]}>} */
    createBatch: (body, key) => request("POST", "/v1/batches", { body, key }),
  };
}

/** @typedef {ReturnType<typeof createApi>} Api */

/**
 * Repeats a write whose outcome is unknown (no answer, 502 to 504, a twin still running) under the same key.
 *
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {object} of
 * @param {(ms: number) => Promise<void>} of.sleep
 * @param {() => number} [of.random]
 * @param {number} [of.attempts]
 * @param {(error: ApiError) => void} [of.onRetry]
 * @returns {Promise<T>}
 */
export async function repeating(attempt, { sleep, random = Math.random, attempts = 6, onRetry = () => {} }) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ApiError) || !unknownOutcome(error) || tried === attempts) throw error;
      onRetry(error);
      const backoff = Math.min(500 * 2 ** tried, 10_000) * (0.5 + random() / 2);
      await sleep(error.retryAfter === null ? backoff : Math.min(error.retryAfter, 30) * 1000);
    }
  }
}

/** Whether what `error` answers may have been done all the same. @param {ApiError} error */
export function unknownOutcome({ status, code }) {
  return status === 0 || (status >= 502 && status <= 504 && code !== "no_provider_available")
    || code === "idempotency_in_progress";
}

/** @param {Response} response */
async function problem(response) {
  /** @type {any} */
  const body = await response.json().catch(() => ({}));
  const retryAfter = Number.parseFloat(response.headers.get("retry-after") ?? "");
  return new ApiError({
    code: body.code ?? "internal_error",
    status: response.status,
    detail: body.detail ?? "",
    retryable: body.retryable ?? response.status >= 500,
    retryAfter: Number.isFinite(retryAfter) ? retryAfter : null,
    errors: body.errors ?? [],
  });
}

/** @param {RequestOptions["query"]} [query] */
function queryString(query = {}) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") pairs.set(name, String(value));
  }
  return pairs.size ? `?${pairs}` : "";
}
