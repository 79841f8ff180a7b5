"""Desk: which control plane does a command ask, and how are the answer or the refusal shown?"""

import contextlib
import functools
import inspect
import os
import shutil
import signal
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavetrain.errors import LockedError, RefusedError, StaleError, UnreachableError, WavetrainError

if TYPE_CHECKING:
    from rich.console import Console

    from wavetrain.cli.client import Client

CONFIG = "wavetrain.toml"
TEXT_BYTES_MAX = 16 * 1024 * 1024
REFUSED, UNREACHABLE, OTHERWISE = 1, 3, 4
"""Exit codes beside 0 and 2 (usage): the request was refused; nobody answered; a watched rollout ended otherwise."""

_ASKED = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 (nothing is bound here)
"""Where to ask what listens everywhere."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Url = Annotated[str | None, typer.Option("--url", envvar="WAVETRAIN_URL", help="The control plane.")]
Secret = Annotated[
    str | None, typer.Option("--token", envvar="WAVETRAIN_TOKEN", help="The token to speak with.")
]
Ca = Annotated[
    Path | None,
    typer.Option("--ca", envvar="WAVETRAIN_CA", help="Its authority.pem; without: the system's authorities."),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a few words; the journal keeps it.")]


class Desk:
    """What one command has at hand."""

    def __init__(self, as_json: bool, url: str | None, token: str | None, ca: Path | None = None) -> None:
        self.as_json = as_json
        self._url, self._token, self._ca = url, token, ca
        self._client: Client | None = None

    @property
    def client(self) -> "Client":
        """The control plane's operators' door, found at first use."""
        if self._client is None:
            from wavetrain.cli.client import Client

            url, token, ca = _found(self._url, self._token, self._ca)
            if not url:
                raise RefusedError(
                    f"no control plane is named; give --url, set WAVETRAIN_URL, or go to a folder with a {CONFIG}"
                )
            self._client = Client(url, token, ca)
        return self._client

    @property
    def is_configured(self) -> bool:
        """Whether a control plane is named anywhere."""
        return bool(_found(self._url, self._token, self._ca)[0])

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()

    @property
    def console(self) -> "Console":
        """Where plain output goes."""
        from rich.console import Console

        return Console(highlight=False, soft_wrap=not sys.stdout.isatty())

    def say(self, answer: object, text: str) -> None:
        """The answer as JSON, or one line for people."""
        if self.as_json:
            self.json(answer)
        else:
            typer.echo(text)

    def table(self, answer: object, heads: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
        """The answer as JSON, or a table for people."""
        if self.as_json:
            self.json(answer)
            return
        from wavetrain.cli.table import lines

        listed = [[str(cell) for cell in row] for row in rows]
        if not listed:
            typer.echo(empty)
            return
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in lines([head.upper() for head in heads], listed, columns):
            typer.echo(line)

    def json(self, answer: object) -> None:
        """One JSON document."""
        import json

        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--json`, `--url`, `--token` and `--ca`, a desk as its first argument, and exit codes."""

    @functools.wraps(function)
    def run(*, as_json: bool, url: str | None, secret: str | None, ca: Path | None, **own: Any) -> None:
        desk = Desk(as_json, url, secret, ca)
        with exit_codes():
            try:
                function(desk, **own)
            finally:
                desk.close()

    signature = inspect.signature(function)
    _, *own = signature.parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    more = [
        inspect.Parameter("as_json", keyword, default=False, annotation=Json),
        inspect.Parameter("url", keyword, default=None, annotation=Url),
        inspect.Parameter("secret", keyword, default=None, annotation=Secret),
        inspect.Parameter("ca", keyword, default=None, annotation=Ca),
    ]
    parameters = [*(parameter.replace(kind=keyword) for parameter in own), *more]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__
    return run


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """Say an error on stderr as `error: ...` and end with its exit code."""
    try:
        yield
    except WavetrainError as error:
        typer.echo(f"error: {error}", err=True)
        match error:
            case UnreachableError() | LockedError():
                code = UNREACHABLE
            case StaleError() | _:
                code = REFUSED
        raise typer.Exit(code) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def end_when_told() -> None:
    """From now on SIGINT and SIGTERM both raise `KeyboardInterrupt`.

    A script's shell has SIGINT ignored in what it starts in the background, and whoever sends it there means it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def text_of(file: Path) -> str:
    """A file's text, or `RefusedError` with the way out."""
    try:
        if file.stat().st_size > TEXT_BYTES_MAX:
            raise RefusedError(f"{file} is larger than {TEXT_BYTES_MAX} bytes; name a smaller file")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"{file} cannot be read: {error.strerror}; name a file that can") from None
    except UnicodeDecodeError:
        raise RefusedError(f"{file} is not UTF-8 text; save it as UTF-8") from None


def instant(option: str, text: str) -> str:
    """The ISO 8601 instant that an option gives, in UTC. Raises RefusedError with the option's name."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(
            f"{option} {text} is no time; give one like 2026-12-20T00:00 or 2026-12-20T00:00+01:00"
        ) from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _found(url: str | None, token: str | None, ca: Path | None) -> tuple[str, str, Path | None]:
    """What was given, completed from the control plane's own configuration in this folder."""
    if url and token and ca:
        return url, token, ca
    own, folder, authority = _configured()
    url = url or own
    if own and url.rstrip("/") == own:
        secret = Path(folder, "admin.token")
        if not token and os.access(secret, os.R_OK):
            token = secret.read_text().strip()
        if ca is None and authority is not None and authority.is_file():
            ca = authority
    return url, token or "", ca


def _configured() -> tuple[str, str, Path | None]:
    """The control plane of the `wavetrain.toml` here: its url, its folder, its own authority unless it has another.

    Empty when there is none.
    """
    if not Path(CONFIG).is_file():
        return "", "", None
    try:
        values = tomllib.loads(text_of(Path(CONFIG)))
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{CONFIG} is not TOML: {error}; correct that line") from None
    host, _, port = str(values.get("listen", "127.0.0.1:8440")).rpartition(":")
    host = _ASKED.get(host, host)
    folder = str(values.get("folder", "var"))
    tls = values.get("tls", {})
    is_own = not (isinstance(tls, dict) and tls.get("certificate"))
    return f"https://{host}:{port}", folder, Path(folder, "authority.pem") if is_own else None
