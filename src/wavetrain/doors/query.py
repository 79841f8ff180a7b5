"""Query: which parameters does a request's address carry?"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request

from wavetrain.errors import RefusedError

VALUE_CHARACTERS_MAX = 200
WHOLE_MAX = 2**53
_TIMES = ("%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S")


class Query(msgspec.Struct, frozen=True):
    """The parameters that were given."""

    wholes: dict[str, int]
    texts: dict[str, str]

    def whole(self, name: str, default: int) -> int:
        """A whole number."""
        return self.wholes.get(name, default)


def query_of(request: Request, *, whole: Sequence[str] = (), text: Sequence[str] = ()) -> Query:
    """The request's parameters; `RefusedError` for one that is not known, comes twice, or is no whole number."""
    wholes: dict[str, int] = {}
    texts: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in (*whole, *text):
            known = ", ".join((*whole, *text)) or "none"
            raise RefusedError(f"there is no parameter {name[:80]}; the ones here are: {known}")
        if name in wholes or name in texts:
            raise RefusedError(f"parameter {name} is there twice; give it once")
        if len(value) > VALUE_CHARACTERS_MAX:
            raise RefusedError(
                f"parameter {name} has {len(value)} characters; give {VALUE_CHARACTERS_MAX} at most"
            )
        if name in text:
            texts[name] = value
        elif value.isascii() and value.isdecimal() and int(value) <= WHOLE_MAX:
            wholes[name] = int(value)
        else:
            raise RefusedError(f"parameter {name} is `{value[:40]}`; give a whole number of 0 or more")
    return Query(wholes, texts)


def instant_of(text: str) -> datetime:
    """An instant in UTC, as a browser's field has it; `RefusedError` for what is none."""
    for shape in _TIMES:
        try:
            return datetime.strptime(text.strip(), shape).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise RefusedError(f"{text[:40]} is no time; give it in UTC, like 2027-03-01T02:00")
