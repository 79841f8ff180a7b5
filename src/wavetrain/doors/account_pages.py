"""Account pages: what does an account see behind its login, and what does it say there of its wishes?

An account has its own pages; operators have those of every account. A form that was filled in wrongly comes back as it
was filled in, with what is wrong; one that was read before somebody else changed the settings changes nothing.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import (
    account_features,
    account_settings,
    account_view,
    account_work,
    choices,
    subscriptions,
)
from wavetrain.control.account_settings import SettingsSeen
from wavetrain.control.choices import Asked
from wavetrain.decide.account_settings import EARLY_LANES, Wanted
from wavetrain.decide.permit import Act, may
from wavetrain.doors import account_page, feeds
from wavetrain.doors.house import house_of, off_loop
from wavetrain.doors.pages import Go, Shown, Visit, going, in_words, login_at, page, posted, visitor_of
from wavetrain.doors.query import query_of
from wavetrain.errors import RefusedError, StaleError, UnknownError
from wavetrain.model.access import Role
from wavetrain.model.feature_verb import Verb
from wavetrain.model.fleet import BLACKOUTS_MAX, Blackout
from wavetrain.wire.account_messages import span

OWN, OTHERS = "/account", "/console/accounts/{name}"
ROWS_FREE: Final = 3
"""So many empty lines for black-out days stand below those that there are."""
_WISH: Final = {"yes": True, "no": False}
_VERBS: Final = (Verb.EARLY, Verb.LEAVE, Verb.DEFER, Verb.GIVE_BACK, Verb.TAKE)
_DAY_ENDS: Final = timedelta(days=1)


def account_of(visit: Visit) -> str:
    """Whose pages these are."""
    named = visit.request.path_params.get("name")
    if named is not None:
        return str(named)
    if Role.ACCOUNT not in visit.caller.roles:
        raise UnknownError("you speak for no account; open the pages of one: /console/accounts/ACCOUNT")
    return visit.caller.account


def root_of(visit: Visit) -> str:
    """Where the account's pages begin."""
    return f"/console/accounts/{quote(visit.name, safe='')}" if "name" in visit.request.path_params else OWN


def _view(visit: Visit) -> Shown:
    query_of(visit.request)
    house, account = visit.house, account_of(visit)
    picture = house.shown.picture
    seen = account_view.seen(house.store, visit.caller, account, picture, outlooks=house.outlooks)
    root = root_of(visit)
    values = account_page.parts_of(seen, picture, house.page, f"{root}/calendar.ics")
    return Shown("account.html", {**values, "root": root})


async def _calendar(request: Request) -> Response:
    """The calendar, to be kept or opened by a program of the one who looks."""
    query_of(request)
    visitor = await visitor_of(request)
    if visitor is None:
        return going(login_at(request))
    visit, house = Visit(request, visitor), house_of(request)
    account = account_of(visit)
    body = await off_loop(
        lambda: feeds.calendar_of(
            account_work.seen(house.store, visit.caller, account, house.shown.picture), house.page
        )
    )
    headers = {
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": 'attachment; filename="calendar.ics"',
    }
    return Response(body, headers=headers, media_type=feeds.ICS)


def _settings(visit: Visit) -> Shown:
    is_saved = bool(query_of(visit.request, whole=("saved",)).wholes)
    seen = account_settings.seen(visit.store, visit.caller, account_of(visit))
    return _sheet(visit, seen, _filled(seen), "Saved." if is_saved else "")


def _sheet(
    visit: Visit,
    seen: SettingsSeen,
    filled: Mapping[str, Any],
    said: str = "",
    amiss: str = "",
    status: int = 200,
) -> Shown:
    store, account = visit.store, account_of(visit)
    known = account_features.seen(store, visit.caller, account).features
    return Shown(
        "account_settings.html",
        {
            "account": account,
            "root": root_of(visit),
            "seen": seen,
            "filled": filled,
            "lanes": EARLY_LANES,
            "said": said,
            "amiss": amiss,
            "may": may(visit.caller, Act.WISH),
            "features": known[: account_page.FEATURES_MAX],
            "ways": subscriptions.listed(store, visit.caller, account),
        },
        status,
    )


def _filled(seen: SettingsSeen) -> dict[str, Any]:
    """The form as it stands for what is there."""
    spans = seen.counts.blackouts if seen.blackouts is None else seen.blackouts
    rows = [(one.first.isoformat(), one.last.isoformat()) for one in spans]
    return {
        "early": {
            lane: "agreed" if lane not in seen.early else "yes" if seen.early[lane] else "no"
            for lane in EARLY_LANES
        },
        "days": "agreed" if seen.blackouts is None else "own",
        "rows": [*rows, *[("", "")] * min(ROWS_FREE, BLACKOUTS_MAX - len(rows))],
        "version": seen.version,
    }


