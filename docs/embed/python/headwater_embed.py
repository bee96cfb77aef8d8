"""Runs a Headwater source from Python, with the wasmtime package. docs/embed.md explains each step.

    python headwater_embed.py azure_activity.wasm settings.json folder

`settings.json` holds `{"allow": [origins], "config": {the source's configuration}}`. Events are appended to
`folder/events.ndjson`, cursors kept in `folder/cursors.json`: the next run goes on where this one stopped.
"""

import base64
import hashlib
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wasmtime import Config, Engine, Store, Trap, WasiConfig, WasmtimeError
from wasmtime.component import Component, Linker, Record

NANOSECONDS = 1_000_000_000
MEMORY = 64 << 20  # bytes of one call
DEADLINE = 60  # seconds of one call, after which it is interrupted
TOLD = 55  # seconds that a source is told to take: it returns within them (rule 10)
PATIENCE = 5  # failed calls in a row before the run gives up
AT_ONCE = 8  # partitions that are polled at the same time

# What a source may import (the world `source-imports`): nothing lies behind files and sockets here.
IMPORTS = ("wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/")
IMPORTS_OF_HTTP = ("wasi:http/types@0.2.", "wasi:http/outgoing-handler@0.2.")


class Plugin:
    """The component. Each call gets an instance of its own, so that nothing leaks from one into the next."""

    def __init__(self, path):
        file = Path(path).read_bytes()
        self.digest = hashlib.sha256(file).hexdigest()
        config = Config()
        config.epoch_interruption = True
        self.engine = Engine(config)
        self.component = Component(self.engine, file)
        if unknown := [name for name in self.component.type.imports(self.engine) if not is_allowed(name)]:
            sys.exit(f"{path} imports {', '.join(unknown)}, which no source may have")
        threading.Thread(target=self.tick, daemon=True).start()
        self.linker = Linker(self.engine)
        self.linker.add_wasip2()
        self.linker.add_wasi_http()

    def tick(self):
        """Counts the seconds for the deadlines of all calls."""
        while True:
            time.sleep(1)
            self.engine.increment_epoch()

    def call(self, interface, function, *arguments):
        store = Store(self.engine)
        store.set_limits(memory_size=MEMORY)
        store.set_epoch_deadline(DEADLINE)
        wasi = WasiConfig()  # grants nothing: no files, no environment, no arguments
        wasi.inherit_stderr()  # where the source writes its log
        store.set_wasi(wasi)
        store.set_wasi_http()
        instance = self.linker.instantiate(store, self.component)
        exports = instance.get_export_index(store, f"headwater:source/{interface}@0.2.0")
        export = instance.get_func(store, instance.get_export_index(store, function, exports))
        return export(store, *arguments)


def is_allowed(name):
    return name.startswith(IMPORTS) and "@0.2." in name or name.startswith(IMPORTS_OF_HTTP)


