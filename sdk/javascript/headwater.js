// What sources in JavaScript have in common: HTTP within the deadline of a call, one login kept between calls, errors, batches.
//
// Nothing here is about one upstream; `feed.js` uses all of it. The contract (`docs/contract.md`) says why things are as they are.

import { now, subscribeDuration } from "wasi:clocks/monotonic-clock@0.2.0";
import { handle } from "wasi:http/outgoing-handler@0.2.0";
import { Fields, OutgoingBody, OutgoingRequest, RequestOptions } from "wasi:http/types@0.2.0";
import { poll } from "wasi:io/poll@0.2.0";

export const SECOND = 1_000_000_000n; // the contract counts in nanoseconds
const LARGEST_ANSWER = 16 << 20; // bytes of one answer
const LONGEST_PAUSE = 300n * SECOND; // that an upstream can ask for

/** A call fails: one of the five faults of the contract, a code for machines, a sentence for people. */
export class Failed {
  constructor(fault, code, message, { hint, after } = {}) {
    Object.assign(this, { fault, code, message, hint, after });
  }
}

/** An HTTP answer of any status, with its whole body. */
class Answer {
  constructor(status, headers, body) {
    Object.assign(this, { status, headers, body });
  }

  /** The body as JSON. A page of HTML is not taken for an empty list. */
  json() {
    try {
      return JSON.parse(new TextDecoder().decode(this.body));
    } catch {
      throw new Failed("retry", "upstream.not_json", `the answer with status ${this.status} is not JSON`);
    }
  }
}

/** One call of the contract: its end, what it counts, and what becomes of the session (rules 2 and 10). */
export class Call {
  #began = now();
  #counts = new Map();
  change = { tag: "keep" };

  constructor(deadline, session) {
    this.deadline = deadline;
    this.session = session;
  }

  /** Nanoseconds for requests: an eighth of the deadline is kept for handing over what they brought. */
  left() {
    const left = (this.deadline * 7n) / 8n - (now() - this.#began);
    return left > 0n ? left : 0n;
  }

  /** Whether it is too late to begin another request. */
  isLate() {
    return this.left() < this.deadline / 4n;
  }

  count(name, amount = 1) {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount);
  }

