"""A source in Python: an audit log over HTTP, with login, pages, a cursor and errors.

The upstream is a common kind of API. `POST {url}/token` takes client credentials (OAuth 2.0) and answers with an access token;
`GET {url}/entries?after=N` answers with `{"entries": [{"number", "time", "level", "text"}], "more": true}`.
"""

import json
from datetime import datetime, timezone
from typing import Optional

from componentize_py_types import Err
from headwater import SECOND, Answer, BatchBuilder, Call, Failed, origin, refusal, text_of
from wit_world import exports
from wit_world.exports.descriptor import Manifest
from wit_world.exports.source import Batch, Discovery, Event, PartitionInfo, Plan, Rejected, Report, Request
from wit_world.exports.types import Attribute, Fault, Issue

PAGE = 100  # entries that one request asks for
SEVERITIES = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}  # OpenTelemetry's numbers
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["url", "client_id", "client_secret"],
    "additionalProperties": False,
    "properties": {
        "url": {"type": "string", "title": "URL", "description": "Where the audit log is, without a slash at the end."},
        "client_id": {"type": "string", "title": "Client id", "description": "Who logs in."},
        "client_secret": {
            "type": "string",
            "title": "Client secret",
            "description": "What it logs in with.",
            "writeOnly": True,
        },
    },
}


class Types(exports.Types):
    pass


class Descriptor(exports.Descriptor):
    def describe(self) -> Manifest:
        return Manifest(
            name="feed-python",
            version="0.1.0",
            summary="An audit log over HTTP, read by a source in Python",
            homepage="https://example.com",
            config_schema=json.dumps(SCHEMA),
            formats=["feed"],
            cursor_format=1,
            default_interval=60 * SECOND,
            minimum_interval=SECOND,
        )


class Source(exports.Source):
    def validate(self, config: str) -> Plan:
        issues = problems(config)
        if issues:
            raise Err(issues)
        return Plan(origins=[origin(json.loads(config)["url"])], warnings=[])

    def discover(self, config: str, session: Optional[bytes], deadline: int) -> Discovery:
        call, settings = begin(config, session, deadline)
        # The id names the stream itself: a log at another address is another partition (rule 11).
        log = PartitionInfo(
            id=settings["url"],
            formerly=[],
            title="Audit log",
            attributes=[Attribute("client.id", settings["client_id"])],
            unavailable=None,
        )
        return Discovery(partitions=[log], session=call.change, measures=call.measures())

    def check(self, config: str, session: Optional[bytes], partition: str, deadline: int) -> Report:
        call, settings = begin(config, session, deadline)
        try:
            entries, _ = page(call, settings, after=0, limit=1)
        except Failed as failed:
            call.fail(failed)
        found = "there are entries" if entries else "it is empty"
        return Report(summary=f"the log is readable, {found}", warnings=[], session=call.change)

    def poll(self, request: Request) -> Batch:
        call, settings = begin(request.config, request.session, request.budget.deadline)
        last = position(call, request.cursor)
        batch = BatchBuilder(request.budget)
        more, full, read_any = True, False, False
        while more and not full and not (read_any and call.is_late()):
            try:
                entries, more = page(call, settings, last, PAGE)
            except Failed as failed:
                if not read_any:
                    call.fail(failed)
                more = True
                break  # what came before is a shorter batch; the failure shows on the next poll (rule 4)
            read_any = True
            for entry in entries:
                if full := not put(batch, entry):
                    more = True
                    break
                last = entry["number"]
            full = full or batch.is_full()
        return batch.batch(call, f"1 {last}".encode(), caught_up=not more)


def begin(config: str, session: Optional[bytes], deadline: int) -> tuple[Call, dict]:
    call = Call(deadline, session)
    if issues := problems(config):
        text = "; ".join(f"{issue.pointer} {issue.message}" for issue in issues)
        call.fail(Failed(Fault.INVALID_CONFIG, "feed.config", text))
    return call, json.loads(config)


