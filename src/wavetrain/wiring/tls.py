"""TLS: with which certificate do the doors show themselves, and whom do they ask for one?"""

import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from wavetrain.adapters.authority import OwnAuthority
from wavetrain.errors import UnreachableError, WavetrainError

Pair = tuple[Path, Path]
"""A certificate with what leads to its authority, and its key: two files in PEM."""


class Tls:
    """The context of the one listener, kept fresh while it serves.

    Everybody may connect; who shows a client certificate must show one of the own authority's that has not expired,
    or the handshake ends.
    """

    def __init__(
        self,
        authority: OwnAuthority,
        pair: Callable[[datetime], Pair],
        now: Callable[[], datetime],
        say: Callable[..., None] = lambda *_, **__: None,
    ) -> None:
        """`pair` says which files to show at a time, and makes them where they are its own."""
        self._pair, self._now, self._say = pair, now, say
        self.context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=authority.chain())
        # A connection that is taken up again would bring the certificate that was good when it began.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.num_tickets = 0
        self._shown = self._load()

    def refresh(self) -> None:
        """Show the certificate that the files hold now, to whoever connects from now on; else go on with the old."""
        try:
            if _content(self._pair(self._now())) != self._shown:
                self._shown = self._load()
                self._say("certificate", text="the doors show a new certificate")
        except WavetrainError as error:
            self._say("certificate failed", error=str(error))

    def _load(self) -> bytes:
        pair = self._pair(self._now())
        content = _content(pair)
        # First where it can do no harm: a context that was given a certificate without its key shows none any more.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
            try:
                context.load_cert_chain(*pair, password=_no_password)
            except (OSError, ValueError) as error:
                raise UnreachableError(
                    f"{pair[0]} and {pair[1]} are no certificate with its key ({error}); give a PEM file with the "
                    "certificate and those that lead to its authority, and its key without a password"
                ) from error
        return content


def own_pair(authority: OwnAuthority, folder: Path, names: Sequence[str]) -> Callable[[datetime], Pair]:
    """A certificate of the own authority, made anew in time."""
    return lambda now: authority.door(folder, names, now)


def given_pair(certificate: Path, key: Path) -> Callable[[datetime], Pair]:
    """The operator's own files, whenever they change."""
    return lambda _: (certificate, key)


def _content(pair: Pair) -> bytes:
    try:
        return b"".join(file.read_bytes() for file in pair)
    except OSError as error:
        raise UnreachableError(
            f"cannot read {error.filename}: {error.strerror}; correct [tls] in wavetrain.toml, or the file's rights"
        ) from error


def _no_password() -> str:
    """Else OpenSSL would ask the terminal for it."""
    raise ValueError("the key has a password")
