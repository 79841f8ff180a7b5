"""Evaluators' door: which features has an account, by the OpenFeature Remote Evaluation Protocol 0.3?

Plain ASGI beside the routes of the other doors, since pages wait for it: an answer is put together from bytes that were
made ready when a feature changed, and nothing on its path asks the store.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final
from urllib.parse import parse_qs

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wavetrain.control.ports import Snapshot
from wavetrain.decide.activation import Board, Choices, Sheet, Standing
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.doors.bearers import Bearers
from wavetrain.doors.event_streams import STREAMS_MAX, EventStreams, version_of
from wavetrain.doors.house import off_loop
from wavetrain.doors.intake import BODY_S
from wavetrain.doors.limits import Limits, TooOftenError, address_of
from wavetrain.doors.ofrep_document import DOCUMENT_PATH, written
from wavetrain.errors import ForbiddenError, RefusedError, WavetrainError
from wavetrain.model.feature import FeatureKey
from wavetrain.wire.ofrep_messages import (
    BODY_BYTES_MAX,
    EVENTS,
    Code,
    Failed,
    NoEvaluationError,
    Trouble,
    account_of,
    told,
)
from wavetrain.wire.snapshot_messages import SNAPSHOT, SNAPSHOT_BYTES_MAX, SnapshotSent, read_asked, sent

_log = logging.getLogger(__name__)

PREFIX: Final = "/ofrep/"
ALL: Final = "/ofrep/v1/evaluate/flags"
ONE: Final = "/ofrep/v1/evaluate/flags/"
DROPPED_BYTES_MAX: Final = 4 * 1024 * 1024
"""So much of a body that is too long is read and dropped, for its sender to hear why it was refused."""
BEHIND_S: Final = 1.0
"""How long a program is kept waiting for a change that it was told of elsewhere."""
INACTIVE_S: Final = 120
"""A page that nobody looks at lets its event stream go after so long."""
PLAIN_MAX: Final = 256
"""Of so many features at most an ETag has the sets themselves; of more their digest."""
NOT_MODIFIED: Final = 304
_WHOLE: Final = (
    b'{"flags":[%%s],"eventStreams":[{"type":"sse","endpoint":{"requestUri":"%s?ticket=%%s"},'
    b'"inactivityDelaySec":%d}]}' % (EVENTS.encode(), INACTIVE_S)
)
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JSON: Final = (b"content-type", b"application/json")
_FRESH: Final = (b"cache-control", b"no-store")


class Shown:
    """A sheet as the protocol tells it."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.board: Board[bytes] = Board(sheet, told)
        self._mark = blake2b(b"".join(self.board.every()), digest_size=12).hexdigest().encode()

    def etag(self, choices: Choices) -> bytes:
        """Of all of an account's answers: another one as soon as one of them is."""
        one = choices
        if len(self.sheet.features) > PLAIN_MAX:
            bits = b"%x.%x.%x.%x.%x.%x" % msgspec.structs.astuple(choices)
            return b'"%s.%s"' % (self._mark, blake2b(bits, digest_size=12).hexdigest().encode())
        if not one.is_odd:
            return b'"%s.%x"' % (self._mark, one.on)
        odd = (one.held, one.unlicensed, one.uncovered, one.waiting, one.early)
        return b'"%s.%x.%x.%x.%x.%x.%x"' % (self._mark, one.on, *odd)


