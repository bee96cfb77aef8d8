"""Events per second of Python on one core, making AiSOC's envelope of the page of the benchmark `normalize`.

The work of AiSOC's own connector, in its order: the answer parsed as a whole for its events, and once more for the link
to the next page; a dictionary for each event, each written as JSON. The fields are those of docs/fields-aisoc.md. One
JSON object, like the lines of `cargo xtask bench`.
"""

import json
import pathlib
import platform
import time

RECORDS = 1_000
SPAN = 0.25
SPANS = 10
LEVELS = {"critical": "critical", "error": "medium", "warning": "low"}
HIGH = {"microsoft.authorization/roleassignments/write"}


def page():
    fixtures = pathlib.Path(__file__).parents[2] / "fixtures"
    record = (fixtures / "bench" / "role-assignment.json").read_text().rstrip()
    records = (
        record.replace("EVENT-DATA-ID", f"{n:08x}-0000-4000-8000-00000000e7e7")
        .replace("OPERATION", f"{n // 2:08x}")
        .replace("CALLER", f"{n // 20:08x}")
        for n in range(RECORDS)
    )
    return ('{"value":[' + ",".join(records) + "]}").encode()


def label(value):
    return (value.get("value") or "") if isinstance(value, dict) else (value or "")


def normalize(event):
    operation = label(event.get("operationName"))
    lower = operation.lower()
    resource = event.get("resourceId") or ""
    caller = event.get("caller") or ""
    status = label(event.get("status"))
    sub_status = label(event.get("subStatus"))
    level = LEVELS.get((event.get("level") or "").lower(), "info")
    return {
        "source": "azure_activity",
        "external_id": event.get("eventDataId") or event.get("id") or "",
        "category": "cloud",
        "title": operation or "Azure Activity Log Event",
        "description": f"status={status}; subStatus={sub_status}; resource={resource}",
        "severity": "high" if lower in HIGH else level,
        "actor": caller,
        "actor_email": caller if "@" in caller else None,
        "event_type": f"azure.activity.{lower or 'unknown'}",
        "resource": resource,
        "resource_id": resource,
        "raw_event": event,
        "created_at": event.get("eventTimestamp"),
    }


def main():
    body = page()
    best = 0.0
    for _ in range(SPANS):
        began = time.perf_counter()
        events = 0
        while time.perf_counter() - began < SPAN:
            values = json.loads(body)["value"]
            json.loads(body).get("nextLink")
            events += len([json.dumps(normalize(event)) for event in values])
        best = max(best, events / (time.perf_counter() - began))
    line = {
        "bench": "peers",
        "peer": f"python {platform.python_version()}",
        "page": "role-assignments",
        "format": "aisoc",
        "native_eps": round(best),
    }
    print(json.dumps(line, separators=(",", ":")))


if __name__ == "__main__":
    main()
