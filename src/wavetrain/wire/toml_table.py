"""TOML table: a strict reader that takes known keys of known types and remembers every fault."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from wavetrain.errors import RefusedError
from wavetrain.wire.faults import Faults
from wavetrain.wire.toml_lines import line_index

FILE_BYTES_MAX = 16 * 1024 * 1024
TEXT_CHARACTERS_MAX = 500
LIST_ITEMS_MAX = 10_000
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""What a region, PoP, node, group, account or ring may be called."""

KEY_PARTS_MAX = 32
"""Of a dotted key; the time that the parser takes grows with the square of their number."""
_CHAIN = re.compile(
    rf"(?:(?:(?<![A-Za-z0-9_-])[A-Za-z0-9_-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{KEY_PARTS_MAX}}}"
)

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SHOWN_MAX = 10**40
_REQUIRED = object()


class Table:
    """One table of a file. Each `take` removes a key; `end` complains of the keys that nobody took."""

    def __init__(self, values: dict[str, object], faults: Faults, place: str = "", line: int = 0) -> None:
        """`line` is where all of it stands; 0 where each key has a line of its own."""
        self.faults = faults
        self.place = place
        self.line = line
        self._values = dict(values)
        self._known: list[str] = []

    def at(self, key: str) -> str:
        """The key path of a key of this table."""
        return f"{self.place}.{key}" if self.place else key

    def has(self, key: str) -> bool:
        """Whether the key was given and not taken yet."""
        return key in self._values

    def fault(self, key: str, rule: str, way_out: str) -> None:
        """Remember a broken rule at one of this table's keys."""
        self.faults.add(self.at(key), rule, way_out, self.line)

    def fault_here(self, rule: str, way_out: str) -> None:
        """Remember a broken rule of the whole table."""
        self.faults.add(self.place, rule, way_out, self.line)

    def text(self, key: str, default: object = _REQUIRED, *, long: bool = False) -> str:
        """A string; a required one may not be empty."""
        value = self._take(key, str, "text in quotes", default)
        if value is None:
            return ""
        assert isinstance(value, str)
        if not value and default is _REQUIRED:
            self.fault(key, "it is empty", "give text in quotes")
        limit = TEXT_CHARACTERS_MAX * 20 if long else TEXT_CHARACTERS_MAX
        if len(value) > limit:
            self.fault(key, f"it has {len(value)} characters", f"give at most {limit}")
        return value

    def name(self, key: str) -> str:
        """An identifier, as `ID` allows."""
        value = self.text(key)
        if value:
            self.check_name(key, value)
        return value

    def check_name(self, key: str, value: str) -> None:
        """Refuse a text under `key` that is no identifier."""
        if not ID.fullmatch(value):
            self.fault(
                key,
                f"`{value[:80]}` is not an id",
                "use 1 to 63 letters, digits, dots, dashes or underscores, beginning with a letter or digit",
            )

    def drop(self, key: str) -> None:
        """Take a key and forget it."""
        self._known.append(key)
        self._values.pop(key, None)

    def whole(self, key: str, low: int, high: int, default: object = _REQUIRED) -> int:
        """A whole number from `low` to `high`."""
        value = self._take(key, int, "a whole number", default)
        if value is None:
            return low
        assert isinstance(value, int)
        if not low <= value <= high:
            self.fault(key, f"{_shown(value)} is out of range", f"give a whole number from {low} to {high}")
            return low
        return value

    def number(self, key: str, low: float, high: float, default: object = _REQUIRED) -> float:
        """A finite number from `low` to `high`."""
        value = self._take(key, (int, float), "a number", default)
        if value is None:
            return low
        assert isinstance(value, int | float)
        if not low <= value <= high:  # what is no number is in no range either
            self.fault(key, f"{_shown(value)} is out of range", f"give a number from {low:g} to {high:g}")
            return low
        return float(value)

    def numbers(self, key: str, low: float, high: float) -> tuple[float, ...]:
        """A list of finite numbers from `low` to `high`; empty when it is absent, or after a fault."""
        value = self._take(key, (list, tuple), "a list of numbers", ())
        assert isinstance(value, list | tuple | None)
        good = [
            item
            for item in (value or ())[:LIST_ITEMS_MAX]
            if isinstance(item, int | float) and not isinstance(item, bool) and low <= item <= high
        ]
        if value is not None and len(good) < len(value):
            self.fault(
                key, "it holds something that is no such number", f"give numbers from {low:g} to {high:g}"
            )
            return ()
        return tuple(float(item) for item in good)

    def day(self, key: str) -> date | None:
        """A date, or the text of one; None after a fault."""
        value = self._take(key, (date, str), "a date: YYYY-MM-DD", _REQUIRED)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and _DAY.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass  # a day that no month has
        if value is not None:
            self.fault(key, f"`{str(value)[:80]}` is no date", "give one as YYYY-MM-DD")
        return None

    def moment(self, key: str) -> date | datetime | None:
        """A date, or a date with a time; None after a fault."""
        value = self._take(key, (date, datetime), "a date like 2026-12-24, without quotes", _REQUIRED)
        assert value is None or isinstance(value, date)
        return value

    def instant(self, key: str, years: range) -> datetime | None:
        """A time with its offset, in one of these years, as UTC; None after a fault."""
        value = self.moment(key)
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            way_out = "give a time like 2026-12-20T00:00:00Z or 2026-12-20T00:00:00+01:00"
            self.fault(key, "it has no offset", way_out)
            return None
        if value.year not in years:
            self.fault(key, f"{value} is out of range", f"give a year from {years[0]} to {years[-1]}")
            return None
        return value.astimezone(UTC)

    def flag(self, key: str, default: object = _REQUIRED) -> bool:
        """True or false."""
        return bool(self._take(key, bool, "true or false", default))

    def one_of(self, key: str, values: Sequence[str], default: object = _REQUIRED) -> str:
        """One of the given texts; empty after a fault."""
        value = self.text(key, default)
        if value in values:
            return value
        if value:
            near = difflib.get_close_matches(value, values, n=1)
            hint = f"did you mean `{near[0]}`? " if near else ""
            self.fault(key, f"`{value[:80]}` is not known here", f"{hint}give one of: {', '.join(values)}")
        return ""

    def names(self, key: str, default: object = _REQUIRED) -> tuple[str, ...]:
        """A list of strings."""
        value = self._take(key, (list, tuple), "a list of texts", default)
        if value is None:
            return ()
        assert isinstance(value, list | tuple)
        if len(value) > LIST_ITEMS_MAX:
            self.fault(key, f"it has {len(value)} items", f"give at most {LIST_ITEMS_MAX}")
            return ()
        good = [item for item in value if isinstance(item, str)]
        if len(good) < len(value):
            self.fault(key, "it holds something that is not text", 'give a list like ["a", "b"]')
        return tuple(good)

    def table(self, key: str, *, required: bool = False) -> "Table":
        """A table within; an empty one when it is absent and may be."""
        value = self._take(key, dict, f"a table: [{_header(self.at(key))}]", _REQUIRED if required else {})
        return Table(value if isinstance(value, dict) else {}, self.faults, self.at(key), self.line)

    def tables(self, key: str, limit: int = LIST_ITEMS_MAX) -> list["Table"]:
        """A list of tables, `[[key]]`."""
        value = self._take(key, list, f"tables: [[{self.at(key)}]]", [])
        if not isinstance(value, list):
            return []
        if len(value) > limit:
            self.fault(key, f"there are {len(value)} of them", f"give at most {limit}")
            return []
        made = []
        for index, item in enumerate(value):
            place = f"{self.at(key)}[{index}]"
            if isinstance(item, dict):
                made.append(Table(item, self.faults, place, self.line))
            else:
                self.faults.add(
                    place, "it is not a table", f"write it as [[{_header(self.at(key))}]]", self.line
                )
        return made

    def lists(self, key: str, limit: int) -> dict[str, tuple[str, ...]]:
        """A table of names with lists of texts."""
        inner = self._inner(key, limit)
        return {name: inner.names(name) for name in inner.keys()}  # noqa: SIM118 (no mapping)

    def keys(self) -> tuple[str, ...]:
        """The keys that were given and not taken yet."""
        return tuple(self._values)

    def texts(self, key: str, limit: int) -> dict[str, str]:
        """A table of names with texts."""
        inner = self._inner(key, limit)
        return {name: inner.text(name) for name in inner.keys()}  # noqa: SIM118 (no mapping)

    def value(self, key: str) -> object:
        """Whatever stands there; the caller says what it may be."""
        return self._take(key, object, "a value", _REQUIRED)

    def flags(self, key: str, limit: int) -> dict[str, bool]:
        """A table of names with true or false."""
        inner = self._inner(key, limit)
        return {name: inner.flag(name) for name in inner.keys()}  # noqa: SIM118 (no mapping)

    def _inner(self, key: str, limit: int) -> "Table":
        """A table of so many free names; an empty one after a fault."""
        inner = self.table(key)
        if len(inner.keys()) > limit:
            self.fault(key, f"it has {len(inner.keys())} names", f"give at most {limit}")
            return Table({}, self.faults, self.at(key), self.line)
        return inner

    def end(self) -> None:
        """Refuse the keys that are left."""
        for key in self._values:
            near = difflib.get_close_matches(key, self._known, n=1)
            way_out = f"did you mean `{near[0]}`?" if near else f"the keys here are: {', '.join(self._known)}"
            self.fault(key, f"there is no key `{key[:80]}`", way_out)
        self._values = {}

    def _take(self, key: str, kinds: type | tuple[type, ...], wanted: str, default: object) -> object | None:
        """The value, the default, or None after a fault."""
        self._known.append(key)
        if key not in self._values:
            if default is _REQUIRED:
                self.fault(key, f"`{key}` is missing", f"give {wanted}")
                return None
            return default
        value = self._values.pop(key)
        is_flag = isinstance(value, bool)
        if not isinstance(value, kinds) or (is_flag and kinds not in (bool, object)):
            self.fault(key, f"it is {_called(value)}", f"give {wanted}")
            return None
        return value


