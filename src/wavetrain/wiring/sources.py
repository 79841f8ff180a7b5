"""Sources: where do the measurements of this process come from, by `wavetrain.toml`?"""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Protocol
from urllib.parse import urlsplit

import msgspec

from wavetrain.adapters.prometheus import PrometheusSource, Settings
from wavetrain.adapters.promql import Labels
from wavetrain.adapters.promql_call import Place
from wavetrain.adapters.scrape import ScrapeSource
from wavetrain.adapters.webhook import URL_CHARACTERS_MAX, is_loopback
from wavetrain.control.ports import HealthSource
from wavetrain.errors import RefusedError
from wavetrain.model.health import SourceFigures
from wavetrain.wiring.given_files import text_of, trust_of

HEADERS_MAX = 20
MATCHERS_MAX = 20

LabelName = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,127}$")]
OptionalName = Annotated[str, msgspec.Meta(pattern=r"^([a-zA-Z_:][a-zA-Z0-9_:]{0,127})?$")]
Matcher = Annotated[
    str,
    msgspec.Meta(pattern=r'^[a-zA-Z_][a-zA-Z0-9_]*\s*(=|!=|=~|!~)\s*"([^"\\\n]|\\.)*"$', max_length=1_000),
]
_HEADER = re.compile(r"[A-Za-z0-9-]{1,80}")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,998}[\x21-\x7e])?")
_OURS = frozenset({"authorization", "content-type", "content-length", "host", "accept", "connection"})


class Source(HealthSource, Protocol):
    """A source that tells how it fares, and can be ended."""

    def figures(self) -> SourceFigures: ...
    def close(self) -> None: ...


class ScrapeTable(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="scrape", tag_field="source"
):
    """`[health]`: the nodes' own /metrics, read once a second."""


class PrometheusTable(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="prometheus",
    tag_field="source",
):
    """`[health]`: what speaks Prometheus' HTTP API."""

    url: str
    token_file: str = ""
    user: str = ""
    password_file: str = ""
    headers: dict[str, str] = {}
    ca_file: str = ""
    match: Annotated[tuple[Matcher, ...], msgspec.Meta(max_length=MATCHERS_MAX)] = ()
    node_label: LabelName = "node"
    node_is: Literal["name", "address"] = "name"
    pop_label: OptionalName = ""
    release_label: LabelName = "release"
    release_info: OptionalName = ""
    step_s: Annotated[float, msgspec.Meta(ge=0.0, le=3_600.0)] = 0.0
    lag_s: Annotated[float, msgspec.Meta(ge=0.0, le=3_600.0)] = 0.0
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=60.0)] = 5.0


Table = ScrapeTable | PrometheusTable


def checked(table: Table, file: Path) -> Table:
    """The table with its paths beside the file. Raises `RefusedError` with the place, the rule and the way out."""
    if isinstance(table, ScrapeTable):
        return table
    place = f"{file}: [health]"
    _check_url(table, place)
    if bool(table.user) != bool(table.password_file):
        raise RefusedError(f"{place}: user and password_file go together; give both or neither")
    if table.user and table.token_file:
        raise RefusedError(f"{place}: token_file and user exclude each other; give one of them")
    if len(table.headers) > HEADERS_MAX:
        raise RefusedError(f"{place}: {len(table.headers)} headers; give {HEADERS_MAX} at most")
    for name, value in table.headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OURS:
            raise RefusedError(
                f"{place}: the header {name[:80]!r} cannot be set here; give one like X-Scope-OrgID, and who you are "
                "by token_file or user"
            )
        if not _VALUE.fullmatch(value):
            raise RefusedError(
                f"{place}: the header {name} has no plain value; give printable ASCII in one line"
            )
    given = {name: getattr(table, name) for name in ("token_file", "password_file", "ca_file")}
    beside = {name: str(file.parent / path) for name, path in given.items() if path}
    return msgspec.structs.replace(table, **beside)


def settings_of(table: PrometheusTable) -> Settings:
    """The table's meaning, with its secrets read. Raises `RefusedError`; a refusal never holds a secret."""
    is_https = table.url.startswith("https:")
    return Settings(
        place=Place(
            url=table.url.rstrip("/"),
            timeout_s=table.timeout_s,
            headers={**table.headers, **_credentials(table)},
            trust=trust_of(table.ca_file, "[health]") if is_https else None,
        ),
        labels=Labels(
            node=table.node_label,
            node_is=table.node_is,
            pop=table.pop_label,
            release=table.release_label,
            release_info=table.release_info,
            match=table.match,
        ),
        step_s=table.step_s,
        lag_s=table.lag_s,
    )


def opened(table: Table) -> Source:
    """The source itself, at work. Raises as `settings_of` does."""
    return ScrapeSource() if isinstance(table, ScrapeTable) else PrometheusSource(settings_of(table))


def _credentials(table: PrometheusTable) -> Mapping[str, str]:
    if table.token_file:
        token = _secret(table.token_file, "[health]: token_file")
        return {"Authorization": f"Bearer {token}"}
    if table.user:
        password = _secret(table.password_file, "[health]: password_file")
        both = base64.b64encode(f"{table.user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {both}"}
    return {}


def _secret(path: str, what: str) -> str:
    secret = text_of(path, what).strip("\r\n")
    if not _VALUE.fullmatch(secret):
        raise RefusedError(f"{what} {path} holds no secret in one line of printable ASCII; write it there")
    return secret


def _check_url(table: PrometheusTable, place: str) -> None:
    try:
        parts = urlsplit(table.url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise RefusedError(f"{place}: its url cannot be read; give one like https://HOST:PORT") from None
    is_odd = not table.url.isascii() or not table.url.isprintable() or " " in table.url
    if not host or is_odd or len(table.url) > URL_CHARACTERS_MAX or parts.scheme not in ("http", "https"):
        raise RefusedError(f"{place}: its url cannot be used; give one like https://HOST:PORT")
    if parts.username is not None or parts.query or parts.fragment:
        raise RefusedError(
            f"{place}: its url to {host} has a user, a query or a fragment; leave them out, and say who you are by "
            "token_file or user"
        )
    if parts.path.rstrip("/").endswith(("/api/v1", "/query")):
        raise RefusedError(f"{place}: its url to {host} ends in the API; leave out what begins with /api/v1")
    if parts.scheme == "http" and (table.token_file or table.user) and not is_loopback(host):
        raise RefusedError(f"{place}: a secret would go to {host} in plain http; use https")
