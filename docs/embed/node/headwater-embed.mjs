// Runs a Headwater source under Node. docs/embed.md explains each step.
//
//     node headwater-embed.mjs azure_activity.wasm settings.json folder
//
// `settings.json` holds `{"allow": [origins], "config": {the source's configuration}}`. Events are appended to
// `folder/events.ndjson`, cursors kept in `folder/cursors.json`: the next run goes on where this one stopped.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

import { transpileBytes } from "@bytecodealliance/jco-transpile";
import { http } from "@bytecodealliance/preview2-shim";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";

const MILLISECONDS = 1_000_000n; // in nanoseconds, which is how the contract counts
const DEADLINE = 60_000; // milliseconds of one call, after which it is ended
const TOLD = 55_000n * MILLISECONDS; // what a source is told to take: it returns within it (rule 10)
const PATIENCE = 5; // failed calls in a row before the run gives up

// What a source may import (the world `source-imports`): nothing lies behind files and sockets here.
const IMPORTS = /^wasi:((cli|clocks|filesystem|io|random|sockets)\/|http\/(types|outgoing-handler)(@|$))/;

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const pause = (nanoseconds) => sleep(Number(nanoseconds / MILLISECONDS));
const explain = ({ message, code, hint }) => `${message} [${code}]${hint ? `; ${hint}` : ""}`;

/** The component, translated to JavaScript and core WebAssembly. Calls block, so each runs in a thread that can be ended. */
class Plugin {
  idle = [];

  static async load(file, allow) {
    const options = { name: "source", instantiation: "sync", emitTypescriptDeclarations: false };
    const { files, imports } = await transpileBytes(file, options);
    const unknown = imports.filter((name) => !IMPORTS.test(name));
    if (unknown.length > 0) stop(`the plugin imports ${unknown.join(", ")}, which no source may have`);
    const modules = Object.entries(files).filter(([name]) => name.endsWith(".wasm"));
    const plugin = new Plugin();
    plugin.data = {
      allow,
      code: Buffer.from(files["source.js"]).toString("base64"),
      modules: Object.fromEntries(modules.map(([name, bytes]) => [name, new WebAssembly.Module(bytes)])),
    };
    return plugin;
  }

  /** Resolves to `{ok}`, to `{error}` or to `{trap}`. */
  call(name, method, ...values) {
    const thread = this.idle.pop() ?? new Worker(new URL(import.meta.url), { workerData: this.data });
    return new Promise((resolve) => {
      const finish = (outcome) => {
        clearTimeout(timer);
        for (const event of Object.keys(events)) thread.off(event, events[event]);
        if (outcome.trap) thread.terminate();
        else this.idle.push(thread);
        resolve(outcome);
      };
      const events = {
        message: finish,
        error: (error) => finish({ trap: error.message }),
        exit: () => finish({ trap: "its thread ended" }),
      };
      const timer = setTimeout(() => finish({ trap: "it took longer than its deadline" }), DEADLINE);
      for (const event of Object.keys(events)) thread.on(event, events[event]);
      thread.postMessage({ name, method, values });
    });
  }
}

/** What a thread does: a fresh instance for each call, so that nothing leaks from one into the next. */
async function serve({ allow, code, modules }) {
  const { instantiate } = await import(`data:text/javascript;base64,${code}`);
  const imports = new WASIShim({ sandbox: { env: {}, args: [] } }).getImportObject();
  imports["wasi:http/outgoing-handler"] = { handle: onlyTo(allow) };
  parentPort.on("message", ({ name, method, values }) => {
    try {
      const exports = instantiate((module) => modules[module], imports);
      parentPort.postMessage({ ok: exports[name][method](...values) });
    } catch (error) {
      // jco throws the bare `E` of a `result<T, E>`, and an Error for a trap.
      parentPort.postMessage(error instanceof Error ? { trap: error.message } : { error });
    }
  });
}

/** Sends requests to the granted origins, and refuses all others. */
function onlyTo(allow) {
  const granted = new Set(allow.map((origin) => new URL(origin).origin));
  return (request, options) => {
    const origin = new URL(`${request.scheme().tag}://${request.authority()}`).origin;
    if (!granted.has(origin)) throw { tag: "HTTP-request-denied" };
    return http.outgoingHandler.handle(request, options);
  };
}

/** Where events and cursors are kept. An event is on the disk before the cursor that covers it (rule 1). */
class Ledger {
  ids = [];

  constructor(folder) {
    this.folder = folder;
    const path = join(folder, "cursors.json");
    this.cursors = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  }

  cursor(partition) {
    const stored = this.cursors[partition];
    return stored === undefined ? undefined : new Uint8Array(Buffer.from(stored, "base64"));
  }

