"""Config: what does `wavetrain.toml` say?"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated

import msgspec

from wavetrain.adapters import issuer, oidc
from wavetrain.adapters.sql_place import is_url
from wavetrain.errors import RefusedError
from wavetrain.model.access import Role
from wavetrain.wire.log_line import Style
from wavetrain.wiring import channels, notice_config, sources
from wavetrain.wiring.given_files import text_of

TICK_S_MIN, TICK_S_MAX = 0.05, 60.0
PORT_MAX = 65_535
NAMES_MAX = 100
ServerName = Annotated[
    str,
    msgspec.Meta(pattern=r"^([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)$"),
]
"""An address, or a name as the network has it."""


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tls]`: how the doors show themselves."""

    certificate: str = ""
    """PEM file with the operator's own server certificate and what leads to its authority; empty for one that the
    control plane makes itself."""
    key: str = ""
    """PEM file with its key."""
    names: Annotated[tuple[ServerName, ...], msgspec.Meta(max_length=NAMES_MAX)] = ()
    """Names and addresses that others reach the doors by, beside `listen` and this machine's own."""


class NotesConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[notes]`: whose weekly notes they are."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "Release notes"
    address: Annotated[str, msgspec.Meta(pattern=r"^(https?://[A-Za-z0-9.:\[\]-]{1,253})?$")] = ""
    """Where customers reach the doors, e.g. `https://updates.example.net`; the feed's ids are made of it."""


class StatusConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[status]`: whose status pages they are."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "Status"
    address: Annotated[str, msgspec.Meta(pattern=r"^(https?://[A-Za-z0-9.:\[\]-]{1,253})?$")] = ""
    """Where customers reach the doors, e.g. `https://updates.example.net`; the feed's ids are made of it."""


class CiConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[ci]]`: whose pipelines may submit releases by a token that their own CI has signed."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    issuer: Annotated[str, msgspec.Meta(max_length=300)]
    audience: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    claims: Annotated[dict[str, str], msgspec.Meta(max_length=20)]
    algorithms: Annotated[tuple[str, ...], msgspec.Meta(max_length=4)] = ("RS256",)
    ca_file: str = ""


class OidcConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[oidc]`: who says who people are, at the pages."""

    issuer: Annotated[str, msgspec.Meta(max_length=300)]
    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    address: Annotated[str, msgspec.Meta(pattern=r"^https://[A-Za-z0-9.:\[\]-]{1,253}$")]
    """Where people's browsers reach the doors, e.g. `https://updates.example.net`; people are sent back to
    `/login/arrived` there."""
    client_secret_file: str = ""
    """Empty for a public client."""
    scopes: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ("openid",)
    algorithms: Annotated[tuple[str, ...], msgspec.Meta(max_length=4)] = ("RS256",)
    name_claim: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "sub"
    """What the journal calls people by; take one that they cannot change themselves."""
    roles_claim: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "groups"
    roles: Annotated[dict[str, tuple[Role, ...]], msgspec.Meta(max_length=200)] = {}
    """By a value of that claim."""
    account_claim: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """Names a customer's account, of those whom no value gives a role."""
    ca_file: str = ""

    def secret(self) -> str:
        """What the file holds. `RefusedError`."""
        file = self.client_secret_file
        return text_of(file, "[oidc]: client_secret_file").strip() if file else ""

    def known(self, secret: str = "") -> oidc.Known:
        """The same as the adapter wants it."""
        return oidc.Known(
            issuer=self.issuer,
            client_id=self.client_id,
            address=self.address,
            secret=secret,
            scopes=self.scopes,
            algorithms=self.algorithms,
            name_claim=self.name_claim,
            roles_claim=self.roles_claim,
            roles=self.roles,
            account_claim=self.account_claim,
            ca_file=self.ca_file,
        )


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`wavetrain.toml`. Paths are relative to the file's own folder."""

    folder: str = "var"
    """Where the store, the artifacts and the keys are kept."""
    store: str = ""
    """A file, or `postgresql://USER@HOST/DATABASE`; empty for `store.sqlite` in the folder."""
    listen: str = "127.0.0.1:8440"
    tick_s: float = 1.0
    """The longest pause between two ticks; a report or a request starts one at once."""
    jump: bool = False
    """Whether train time jumps when everything waits for it; for demonstrations only."""
    nice: int = 0
    log: Style = "auto"
    disk_free_mb: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 256
    """With less free space for `folder` the control plane says that it is not ready."""
    promise_s: Annotated[float, msgspec.Meta(gt=0, le=3_600)] = 10.0
    """What is promised to customers that a session loses at most by an update; receipts are held against it."""
    alert: tuple[channels.Table, ...] = ()
    """How operators are told."""
    ci: Annotated[tuple[CiConfig, ...], msgspec.Meta(max_length=20)] = ()
    """Whose pipelines may submit releases."""
    oidc: OidcConfig | None = None
    """Who says who people are; without it they log in by a token."""
    tls: TlsConfig = TlsConfig()
    notes: NotesConfig = NotesConfig()
    status: StatusConfig = StatusConfig()
    notices: notice_config.NoticesConfig = notice_config.NoticesConfig()
    """How customers are told."""
    health: sources.Table = sources.ScrapeTable()
    """Where measurements come from."""