def open_table(text: str, name: str) -> Table:
    """The top table of a TOML text; `RefusedError` when it is too long or no TOML."""
    if len(text.encode()) > FILE_BYTES_MAX:
        raise RefusedError(
            f"{name} is larger than {FILE_BYTES_MAX} bytes; split the fleet or shorten the file"
        )
    if _CHAIN.search(text):
        raise RefusedError(f"{name} has a key of more than {KEY_PARTS_MAX} parts; write plain tables")
    try:
        values = tomllib.loads(text)
    except ValueError as error:  # a number of very many digits is one that is not the parser's own
        raise RefusedError(f"{name} is not TOML: {error}; correct that line") from None
    except RecursionError:
        raise RefusedError(f"{name} is nested too deeply; write plain tables") from None
    return Table(values, Faults(name, line_index(text)))


def _called(value: object) -> str:
    names: Iterable[tuple[type, str]] = (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (list, "a list"),
        (dict, "a table"),
        (type(None), "null"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "a date or time")


def _shown(value: float) -> str:
    """A number as it was given; one of very many digits cannot be written, and need not be."""
    return str(value) if not isinstance(value, int) or abs(value) < _SHOWN_MAX else "a number of many digits"


def _header(place: str) -> str:
    """A key path as a TOML header names it: the last element of an array is meant without its number."""
    return re.sub(r"\[\d+\]", "", place)
