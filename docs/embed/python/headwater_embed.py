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
from pathlib import Path

from wasmtime import Config, Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, Record

NANOSECONDS = 1_000_000_000
MEMORY = 64 << 20  # bytes of one call
DEADLINE = 60  # seconds of one call, after which the watchdog strikes
TOLD = 55  # seconds that a source is told to take: it returns within them (rule 10)
PATIENCE = 5  # failed polls in a row before the run gives up


class Plugin:
    """The component. Each call gets an instance of its own, so that nothing leaks from one into the next."""

    def __init__(self, path):
        file = Path(path).read_bytes()
        self.digest = hashlib.sha256(file).hexdigest()
        config = Config()
        config.epoch_interruption = True
        self.engine = Engine(config)
        self.component = Component(self.engine, file)
        self.linker = Linker(self.engine)
        self.linker.add_wasip2()
        self.linker.add_wasi_http()

    def call(self, interface, function, *arguments):
        store = Store(self.engine)
        store.set_limits(memory_size=MEMORY)
        store.set_epoch_deadline(1)
        wasi = WasiConfig()  # grants nothing: no files, no environment, no arguments
        wasi.inherit_stderr()  # where the source writes its log
        store.set_wasi(wasi)
        store.set_wasi_http()
        instance = self.linker.instantiate(store, self.component)
        exports = instance.get_export_index(store, f"headwater:source/{interface}@0.2.0")
        export = instance.get_func(store, instance.get_export_index(store, function, exports))
        watchdog = threading.Timer(DEADLINE, self.engine.increment_epoch)
        watchdog.start()
        try:
            return export(store, *arguments)
        finally:
            watchdog.cancel()


class Ledger:
    """Where events and cursors are kept. An event is on the disk before the cursor that covers it (rule 1)."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.cursors = {}
        if self.path("cursors.json").exists():
            stored = json.loads(self.path("cursors.json").read_text())
            self.cursors = {partition: base64.b64decode(cursor) for partition, cursor in stored.items()}

    def path(self, name):
        return self.folder / name

    def deliver(self, partition, batch):
        self.write("events.ndjson", "a", [event.body for event in batch.events])
        self.write("rejected.ndjson", "a", [rejected_line(partition, item) for item in batch.rejected])
        self.cursors[partition] = batch.cursor
        stored = {partition: base64.b64encode(cursor).decode() for partition, cursor in self.cursors.items()}
        self.write("cursors.new", "w", [json.dumps(stored)])
        os.replace(self.path("cursors.new"), self.path("cursors.json"))

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
        found = self.plugin.call("source", "discover", self.config, self.session, TOLD * NANOSECONDS)
        self.note(found.payload.session)
        if found.tag == "err":
            sys.exit(explain(found.payload))
        return [partition.id for partition in found.payload.partitions if partition.unavailable is None]

    def poll(self, partition, cursor):
        request = Record()
        request.config, request.partition, request.cursor = self.config, partition, cursor
        request.session, request.budget = self.session, Record()
        limits = {"max-events": 5000, "max-bytes": 8 << 20, "deadline": TOLD * NANOSECONDS}
        request.budget.__dict__.update(limits)
        polled = self.plugin.call("source", "poll", request)
        self.note(polled.payload.session)
        return polled

    def note(self, change):
        """Keeps, drops or replaces the session, also after an error."""
        if change.tag != "keep":
            self.session = change.payload if change.tag == "replace" else None


def explain(error):
    return f"{error.message} [{error.code}]" + (f"; {error.hint}" if error.hint else "")


def catch_up(source, partition, ledger, ids):
    """Polls one partition until nothing more is ready: deliver, store the cursor, poll again."""
    failures = 0
    while True:
        polled = source.poll(partition, ledger.cursors.get(partition))
        answer = polled.payload
        if polled.tag == "err":
            failures += 1
            print(f"{partition}: {explain(answer)}", file=sys.stderr)
            if answer.fault != "retry" or failures == PATIENCE:
                return False
            wait = answer.__dict__["retry-after"]
            time.sleep(2**failures if wait is None else wait / NANOSECONDS)
            continue
        failures = 0
        ledger.deliver(partition, answer)
        ids.extend(event.id for event in answer.events)
        if answer.__dict__["caught-up"]:
            return True
        wait = answer.__dict__["next-in"]  # rule 3: none leaves it to the interval
        time.sleep((source.interval if wait is None else wait) / NANOSECONDS)


def main(path, settings, folder):
    plugin = Plugin(path)
    source = Source(plugin, json.loads(Path(settings).read_text()))
    ledger = Ledger(folder)
    ids = []
    finished = [catch_up(source, partition, ledger, ids) for partition in source.discover()]
    digest = hashlib.sha256("".join(f"{id}\n" for id in sorted(ids)).encode()).hexdigest()
    print(f"plugin sha256 {plugin.digest}")
    print(f"events {len(ids)} sha256 {digest}")
    return 0 if all(finished) else 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
