"""Channels: which ways to operators does `wavetrain.toml` describe?"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from wavetrain.adapters.mail import Mail, Post, Tls
from wavetrain.adapters.webhook import Webhook, checked_url, is_loopback, secrets_of
from wavetrain.control.ports import Notifier
from wavetrain.errors import RefusedError
from wavetrain.model.notice import DEFAULT_KINDS, AlertKind
from wavetrain.wiring.given_files import text_of, trust_of

CHANNELS_MAX = 20
RECEIVERS_MAX = 20

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Kinds = Annotated[tuple[AlertKind, ...], msgspec.Meta(min_length=1, max_length=len(AlertKind))]
Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=60.0)]
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


class WebhookTable(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="webhook", tag_field="kind"
):
    """An `[[alert]]` that is told by HTTP."""

    name: Name
    url: str
    secret_file: str
    """One `whsec_` secret on a line; each signs."""
    on: Kinds = DEFAULT_KINDS
    ca_file: str = ""
    timeout_s: Seconds = 10.0


class MailTable(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="mail", tag_field="kind"
):
    """An `[[alert]]` that is told by SMTP."""

    name: Name
    host: str
    sender: str = msgspec.field(name="from")
    to: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=RECEIVERS_MAX)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 587
    tls: Tls = "starttls"
    user: str = ""
    password_file: str = ""
    on: Kinds = DEFAULT_KINDS
    ca_file: str = ""
    timeout_s: Seconds = 10.0


Table = WebhookTable | MailTable


def checked(tables: Sequence[Table], file: Path) -> tuple[Table, ...]:
    """The tables with their paths beside the file. Raises `RefusedError` with the place, the rule and the way out."""
    if len(tables) > CHANNELS_MAX:
        raise RefusedError(f"{file}: {len(tables)} [[alert]] tables; give {CHANNELS_MAX} at most")
    names: set[str] = set()
    for table in tables:
        place = f"{file}: [[alert]] {table.name}"
        if table.name in names:
            raise RefusedError(f"{place}: there is another one of this name; give each its own")
        names.add(table.name)
        if AlertKind.TEST in table.on:
            raise RefusedError(f"{place}: on names test; every channel takes tests, leave it out")
        if isinstance(table, MailTable):
            check_mail(table, place)
        else:
            try:
                checked_url(table.url)
            except RefusedError as error:
                raise RefusedError(f"{place}: {error}") from None
    return tuple(_beside(table, file.parent) for table in tables)


def opened(table: Table) -> Notifier:
    """The channel itself, with its secrets read. Raises `RefusedError`; a refusal never holds a secret."""
    place = f"[[alert]] {table.name}"
    if isinstance(table, WebhookTable):
        secrets = secrets_of(text_of(table.secret_file, f"{place}: secret_file"), table.secret_file)
        trust = trust_of(table.ca_file, place) if table.url.startswith("https:") else None
        return Webhook(table.url, secrets, timeout_s=table.timeout_s, trust=trust)
    trust = trust_of(table.ca_file, place) if table.tls != "none" else None
    return Mail(opened_post(table, place), timeout_s=table.timeout_s, trust=trust)


def opened_post(table: MailTable, place: str) -> Post:
    """Through which server mail goes, with its password read. `RefusedError`."""
    password = ""
    if table.user:
        password = text_of(table.password_file, f"{place}: password_file").strip("\r\n")
        if not password:
            raise RefusedError(f"{place}: password_file {table.password_file} is empty; write the password")
    return Post(
        host=table.host.strip("[]"),
        port=table.port,
        tls=table.tls,
        sender=table.sender,
        to=table.to,
        user=table.user,
        password=password,
    )


def check_mail(table: MailTable, place: str) -> None:
    """`RefusedError` with the place, the rule and the way out."""
    if not _HOST.fullmatch(table.host):
        raise RefusedError(f"{place}: host = {table.host[:80]!r} is no host; give a name or an address")
    for address in (table.sender, *table.to):
        if not _ADDRESS.fullmatch(address):
            raise RefusedError(
                f"{place}: {address[:80]!r} is no mail address; give one like ops@example.net, without a name"
            )
    if table.tls == "none" and not is_loopback(table.host):
        raise RefusedError(
            f'{place}: tls = "none" to {table.host}; use starttls or implicit: only loopback may be spoken to in plain'
        )
    if bool(table.user) != bool(table.password_file):
        raise RefusedError(f"{place}: user and password_file go together; give both or neither")


def _beside(table: Table, folder: Path) -> Table:
    given = {name: getattr(table, name, "") for name in ("secret_file", "password_file", "ca_file")}
    return msgspec.structs.replace(
        table, **{name: str(folder / path) for name, path in given.items() if path}
    )
