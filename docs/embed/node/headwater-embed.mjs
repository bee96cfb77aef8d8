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

import { transpileBytes } from "@bytecodealliance/jco-transpile";
import { http } from "@bytecodealliance/preview2-shim";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";

const MILLISECONDS = 1_000_000n; // in nanoseconds, which is how the contract counts
const DEADLINE = 60_000n * MILLISECONDS; // of one call: a source returns within it (rule 10)
const PATIENCE = 5; // failed polls in a row before the run gives up

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const pause = (nanoseconds) => sleep(Number(nanoseconds / MILLISECONDS));
const explain = ({ message, code, hint }) => `${message} [${code}]${hint ? `; ${hint}` : ""}`;

/** The component, translated to JavaScript and core WebAssembly. `fresh` makes an instance for one call. */
async function load(file, allow) {
  const options = { name: "source", instantiation: "sync", emitTypescriptDeclarations: false };
  const { files } = await transpileBytes(file, options);
  const code = Buffer.from(files["source.js"]).toString("base64");
  const { instantiate } = await import(`data:text/javascript;base64,${code}`);
  const modules = {};
  const module = (name) => (modules[name] ??= new WebAssembly.Module(files[name]));
  const imports = new WASIShim({ sandbox: { env: {}, args: [] } }).getImportObject();
  imports["wasi:http/outgoing-handler"] = { handle: onlyTo(allow) };
  return { fresh: () => instantiate(module, imports) };
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

/** Calls a function that returns `result<T, E>`: jco returns the `T`, and throws the bare `E`. */
function outcome(call) {
  try {
    return { ok: call() };
  } catch (error) {
    if (error instanceof Error) throw error; // a trap
    return { error };
  }
}

/** Where events and cursors are kept. An event is on the disk before the cursor that covers it (rule 1). */
class Ledger {
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
  }

  write(name, flag, lines) {
    writeFileSync(join(this.folder, name), lines.map((line) => `${line}\n`).join(""), { flag, flush: true });
  }
}

/** One configured source: its plugin, its configuration and its session. */
class Source {
  session = undefined; // in memory only (rule 2)

  constructor(plugin, { allow, config }) {
    this.plugin = plugin;
    this.config = JSON.stringify(config);
    this.interval = plugin.fresh().descriptor.describe().defaultInterval;
    const plan = outcome(() => plugin.fresh().source.validate(this.config));
    if (plan.error) stop(plan.error.map(({ pointer, message }) => `${pointer}: ${message}`).join("\n"));
    const missing = plan.ok.origins.filter((origin) => !allow.includes(origin));
    if (missing.length > 0) stop(`the configuration also needs ${missing}; add to \`allow\` what you trust`);
  }

  discover() {
    const found = outcome(() => this.plugin.fresh().source.discover(this.config, this.session, DEADLINE));
    this.note((found.ok ?? found.error).session);
    if (found.error) stop(explain(found.error));
    return found.ok.partitions.filter(({ unavailable }) => unavailable === undefined).map(({ id }) => id);
  }

  poll(partition, cursor) {
    const budget = { maxEvents: 5000, maxBytes: 8n << 20n, deadline: DEADLINE };
    const request = { config: this.config, partition, cursor, session: this.session, budget };
    const polled = outcome(() => this.plugin.fresh().source.poll(request));
    this.note((polled.ok ?? polled.error).session);
    return polled;
  }

  /** Keeps, drops or replaces the session, also after an error. */
  note(change) {
    if (change.tag === "replace") this.session = change.val;
    if (change.tag === "drop") this.session = undefined;
  }
}

/** Polls one partition until nothing more is ready: deliver, store the cursor, poll again. */
async function catchUp(source, partition, ledger, ids) {
  for (let failures = 0; ; ) {
    const { ok: batch, error } = source.poll(partition, ledger.cursor(partition));
    if (error) {
      failures += 1;
      console.error(`${partition}: ${explain(error)}`);
      if (error.fault !== "retry" || failures === PATIENCE) return false;
      await pause(error.retryAfter ?? BigInt(1000 * 2 ** failures) * MILLISECONDS);
      continue;
    }
    failures = 0;
    ledger.deliver(partition, batch);
    ids.push(...batch.events.map((event) => event.id));
    if (batch.caughtUp) return true;
    await pause(batch.nextIn ?? source.interval); // rule 3: none leaves it to the interval
  }
}

function stop(message) {
  console.error(message);
  process.exit(1);
}

if (process.argv.length !== 5) stop("usage: node headwater-embed.mjs PLUGIN SETTINGS FOLDER");
const [path, settingsPath, folder] = process.argv.slice(2);
const file = readFileSync(path);
const settings = JSON.parse(readFileSync(settingsPath, "utf8"));
const source = new Source(await load(file, settings.allow), settings);
const ledger = new Ledger(folder);
const ids = [];
let finished = true;
for (const partition of source.discover()) {
  finished = (await catchUp(source, partition, ledger, ids)) && finished;
}
console.log(`plugin sha256 ${sha256(file)}`);
console.log(`events ${ids.length} sha256 ${sha256(ids.sort().map((id) => `${id}\n`).join(""))}`);
process.exit(finished ? 0 : 1); // the shim's worker for HTTP would keep the process alive