  measures() {
    return [...this.#counts].map(([name, value]) => ({ name, kind: "counter", label: "", value: BigInt(value) }));
  }

  /** Remembers something for the next calls of this source. It may be forgotten at any time. */
  keep(session) {
    this.session = new TextEncoder().encode(JSON.stringify(session));
    this.change = { tag: "replace", val: this.session };
  }

  /** What the session holds is of no use any more. */
  forget() {
    this.session = undefined;
    this.change = { tag: "drop" };
  }

  /** What an earlier call has kept; empty when that is lost, damaged or somebody else's. */
  remembered() {
    try {
      const found = JSON.parse(new TextDecoder().decode(this.session));
      return found !== null && typeof found === "object" ? found : {};
    } catch {
      return {};
    }
  }

  /** Runs a call; what fails in it becomes the error of the contract. */
  run(work) {
    try {
      return work();
    } catch (failed) {
      if (!(failed instanceof Failed)) throw failed; // a defect: the host sees a trap
      const { fault, code, message, hint, after } = failed;
      throw { fault, code, message, hint, retryAfter: after, session: this.change, measures: this.measures() };
    }
  }

  /** Sends a request and waits for all of the answer, but never beyond the deadline. */
  send(method, url, headers, form) {
    this.count("requests");
    const left = this.left();
    const timer = subscribeDuration(left);
    try {
      return exchange(method, url, headers, form, timer, left);
    } finally {
      timer[Symbol.dispose]();
    }
  }
}

/** The failure that an answer other than 200 stands for. A refusal is never an empty page (rule 4). */
export function refusal(answer, what) {
  const { status } = answer;
  const code = `upstream.status_${status}`;
  const message = `${what} was answered with status ${status}`;
  if (status === 401 || status === 403) {
    return new Failed("denied", code, message, { hint: "check the credentials, and what they are allowed to read" });
  }
  if (status === 429 || status === 503) return new Failed("retry", code, message, { after: retryAfter(answer) });
  return new Failed(status >= 500 || status === 408 ? "retry" : "broken", code, message);
}

/** What `Retry-After` asks for, in seconds or as a date. */
function retryAfter({ headers }) {
  const text = (headers.get("retry-after") ?? "").trim();
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  if (Number.isNaN(seconds)) return undefined;
  const wait = BigInt(Math.max(1, Math.ceil(seconds))) * SECOND;
  return wait < LONGEST_PAUSE ? wait : LONGEST_PAUSE;
}

/** The parts of an http or https URL without user, query and fragment; none for anything else. */
export function parseUrl(text) {
  const found = /^(https?):\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?(\/[^\s?#]*)?$/i.exec(text);
  return found && { scheme: found[1].toLowerCase(), authority: found[2] + (found[3] ?? ""), path: found[4] ?? "" };
}

/** Gathers what a poll brings, within its budget. */
export class BatchBuilder {
  events = [];
  rejected = [];

  constructor({ maxEvents, maxBytes }) {
    this.most = Math.max(1, maxEvents); // a budget of nothing still takes one
    this.bytes = maxBytes;
  }

  get length() {
    return this.events.length + this.rejected.length;
  }

  /** Whether one more of so many bytes fits. The first always does. */
  fits(size) {
    if (this.length > 0 && (this.isFull() || BigInt(size) > this.bytes)) return false;
    this.bytes = BigInt(size) < this.bytes ? this.bytes - BigInt(size) : 0n;
    return true;
  }

  isFull() {
    return this.length >= this.most;
  }

  batch(call, cursor, caughtUp) {
    return {
      events: this.events,
      rejected: this.rejected,
      cursor: new TextEncoder().encode(cursor),
      session: call.change,
      nextIn: caughtUp ? undefined : 0n,
      caughtUp,
      progress: undefined,
      measures: call.measures(),
    };
  }
}

/** No answer came. The name of WASI's reason is enough for people, and holds no secret. */
function unreachable(reason) {
  const tag = reason?.payload?.tag ?? reason?.tag ?? "unknown";
  return tag === "HTTP-request-denied"
    ? new Failed("denied", "upstream.not_granted", "the host does not let the source go there", { hint: "add it to `allow`" })
    : new Failed("retry", "upstream.unreachable", `no answer came (${tag})`);
}

function exchange(method, url, headers, form, timer, left) {
  const [address, query] = url.split("?");
  const { scheme, authority, path } = parseUrl(address);
  const encode = (text) => new TextEncoder().encode(text);
  const fields = Object.entries(headers).map(([name, value]) => [name, encode(value)]);
  let payload = new Uint8Array();
  if (form) {
    payload = encode(
      Object.entries(form)
        .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
        .join("&"),
    );
    fields.push(["content-type", encode("application/x-www-form-urlencoded")]);
    fields.push(["content-length", encode(String(payload.length))]);
  }
  const request = new OutgoingRequest(Fields.fromList(fields));
  request.setMethod({ tag: method.toLowerCase() });
  request.setScheme({ tag: scheme === "https" ? "HTTPS" : "HTTP" });
  request.setAuthority(authority);
  request.setPathWithQuery((path || "/") + (query === undefined ? "" : `?${query}`));
  const body = request.body();
  const options = new RequestOptions();
  options.setConnectTimeout(left);
  options.setFirstByteTimeout(left);
  options.setBetweenBytesTimeout(left);
  let future;
  try {
    future = handle(request, options);
  } catch (reason) {
    throw unreachable(reason);
  }
  send(body, payload);
  const response = wait(future, timer);
  const known = new Map();
  for (const [name, value] of response.headers().entries()) {
    known.set(name.toLowerCase(), new TextDecoder().decode(value));
  }
  return new Answer(response.status(), known, read(response.consume(), timer));
}

/** Sends a body. Who answers before reading it all ends it early: what that means is for the answer to say. */
function send(body, payload) {
  try {
    if (payload.length > 0) {
      const stream = body.write();
      try {
        for (let start = 0; start < payload.length; start += 4096) {
          stream.blockingWriteAndFlush(payload.subarray(start, start + 4096));
        }
      } finally {
        stream[Symbol.dispose]();
      }
    }
    OutgoingBody.finish(body, undefined);
  } catch {
    // The answer tells.
  }
}

function wait(future, timer) {
  const ready = future.subscribe();
  try {
    for (;;) {
      const result = future.get();
      if (result === undefined) {
        block(ready, timer);
        continue;
      }
      if (result.tag === "ok" && result.val.tag === "ok") return result.val.val;
      throw unreachable(result.tag === "ok" ? result.val.val : undefined);
    }
  } finally {
    ready[Symbol.dispose]();
  }
}

function read(body, timer) {
  const stream = body.stream();
  const ready = stream.subscribe();
  const pieces = [];
  let size = 0;
  try {
    for (;;) {
      if (timer.ready()) throw late(); // a byte now and then is not an answer in time
      let piece;
      try {
        piece = stream.read(65536n);
      } catch (reason) {
        if ((reason?.payload?.tag ?? reason?.tag) === "closed") break;
        throw new Failed("retry", "upstream.incomplete", "the answer ended early");
      }
      if (piece.length === 0) block(ready, timer);
      pieces.push(piece);
      size += piece.length;
      if (size > LARGEST_ANSWER) {
        throw new Failed("retry", "upstream.too_large", `an answer has more than ${LARGEST_ANSWER} bytes`);
      }
    }
  } finally {
    ready[Symbol.dispose]();
    stream[Symbol.dispose]();
    body[Symbol.dispose]();
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Waits until something is ready, or for the end of the call's time. */
function block(ready, timer) {
  if (!poll([ready, timer]).includes(0)) throw late();
}

function late() {
  return new Failed("retry", "upstream.timeout", "no complete answer came in time");
}