def _say(visit: Visit) -> Shown | Go:
    account = account_of(visit)
    try:
        said = visit.field("version")
        if not (said.isascii() and said.isdecimal() and len(said) < 20):
            raise RefusedError("the form names no version; open the page again, and send it from there")
        made = account_settings.say(visit.store, visit.caller, account, _wanted(visit), int(said))
    except (RefusedError, StaleError) as error:
        seen = account_settings.seen(visit.store, visit.caller, account)
        if isinstance(error, StaleError):
            return _sheet(visit, seen, _filled(seen), amiss=str(error), status=409)
        return _sheet(visit, seen, _again(visit, seen), amiss=str(error), status=422)
    return Go(f"{root_of(visit)}/settings?saved={made.version}")


def _wanted(visit: Visit) -> Wanted:
    early = {}
    for lane in EARLY_LANES:
        word = visit.field(f"early-{lane}", "agreed")
        if word != "agreed":
            if word not in _WISH:
                raise RefusedError(f"early in lane {lane} is `{word[:40]}`; choose one of the three")
            early[lane] = _WISH[word]
    if visit.field("days", "agreed") != "own":
        return Wanted(early=early)
    blackouts = []
    for at, (first, last) in enumerate(_rows(visit), 1):
        if first or last:
            blackouts.append(_span(first or last, last or first, at))
    return Wanted(early=early, blackouts=tuple(blackouts))


def _rows(visit: Visit) -> list[tuple[str, str]]:
    """The lines of black-out days as they were filled in."""
    numbers = range(BLACKOUTS_MAX + ROWS_FREE)
    return [
        (visit.field(f"first-{at}", "").strip(), visit.field(f"last-{at}", "").strip())
        for at in numbers
        if f"first-{at}" in visit.fields or f"last-{at}" in visit.fields
    ]


def _span(first: str, last: str, line: int) -> Blackout:
    where = f"line {line} of the black-out days"
    try:
        return span(date.fromisoformat(first), date.fromisoformat(last), where)
    except ValueError:
        raise RefusedError(
            f"at {where}: {first[:40]} to {last[:40]} are no days; give days like 2026-12-24"
        ) from None


def _again(visit: Visit, seen: SettingsSeen) -> dict[str, Any]:
    """The form as it was filled in."""
    return {
        "early": {lane: visit.field(f"early-{lane}", "agreed") for lane in EARLY_LANES},
        "days": visit.field("days", "agreed"),
        "rows": [*_rows(visit)[:BLACKOUTS_MAX], *[("", "")] * ROWS_FREE],
        "version": seen.version,
    }


def _choose(visit: Visit) -> Shown | Go:
    """A word on one feature."""
    account, word = account_of(visit), visit.field("word")
    try:
        if word not in {verb.value for verb in _VERBS}:
            raise RefusedError(f"there is no word {word[:40]} for a feature; choose one of those on the page")
        verb = Verb(word)
        until = _until(visit.field("until", "")) if verb is Verb.DEFER else None
        feature = str(visit.request.path_params["feature"])
        choices.choose(visit.store, visit.caller, account, feature, Asked(verb=verb, until=until))
    except RefusedError as error:
        if isinstance(error, UnknownError):
            raise
        seen = account_settings.seen(visit.store, visit.caller, account)
        return _sheet(visit, seen, _filled(seen), amiss=str(error), status=422)
    return Go(f"{root_of(visit)}/settings?saved=0")


def _until(text: str) -> datetime | None:
    """The last day on which it is put off."""
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) + _DAY_ENDS
    except (ValueError, OverflowError):
        raise RefusedError(f"{text[:40]} is no day; give one like 2026-12-24") from None


ROUTES = [
    Route(f"{start}{path}", how, methods=methods)
    for start in (OWN, OTHERS)
    for path, how, methods in (
        ("", page(_view), ["GET"]),
        ("/calendar.ics", in_words(_calendar), ["GET"]),
        ("/settings", page(_settings), ["GET"]),
        ("/settings", posted(_say), ["POST"]),
        ("/features/{feature}", posted(_choose), ["POST"]),
    )
]
PATHS = frozenset(route.path for route in ROUTES)
"""No API: docs/account.md says what they are."""
