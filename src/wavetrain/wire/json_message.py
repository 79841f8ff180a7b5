"""JSON message: which bytes become a message, and where is the bad field?"""

import re
from typing import TypeVar

import msgspec

from wavetrain.errors import RefusedError

T = TypeVar("T")

_PLACE = re.compile(r"^(?P<rule>.*?) - at `(?P<place>.*)`$", re.DOTALL)
_MISSING = "Object missing required field"


def read_message(body: bytes, kind: type[T], what: str) -> T:
    """The message of `kind` that the JSON bytes say; `RefusedError` names the path of the bad field.

    Every reader of bytes that others wrote asks here: msgspec tells broken UTF-8 and deep nesting by errors that
    are not its own.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        match = _PLACE.match(str(error))
        place, rule = (match["place"], match["rule"]) if match else ("$", str(error))
        way_out = "add it" if rule.startswith(_MISSING) else "correct or remove it"
        raise RefusedError(f"{what}: at {place}: {rule}; {way_out}") from None
    except msgspec.DecodeError as error:
        raise RefusedError(f"{what} is not JSON: {error}; send one JSON object") from None
    except UnicodeDecodeError as error:
        raise RefusedError(
            f"{what} is not JSON: a text in it is not UTF-8 ({error.reason}); send UTF-8"
        ) from None
    except RecursionError:
        raise RefusedError(f"{what} is nested too deeply; send plain JSON") from None