class Answer(msgspec.Struct, frozen=True):
    """What is sent."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Ofrep:
    """The door. Lives on one event loop."""

    def __init__(self, snapshot: Snapshot, bearers: Bearers, limits: Limits, streams: EventStreams) -> None:
        self._snapshot, self._bearers, self._limits, self._streams = snapshot, bearers, limits, streams
        self._shown: Shown | None = None

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, with this door beside its own."""

        async def beside(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"].startswith(PREFIX):
                await self._guarded(scope, receive, send)
            else:
                await app(scope, receive, send)

        return beside

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answered(scope, receive, send)
        except TooOftenError as error:
            answer = _trouble(429, str(error), (b"retry-after", b"%d" % error.wait_s))
        except ForbiddenError as error:
            answer = _trouble(403, str(error))
        except (RefusedError, NoEvaluationError) as error:
            answer = _trouble(400, str(error))
        except WavetrainError as error:
            answer = _trouble(500, str(error))
        except Exception:
            _log.exception("an evaluation failed")
            answer = _trouble(500, "the control plane failed on this request; its log says more")
        if answer is not None:
            headers = [_FRESH, *answer.headers]
            if answer.status != NOT_MODIFIED:
                headers += [_JSON, (b"content-length", b"%d" % len(answer.body))]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": answer.body})

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        path, method = scope["path"], scope["method"]
        if path == DOCUMENT_PATH and method == "GET":
            return Answer(200, written())
        if path == EVENTS:
            return await self._listened(scope, receive, send) if method == "GET" else _method("GET")
        if path not in (ALL, SNAPSHOT) and not path.startswith(ONE):
            return _trouble(404, f"there is no {path[:200]} at this door; ask at {ALL}")
        if method != "POST":
            return _method("POST")
        asking = self._known(scope) or await self._asking(scope)
        if isinstance(asking, Answer):
            return asking
        caller, secret = asking
        self._limits.evaluate(caller)
        require(caller, Act.EVALUATE)
        if path == SNAPSHOT:
            return await self._sent(scope, await _body(receive, SNAPSHOT_BYTES_MAX))
        key = path[len(ONE) :] if path != ALL else None
        try:
            account = account_of(await _body(receive, BODY_BYTES_MAX))
            return self._one(account, key) if key is not None else await self._all(account, scope, secret)
        except NoEvaluationError as error:
            return _failed(400, error.code, str(error), key)

    def _one(self, account: str, key: str) -> Answer:
        shown, standing = self._look(account)
        place = shown.sheet.places.get(FeatureKey(key))
        if place is None:
            return _failed(
                404, Code.FLAG_NOT_FOUND, f"there is no feature {key[:120]}; see: wavetrain feature list", key
            )
        return Answer(200, shown.board.one(shown.sheet.choices(standing), place))

    async def _all(self, account: str, scope: Scope, secret: str) -> Answer:
        mark, version = "", 0
        if scope["query_string"]:
            mark, version = await self._caught_up(scope)
        shown, standing = self._look(account)
        choices = shown.sheet.choices(standing)
        etag = shown.etag(choices)
        if mark:
            self._streams.fetched(mark, version)
        given = _header(scope, b"if-none-match")
        if given and (given == b"*" or etag in given):
            return Answer(NOT_MODIFIED, b"", ((b"etag", etag),))
        body = _WHOLE % (b",".join(shown.board.chosen(choices)), self._bearers.ticket(secret))
        return Answer(200, body, ((b"etag", etag),))

    async def _sent(self, scope: Scope, body: bytes) -> Answer:
        """The features, and how the accounts that are asked for stand to them."""
        asked = read_asked(body)
        mark, version = await self._caught_up(scope)
        made = await off_loop(lambda: self._taken(asked.accounts))
        whole = msgspec.json.encode(made)
        etag = b'"%s"' % blake2b(whole, digest_size=12).hexdigest().encode()
        if mark:
            self._streams.fetched(mark, version)
        if etag in _header(scope, b"if-none-match"):
            return Answer(NOT_MODIFIED, b"", ((b"etag", etag),))
        # What stands in front is written anew; a great snapshot is encoded once.
        rest = whole[len(_head(made.version, made.now)) :]
        return Answer(200, _head(version, self._snapshot.now) + rest, ((b"etag", etag),))

    def _taken(self, accounts: tuple[str, ...]) -> SnapshotSent:
        """All of one sheet, taken anew where another one comes meanwhile."""
        while True:
            sheet = self._snapshot.sheet()
            stranger = sent(sheet, self._snapshot.stranger(""))
            looked = [(account, *self._snapshot.look(account)) for account in accounts]
            if self._snapshot.sheet() is sheet:
                return SnapshotSent(
                    version=0,
                    # The clock alone makes no other snapshot; a jump does, which programs would not know of.
                    now=_NEVER + timedelta(seconds=self._snapshot.jumped_s),
                    features=sheet.features,
                    stranger=stranger,
                    accounts={name: sent(sheet, one) for name, _, one in looked if one is not None},
                )

    async def _caught_up(self, scope: Scope) -> tuple[str, int]:
        """The mark of the event that a request follows, and the version that is answered: at least the event's."""
        if not scope["query_string"]:
            return "", self._snapshot.version
        mark = parse_qs(scope["query_string"].decode("latin-1")).get("flagConfigEtag", [""])[0]
        return mark, await self._streams.version(version_of(mark), BEHIND_S)

    async def _listened(self, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        ticket = parse_qs(scope["query_string"].decode("latin-1")).get("ticket", [""])[0]
        caller: Caller | None = await self._bearers.caller(ticket, is_ticket=True) if ticket else None
        if caller is None:
            asking = await self._asking(scope)
            if isinstance(asking, Answer):
                return asking
            caller = asking[0]
        require(caller, Act.EVALUATE)
        if self._streams.is_full:
            text = (
                f"{STREAMS_MAX} programs listen, which is the most; ask again, and ask for features meanwhile"
            )
            return _trouble(429, text, (b"retry-after", b"60"))
        await self._streams.serve(receive, send)
        return None

    def _look(self, account: str) -> tuple[Shown, Standing]:
        """The features as they are told, and how an account stands to them."""
        sheet, standing = self._snapshot.asked(account)
        shown = self._shown
        if shown is None or shown.sheet is not sheet:
            self._shown = shown = Shown(sheet)
        return shown, standing

    def _known(self, scope: Scope) -> tuple[Caller, str] | None:
        secret = _secret(scope)
        caller = self._bearers.at_once(secret)
        return (caller, secret) if caller is not None else None

    async def _asking(self, scope: Scope) -> tuple[Caller, str] | Answer:
        secret = _secret(scope)
        caller = await self._bearers.caller(secret) if secret else None
        if caller is not None:
            return caller, secret
        self._limits.fail(address_of(scope))
        text = "the token is unknown, revoked or expired; ask an admin for another with the role evaluator"
        if not secret:
            text = "there is no token; send the header: Authorization: Bearer TOKEN, or X-API-Key: TOKEN"
        return _trouble(401, text, (b"www-authenticate", b"Bearer"))


def _head(version: int, now: datetime) -> bytes:
    """How a snapshot begins as JSON."""
    return b'{"version":%d,"now":%s' % (version, msgspec.json.encode(now))


async def _body(receive: Receive, limit: int) -> bytes:
    """At most so many bytes; what comes beyond is dropped, and the request refused by the protocol's own code."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        body = await _rest(receive, body, limit)
    if len(body) > limit:
        text = f"the context has more than {limit} bytes; send a smaller one: only its targetingKey is read"
        raise NoEvaluationError(Code.INVALID_CONTEXT, text)
    return body


async def _rest(receive: Callable[[], Awaitable[Message]], body: bytes, limit: int) -> bytes:
    size = len(body)
    parts = [body]
    try:
        async with asyncio.timeout(BODY_S):
            while size <= limit + DROPPED_BYTES_MAX:
                message = await receive()
                part = message.get("body", b"")
                size += len(part)
                if size <= limit + len(part):
                    parts.append(part)
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise NoEvaluationError(
            Code.PARSE_ERROR, f"the body took more than {BODY_S:g} s; send it at once"
        ) from None
    return b"".join(parts)


def _secret(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            if value[:7] == b"Bearer " or value[:7].lower() == b"bearer ":
                return str(value[7:].strip().decode("latin-1"))
        elif name == b"x-api-key" and value:
            return str(value.strip().decode("latin-1"))
    return ""


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")


def _failed(status: int, code: Code, text: str, key: str | None) -> Answer:
    made = Failed(key=key if key is not None else msgspec.UNSET, errorCode=code, errorDetails=text)
    return Answer(status, msgspec.json.encode(made))


def _trouble(status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, msgspec.json.encode(Trouble(errorDetails=text)), headers)


def _method(allowed: str) -> Answer:
    return _trouble(405, f"this address takes {allowed} alone; use it", (b"allow", allowed.encode()))