  deliver(partition, batch) {
    const rejected = batch.rejected.map(({ id, reason, raw }) =>
      JSON.stringify({ partition, id, reason, raw_base64: Buffer.from(raw).toString("base64") }),
    );
    this.write("events.ndjson", "a", batch.events.map((event) => event.body));
    this.write("rejected.ndjson", "a", rejected);
    this.cursors[partition] = Buffer.from(batch.cursor).toString("base64");
    this.write("cursors.new", "w", [JSON.stringify(this.cursors)]);
    renameSync(join(this.folder, "cursors.new"), join(this.folder, "cursors.json"));
    this.ids.push(...batch.events.map((event) => event.id));
  }

  write(name, flag, lines) {
    writeFileSync(join(this.folder, name), lines.map((line) => `${line}\n`).join(""), { flag, flush: true });
  }
}

/** One configured source: its plugin, its configuration and its session. */
class Source {
  session = undefined; // in memory only (rule 2)

  static async open(plugin, { allow, config }) {
    const source = new Source();
    source.plugin = plugin;
    source.config = JSON.stringify(config);
    const description = await plugin.call("descriptor", "describe");
    if (description.trap) stop(`the plugin crashed: ${description.trap}`);
    source.interval = description.ok.defaultInterval;
    const plan = await plugin.call("source", "validate", source.config);
    if (plan.trap) stop(`the plugin crashed: ${plan.trap}`);
    if (plan.error) stop(plan.error.map(({ pointer, message }) => `${pointer}: ${message}`).join("\n"));
    const missing = plan.ok.origins.filter((origin) => !allow.includes(origin));
    if (missing.length > 0) stop(`the configuration also needs ${missing}; add to \`allow\` what you trust`);
    return source;
  }

  async discover() {
    const call = () => this.plugin.call("source", "discover", this.config, this.session, TOLD);
    const found = await this.persist("discover", call);
    return found?.partitions.filter(({ unavailable }) => unavailable === undefined).map(({ id }) => id);
  }

  poll(partition, cursor) {
    const budget = { maxEvents: 5000, maxBytes: 8n << 20n, deadline: TOLD };
    return this.persist(partition, () => {
      const request = { config: this.config, partition, cursor, session: this.session, budget };
      return this.plugin.call("source", "poll", request);
    });
  }

  /** Calls until it works; undefined after too many failures in a row, or one that repeating does not help against. */
  async persist(what, call) {
    for (let failures = 1; failures <= PATIENCE; failures++) {
      const { ok, error, trap } = await call();
      if (trap) this.session = undefined; // whatever brought the trap about may be in it
      else this.note((ok ?? error).session);
      if (ok) return ok;
      console.error(`${what}: ${trap ? `the plugin crashed: ${trap}` : explain(error)}`);
      if (error && !["retry", "broken"].includes(error.fault)) return undefined;
      const wait = error?.retryAfter ?? BigInt(1000 * 2 ** failures) * MILLISECONDS;
      if (failures < PATIENCE) await pause(wait);
    }
  }

  /** Keeps, drops or replaces the session, also after an error. */
  note(change) {
    if (change.tag === "replace") this.session = change.val;
    if (change.tag === "drop") this.session = undefined;
  }
}

/** Polls one partition until nothing more is ready: deliver, store the cursor, poll again. */
async function catchUp(source, partition, ledger) {
  for (let batch; (batch = await source.poll(partition, ledger.cursor(partition))); ) {
    ledger.deliver(partition, batch);
    if (batch.caughtUp) return true;
    await pause(batch.nextIn ?? source.interval); // rule 3: none leaves it to the interval
  }
  return false;
}

function stop(message) {
  console.error(message);
  process.exit(1);
}

async function main([path, settingsPath, folder]) {
  const file = readFileSync(path);
  const settings = JSON.parse(readFileSync(settingsPath, "utf8"));
  const source = await Source.open(await Plugin.load(file, settings.allow), settings);
  const ledger = new Ledger(folder);
  const partitions = await source.discover();
  // One poll of a partition at a time, different ones side by side (rule 5).
  const finished = await Promise.all((partitions ?? []).map((partition) => catchUp(source, partition, ledger)));
  const ids = ledger.ids.sort().map((id) => `${id}\n`);
  console.log(`plugin sha256 ${sha256(file)}`);
  console.log(`events ${ids.length} sha256 ${sha256(ids.join(""))}`);
  process.exit(partitions && finished.every(Boolean) ? 0 : 1); // the threads would keep the process alive
}

if (!isMainThread) await serve(workerData);
else if (process.argv.length !== 5) stop("usage: node headwater-embed.mjs PLUGIN SETTINGS FOLDER");
else await main(process.argv.slice(2));