class Ledger:
    """Where events and cursors are kept. An event is on the disk before the cursor that covers it (rule 1)."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.lock = threading.Lock()
        self.ids = []
        self.cursors = {}
        if self.path("cursors.json").exists():
            stored = json.loads(self.path("cursors.json").read_text())
            self.cursors = {partition: base64.b64decode(cursor) for partition, cursor in stored.items()}

    def path(self, name):
        return self.folder / name

    def deliver(self, partition, batch):
        with self.lock:
            self.write("events.ndjson", "a", [event.body for event in batch.events])
            self.write("rejected.ndjson", "a", [rejected_line(partition, item) for item in batch.rejected])
            self.cursors[partition] = batch.cursor
            stored = {partition: base64.b64encode(cursor).decode() for partition, cursor in self.cursors.items()}
            self.write("cursors.new", "w", [json.dumps(stored)])
            os.replace(self.path("cursors.new"), self.path("cursors.json"))
            self.ids.extend(event.id for event in batch.events)

    def write(self, name, mode, lines):
        with open(self.path(name), mode, encoding="utf-8", newline="\n") as file:
            file.writelines(line + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())


def rejected_line(partition, item):
    raw = base64.b64encode(item.raw).decode()
    return json.dumps({"partition": partition, "id": item.id, "reason": item.reason, "raw_base64": raw})


class Source:
    """One configured source: its plugin, its configuration and its session."""

    def __init__(self, plugin, settings):
        self.plugin = plugin
        self.config = json.dumps(settings["config"])
        self.session = None  # in memory only (rule 2)
        self.interval = plugin.call("descriptor", "describe").__dict__["default-interval"]
        plan = plugin.call("source", "validate", self.config)
        if isinstance(plan, list):
            sys.exit("\n".join(f"{issue.pointer}: {issue.message}" for issue in plan))
        if missing := set(plan.origins) - set(settings["allow"]):
            sys.exit(f"the configuration also needs {', '.join(missing)}; add to `allow` what you trust")

    def discover(self):
        call = lambda: self.plugin.call("source", "discover", self.config, self.session, TOLD * NANOSECONDS)
        found = self.persist("discover", call)
        if found is None:
            return None
        return [partition.id for partition in found.partitions if partition.unavailable is None]

    def poll(self, partition, cursor):
        request = Record()
        request.config, request.partition, request.cursor = self.config, partition, cursor
        request.budget = Record()
        limits = {"max-events": 5000, "max-bytes": 8 << 20, "deadline": TOLD * NANOSECONDS}
        request.budget.__dict__.update(limits)

        def call():
            request.session = self.session
            return self.plugin.call("source", "poll", request)

        return self.persist(partition, call)

    def persist(self, what, call):
        """Calls until it works; none after too many failures in a row, or one that repeating does not help against."""
        for failures in range(1, PATIENCE + 1):
            try:
                result = call()
            except (Trap, WasmtimeError) as trap:  # as good as the fault `broken`
                self.session = None  # whatever brought the trap about may be in it
                problem, wait, may_pass = trap_line(trap), None, True
            else:
                self.note(result.payload.session)
                if result.tag == "ok":
                    return result.payload
                error = result.payload
                problem, wait = explain(error), error.__dict__["retry-after"]
                may_pass = error.fault in ("retry", "broken")
            print(f"{what}: {problem}", file=sys.stderr)
            if not may_pass:
                return None
            if failures < PATIENCE:
                time.sleep(2**failures if wait is None else wait / NANOSECONDS)
        return None

    def note(self, change):
        """Keeps, drops or replaces the session, also after an error."""
        if change.tag != "keep":
            self.session = change.payload if change.tag == "replace" else None


def explain(error):
    return f"{error.message} [{error.code}]" + (f"; {error.hint}" if error.hint else "")


def trap_line(trap):
    return f"the plugin crashed: {str(trap).strip().splitlines()[-1].strip()}"


def catch_up(source, partition, ledger):
    """Polls one partition until nothing more is ready: deliver, store the cursor, poll again."""
    while (batch := source.poll(partition, ledger.cursors.get(partition))) is not None:
        ledger.deliver(partition, batch)
        if batch.__dict__["caught-up"]:
            return True
        wait = batch.__dict__["next-in"]  # rule 3: none leaves it to the interval
        time.sleep((source.interval if wait is None else wait) / NANOSECONDS)
    return False


def main(path, settings, folder):
    plugin = Plugin(path)
    source = Source(plugin, json.loads(Path(settings).read_text()))
    ledger = Ledger(folder)
    partitions = source.discover()
    with ThreadPoolExecutor(AT_ONCE) as pool:  # one poll of a partition at a time, different ones side by side (rule 5)
        finished = list(pool.map(lambda partition: catch_up(source, partition, ledger), partitions or []))
    digest = hashlib.sha256("".join(f"{id}\n" for id in sorted(ledger.ids)).encode()).hexdigest()
    print(f"plugin sha256 {plugin.digest}")
    print(f"events {len(ledger.ids)} sha256 {digest}")
    return 0 if partitions is not None and all(finished) else 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