def load(file: Path) -> tuple[Config, Path]:
    """The configuration, and the folder it keeps its things in, made where it is missing. Raises as `read` does."""
    config, folder = read(file)
    # Private from the start: keys and tokens are kept in it. One that is there already is its owner's business.
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return config, folder


def read(file: Path) -> tuple[Config, Path]:
    """The configuration, and the folder it names. Raises `RefusedError` with the place, the rule and the way out."""
    try:
        config = msgspec.toml.decode(file.read_bytes(), type=Config)
    except FileNotFoundError:
        raise RefusedError(f'{file} does not exist; write one, e.g.: folder = "var"') from None
    except msgspec.ValidationError as error:
        raise RefusedError(f"{file}: {error}; see docs/configuration.md") from None
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{file} is not TOML: {error}") from None
    except OSError as error:
        raise RefusedError(f"{file} cannot be read: {error.strerror}; name the file with --config") from None
    if not TICK_S_MIN <= config.tick_s <= TICK_S_MAX:
        raise RefusedError(f"{file}: tick_s = {config.tick_s}; give {TICK_S_MIN} to {TICK_S_MAX:g} seconds")
    _check_tls(config, file)
    if config.tls.certificate:
        certificate, key = (str(file.parent / name) for name in (config.tls.certificate, config.tls.key))
        tls = msgspec.structs.replace(config.tls, certificate=certificate, key=key)
        config = msgspec.structs.replace(config, tls=tls)
    ci = tuple(
        msgspec.structs.replace(one, ca_file=str(file.parent / one.ca_file)) if one.ca_file else one
        for one in config.ci
    )
    provider = _beside(config.oidc, file)
    try:
        for one in ci:
            issuer.checked(pinned(one))
        if provider is not None:
            oidc.checked(provider.known())
    except RefusedError as error:
        raise RefusedError(f"{file}: {error}") from None
    alert = channels.checked(config.alert, file)
    health = sources.checked(config.health, file)
    told = notice_config.beside(config.notices, file)
    return msgspec.structs.replace(
        config, alert=alert, health=health, ci=ci, oidc=provider, notices=told
    ), file.parent / config.folder


def pinned(config: CiConfig) -> issuer.Pinned:
    """The same as the adapter wants it."""
    return issuer.Pinned(
        name=config.name,
        issuer=config.issuer,
        audience=config.audience,
        claims=config.claims,
        algorithms=config.algorithms,
        ca_file=config.ca_file,
    )


def place_of(listen: str, file: Path) -> tuple[IPv4Address | IPv6Address, int]:
    """Host and port of `listen`. Raises `RefusedError`."""
    host, _, port = listen.rpartition(":")
    try:
        address, number = ip_address(host.strip("[]")), int(port)
        if not 0 <= number <= PORT_MAX:
            raise ValueError
        return address, number
    except ValueError:
        raise RefusedError(
            f'{file}: listen = "{listen}" is not ADDRESS:PORT; give e.g. "127.0.0.1:8440"'
        ) from None


def server_names(config: Config) -> tuple[str, ...]:
    """What the doors' own certificate names, beside this machine's own names."""
    host = ip_address(config.listen.rpartition(":")[0].strip("[]"))
    return tuple(dict.fromkeys((*([] if host.is_unspecified else [str(host)]), *config.tls.names)))


def door_certificate(config: Config, folder: Path) -> Path:
    """The file with the certificate that the doors show."""
    return folder / (config.tls.certificate or "door.pem")


def _beside(provider: OidcConfig | None, file: Path) -> OidcConfig | None:
    """Its files beside this one."""
    if provider is None:
        return None
    secret, ca_file = (
        str(file.parent / name) if name else "" for name in (provider.client_secret_file, provider.ca_file)
    )
    return msgspec.structs.replace(provider, client_secret_file=secret, ca_file=ca_file)


def _check_tls(config: Config, file: Path) -> None:
    host, _ = place_of(config.listen, file)
    tls = config.tls
    if bool(tls.certificate) != bool(tls.key):
        raise RefusedError(
            f"{file}: [tls] has {'certificate' if tls.certificate else 'key'} alone; give certificate and key, or "
            "neither for a certificate that the control plane makes itself"
        )
    if host.is_unspecified and not tls.certificate and not tls.names:
        raise RefusedError(
            f"{file}: listen = {config.listen} is every address of this machine, and a certificate has to name one; "
            'give e.g. [tls] names = ["wavetrain.example.net"], or listen on one address'
        )


def store_place(config: Config, folder: Path) -> Path | str:
    """Where the store is: a url, or a file, which a relative path names beside the folder's things."""
    if not config.store:
        return folder / "store.sqlite"
    return config.store if is_url(config.store) else folder / config.store