def problems(config: str) -> list[Issue]:
    """Everything that is wrong with a configuration."""
    try:
        settings = json.loads(config)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        return [Issue("", "is not an object")]
    known = SCHEMA["properties"]
    issues = [Issue(f"/{key}", "is not a known key") for key in settings if key not in known]
    for key in known:
        value = settings.get(key)
        if not isinstance(value, str) or not value:
            issues.append(Issue(f"/{key}", "is missing; give it as text"))
        elif key == "url" and (origin(value) is None or value.endswith("/") or not fits_id(value)):
            issues.append(Issue("/url", "is not an http or https URL without a slash at its end"))
    return issues


def fits_id(text: str) -> bool:
    """Whether a text can be the id of a partition."""
    return len(text) <= 256 and all("!" <= letter <= "~" for letter in text)


def position(call: Call, cursor: Optional[bytes]) -> int:
    """The number after which to read. A cursor that cannot be understood is never a silent restart (rule 6)."""
    if cursor is None:
        return 0
    version, _, number = cursor.partition(b" ")
    if version != b"1" or not number.isdigit():
        call.fail(Failed(Fault.INVALID_CURSOR, "feed.cursor", "the cursor is not one of this version's"))
    return int(number)


def page(call: Call, settings: dict, after: int, limit: int) -> tuple[list, bool]:
    """Entries after a number, and whether there are more."""
    url = f"{settings['url']}/entries?after={after}&limit={limit}"
    answer = authorized(call, settings, url)
    found = answer.json()
    entries = found.get("entries") if isinstance(found, dict) else None
    # Whatever is not a page is an error: taken for an empty one, it would be the end of the log (rule 4).
    if not isinstance(entries, list) or not all(is_after(entry, after) for entry in entries):
        raise Failed(Fault.RETRY, "feed.no_page", "the answer is not a page of the log")
    call.count("pages")
    call.count("received", len(entries))
    return sorted(entries, key=lambda entry: entry["number"]), bool(found.get("more")) and bool(entries)


def is_after(entry, number: int) -> bool:
    """Whether something is an entry behind that number."""
    return isinstance(entry, dict) and type(entry.get("number")) is int and entry["number"] > number


def authorized(call: Call, settings: dict, url: str) -> Answer:
    """Asks with the token of the session; with a new one, once, when that is refused."""
    token = call.remembered().get("token")
    is_new = token is None
    while True:
        token = token or log_in(call, settings)
        answer = call.send("GET", url, {"authorization": f"Bearer {token}", "accept": "application/json"})
        if answer.status == 200:
            return answer
        if answer.status != 401 or is_new:
            if answer.status == 401:
                call.forget()
            raise refusal(answer, "the request for entries")
        token, is_new = None, True


def log_in(call: Call, settings: dict) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": settings["client_id"],
        "client_secret": settings["client_secret"],
    }
    answer = call.send("POST", f"{settings['url']}/token", {"accept": "application/json"}, form)
    if answer.status == 400:
        raise Failed(Fault.DENIED, "feed.login", "the login was refused", "check `client_id` and `client_secret`")
    if answer.status != 200:
        raise refusal(answer, "the login")
    found = answer.json()
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise Failed(Fault.RETRY, "feed.no_token", "the answer to the login holds no token")
    call.keep({"token": token})
    return token


def put(batch: BatchBuilder, entry) -> bool:
    """Makes an event of an entry, or a rejected item. False when the budget is used up."""
    body = text_of(entry)
    if not batch.fits(len(body.encode())):
        return False
    when = nanoseconds(entry.get("time"))
    if when is None:
        batch.rejected.append(Rejected(str(entry["number"]), "the entry has no time", body.encode()))
    else:
        severity = SEVERITIES.get(entry.get("level"), 0)
        batch.events.append(Event(str(entry["number"]), when, severity, [], body))
    return True


def nanoseconds(text) -> Optional[int]:
    """When an entry happened. The time of reading is never taken for it."""
    try:
        when = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    since = when - datetime(1970, 1, 1, tzinfo=timezone.utc)
    whole = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1_000
    return whole if 0 <= whole < 1 << 64 else None
