"""What sources in Python have in common: HTTP within the deadline of a call, one login kept between calls, errors, batches.

Nothing here is about one upstream; `feed.py` uses all of it. The contract (`docs/contract.md`) says why things are as they are.
"""

import json
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import time as wall_clock
from typing import NoReturn, Optional
from urllib.parse import urlencode, urlsplit

from componentize_py_types import Err, Ok
from wit_world.exports.source import Batch, Budget, Event, Rejected
from wit_world.exports.types import (
    Error,
    Fault,
    Measure,
    MeasureKind,
    SessionChange_Drop,
    SessionChange_Keep,
    SessionChange_Replace,
)
from wit_world.imports import monotonic_clock, outgoing_handler, poll
from wit_world.imports.streams import StreamError_Closed
from wit_world.imports.wasi_http_types import (
    ErrorCode_HttpRequestDenied,
    Fields,
    IncomingBody,
    Method_Get,
    Method_Post,
    OutgoingBody,
    OutgoingRequest,
    RequestOptions,
    Scheme_Http,
    Scheme_Https,
)

SECOND = 1_000_000_000  # the contract counts in nanoseconds
LARGEST_ANSWER = 16 << 20  # bytes of one answer
LONGEST_PAUSE = 300 * SECOND  # that an upstream can ask for


class Failed(Exception):
    """A call fails: one of the five faults of the contract, a code for machines, a sentence for people."""

    def __init__(self, fault: Fault, code: str, message: str, hint: Optional[str] = None, after: Optional[int] = None):
        super().__init__(message)
        self.fault, self.code, self.message, self.hint, self.after = fault, code, message, hint, after


@dataclass
class Answer:
    """An HTTP answer of any status, with its whole body."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self):
        """The body as JSON. A page of HTML is not taken for an empty list."""
        try:
            return json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise Failed(Fault.RETRY, "upstream.not_json", f"the answer with status {self.status} is not JSON") from None


@dataclass
class Call:
    """One call of the contract: its end, what it counts, and what becomes of the session (rules 2 and 10)."""

    deadline: int
    session: Optional[bytes] = None
    counts: dict[str, int] = field(default_factory=dict)
    change: object = field(default_factory=SessionChange_Keep)

    def __post_init__(self):
        self.began = monotonic_clock.now()

    def left(self) -> int:
        """Nanoseconds for requests: an eighth of the deadline is kept for handing over what they brought."""
        return max(0, self.deadline * 7 // 8 - (monotonic_clock.now() - self.began))

    def is_late(self) -> bool:
        """Whether it is too late to begin another request."""
        return self.left() < self.deadline // 4

    def count(self, name: str, amount: int = 1):
        self.counts[name] = self.counts.get(name, 0) + amount

    def measures(self) -> list[Measure]:
        return [Measure(name, MeasureKind.COUNTER, "", value) for name, value in self.counts.items()]

    def keep(self, session: dict):
        """Remembers something for the next calls of this source. It may be forgotten at any time."""
        self.session = json.dumps(session).encode()
        self.change = SessionChange_Replace(self.session)

    def forget(self):
        """What the session holds is of no use any more."""
        self.session, self.change = None, SessionChange_Drop()

    def remembered(self) -> dict:
        """What an earlier call has kept; empty when that is lost, damaged or somebody else's."""
        try:
            found = json.loads(self.session or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def fail(self, failed: Failed) -> NoReturn:
        """Ends the call with an error."""
        raise Err(
            Error(failed.fault, failed.code, failed.message, failed.hint, failed.after, self.change, self.measures())
        )

    def send(self, method: str, url: str, headers: dict[str, str], form: Optional[dict[str, str]] = None) -> Answer:
        """Sends a request and waits for all of the answer, but never beyond the deadline."""
        self.count("requests")
        timer = monotonic_clock.subscribe_duration(self.left())
        with timer:
            return _exchange(method, url, headers, form, timer, self.left())


def refusal(answer: Answer, what: str) -> Failed:
    """The failure that an answer other than 200 stands for. A refusal is never an empty page (rule 4)."""
    code = f"upstream.status_{answer.status}"
    message = f"{what} was answered with status {answer.status}"
    match answer.status:
        case 401 | 403:
            return Failed(Fault.DENIED, code, message, "check the credentials, and what they are allowed to read")
        case 429 | 503:
            return Failed(Fault.RETRY, code, message, after=retry_after(answer))
        case status if status >= 500 or status == 408:
            return Failed(Fault.RETRY, code, message)
        case _:
            return Failed(Fault.BROKEN, code, message)


def retry_after(answer: Answer) -> Optional[int]:
    """What `Retry-After` asks for, in seconds or as a date."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        wait = int(text[:9]) * SECOND
    else:
        try:
            wait = int((parsedate_to_datetime(text).timestamp() - wall_clock()) * SECOND)
        except (TypeError, ValueError):
            return None
    return min(max(wait, SECOND), LONGEST_PAUSE)


def origin(url: str) -> Optional[str]:
    """The origin of an http or https URL; none for anything else."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"


class BatchBuilder:
    """Gathers what a poll brings, within its budget."""

    def __init__(self, budget: Budget):
        self.events: list[Event] = []
        self.rejected: list[Rejected] = []
        self.most = max(1, budget.max_events)  # a budget of nothing still takes one
        self.bytes = budget.max_bytes

    def fits(self, size: int) -> bool:
        """Whether one more of so many bytes fits. The first always does."""
        count = len(self.events) + len(self.rejected)
        if count and (count >= self.most or size > self.bytes):
            return False
        self.bytes = max(0, self.bytes - size)
        return True

    def is_full(self) -> bool:
        return len(self.events) + len(self.rejected) >= self.most

    def batch(self, call: Call, cursor: bytes, caught_up: bool) -> Batch:
        return Batch(
            events=self.events,
            rejected=self.rejected,
            cursor=cursor,
            session=call.change,
            next_in=None if caught_up else 0,
            caught_up=caught_up,
            progress=None,
            measures=call.measures(),
        )


def text_of(record) -> str:
    """A record as one JSON object on one line. Half a surrogate pair, which is no text, becomes a question mark."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace").decode()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unreachable(reason) -> Failed:
    """No answer came. The type of WASI's reason is enough for people, and holds no secret."""
    if isinstance(reason, ErrorCode_HttpRequestDenied):
        return Failed(Fault.DENIED, "upstream.not_granted", "the host does not let the source go there", "add it to `allow`")
    name = type(reason).__name__.removeprefix("ErrorCode_")
    return Failed(Fault.RETRY, "upstream.unreachable", f"no answer came ({name})")


def _exchange(method, url, headers, form, timer, left) -> Answer:
    parts = urlsplit(url)
    fields = list(headers.items())
    payload = b""
    if form is not None:
        payload = urlencode(form).encode()
        fields += [("content-type", "application/x-www-form-urlencoded"), ("content-length", str(len(payload)))]
    request = OutgoingRequest(Fields.from_list([(name, value.encode()) for name, value in fields]))
    request.set_method(Method_Post() if method == "POST" else Method_Get())
    request.set_scheme(Scheme_Https() if parts.scheme == "https" else Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query(parts.path + (f"?{parts.query}" if parts.query else "") or "/")
    body = request.body()
    options = RequestOptions()
    options.set_connect_timeout(left)
    options.set_first_byte_timeout(left)
    options.set_between_bytes_timeout(left)
    try:
        future = outgoing_handler.handle(request, options)
    except Err as error:
        raise _unreachable(error.value) from None
    with future:
        _write(body, payload)
        response = _wait(future, timer)
        with response:
            status = response.status()
            with response.headers() as found:
                known = {name.lower(): value.decode("latin-1") for name, value in found.entries()}
            return Answer(status, known, _read(response.consume(), timer))


def _write(body: OutgoingBody, payload: bytes):
    """Sends a body. Who answers before reading it all ends it early: what that means is for the answer to say."""
    try:
        if payload:
            with body.write() as stream:
                for start in range(0, len(payload), 4096):
                    stream.blocking_write_and_flush(payload[start : start + 4096])
    except Err:
        pass
    try:
        OutgoingBody.finish(body, None)
    except Err:
        pass


def _wait(future, timer):
    with future.subscribe() as ready:
        while (result := future.get()) is None:
            _block(ready, timer)
    match result:
        case Ok(Ok(response)):
            return response
        case Ok(Err(reason)):
            raise _unreachable(reason)
    raise Failed(Fault.BROKEN, "upstream.answer", "the answer was taken before")


def _read(body: IncomingBody, timer) -> bytes:
    pieces, size = [], 0
    with body, body.stream() as stream, stream.subscribe() as ready:
        while True:
            if timer.ready():  # a byte now and then is not an answer in time
                raise _late()
            try:
                piece = stream.read(64 << 10)
            except Err as error:
                if isinstance(error.value, StreamError_Closed):
                    return b"".join(pieces)
                raise Failed(Fault.RETRY, "upstream.incomplete", "the answer ended early") from None
            if not piece:
                _block(ready, timer)
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_ANSWER:
                raise Failed(Fault.RETRY, "upstream.too_large", f"an answer has more than {LARGEST_ANSWER} bytes")


def _block(ready, timer):
    """Waits until something is ready, or for the end of the call's time."""
    if 0 not in poll.poll([ready, timer]):
        raise _late()


def _late() -> Failed:
    return Failed(Fault.RETRY, "upstream.timeout", "no complete answer came in time")
