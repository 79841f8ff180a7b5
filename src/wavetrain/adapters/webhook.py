"""Webhook: how is an alert, or a notice to a customer, told by HTTP, as Standard Webhooks asks?"""

import base64
import binascii
import hashlib
import hmac
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from urllib.parse import urlsplit

from wavetrain.adapters.time_limit import TimeLimit
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.notice import Alert, Letter, Outcome
from wavetrain.wire.alert_body import letter_of

SECRET_PREFIX = "whsec_"  # noqa: S105
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
SECRETS_MAX = 4
WAIT_S_MAX = 86_400.0
URL_CHARACTERS_MAX = 2_000


Addresses = Callable[[str, int], Sequence[str]]
"""The addresses of a host that may be spoken to. `RefusedError` or `UnreachableError` where there are none."""


class Webhook:
    """Posts letters to one url, signed with each of the secrets, so that a receiver may change to a new one."""

    def __init__(
        self,
        url: str,
        secrets: Sequence[bytes],
        *,
        timeout_s: float,
        trust: ssl.SSLContext | None = None,
        addresses: Addresses | None = None,
    ) -> None:
        """`trust` verifies the receiver's certificate; without it nothing but http to loopback can be spoken to.

        With `addresses` nothing is spoken to but one that this gives for the url's host, at each try anew: between the
        check and the connection no name is looked up again.
        """
        self._url = checked_url(url)
        self._addresses = addresses
        self._secrets = tuple(secrets)
        self._timeout_s = timeout_s
        self._trust = trust

    def deliver(self, alert: Alert, at: float) -> Outcome:
        """Try once to tell an alert."""
        return self.carry(letter_of(alert), at)

    def carry(self, letter: Letter, at: float) -> Outcome:
        """Try once. A status of 200 to 299 is a yes; 410 is a no for ever; the answer's body is not read."""
        line = _Line(self._url, self._timeout_s, self._trust, self._addresses)
        headers = {"Content-Type": letter.media, "User-Agent": "wavetrain", "Connection": "close"}
        headers |= signed_headers(self._secrets, letter.id, int(at), letter.body)
        with TimeLimit(self._timeout_s, lambda: line.sock) as limit:
            try:
                outcome = line.asked(letter.body, headers)
            except (RefusedError, UnreachableError) as error:
                return Outcome(taken=False, text=str(error))
            except (HTTPException, OSError, ValueError) as error:
                if limit.passed or isinstance(error, TimeoutError):
                    return self._too_slow()
                return Outcome(taken=False, text=f"{type(error).__name__}: {error}")
            finally:
                line.close()
        # Where the line was cut, what came until then may look like a whole answer.
        return self._too_slow() if limit.passed else outcome

    def _too_slow(self) -> Outcome:
        return Outcome(taken=False, text=f"no answer within {self._timeout_s:g} s")


class _Line(HTTPConnection):
    """One conversation, with an address that was checked. Neither the environment's proxies nor redirects count."""

    def __init__(
        self, url: str, timeout_s: float, trust: ssl.SSLContext | None, addresses: Addresses | None
    ) -> None:
        parts = urlsplit(url)
        is_sealed = parts.scheme == "https"
        super().__init__(parts.hostname or "", parts.port or (443 if is_sealed else 80), timeout=timeout_s)
        self._netloc = parts.netloc
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._trust = trust if is_sealed else None
        self._is_sealed = is_sealed
        self._addresses = addresses

    def connect(self) -> None:
        """To the first of its addresses: between the check and this no name is looked up again."""
        host = self._addresses(self.host, self.port)[0] if self._addresses is not None else self.host
        self.sock = socket.create_connection((host, self.port), self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._is_sealed:
            if self._trust is None:
                raise RefusedError(f"there is nobody to trust for {self.host}; configure an authority")
            self.sock = self._trust.wrap_socket(self.sock, server_hostname=self.host)

    def asked(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """What a POST comes to."""
        self.putrequest("POST", self._path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": self._netloc, "Content-Length": str(len(body)), **headers}.items():
            self.putheader(name, value)
        self.endheaders(body)
        with self.getresponse() as answer:
            return _outcome(answer.status, answer.reason, answer.getheader("Retry-After", ""))


def signed_headers(secrets: Sequence[bytes], message: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks 1.0: `v1` is HMAC-SHA256 over `id.timestamp.body`, one per secret."""
    content = b".".join((message.encode(), str(at).encode(), body))
    signatures = [
        base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode() for secret in secrets
    ]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def secrets_of(text: str, place: str) -> tuple[bytes, ...]:
    """The secrets of a file, one on a line. `RefusedError` names the place and the line, and never a secret."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 0 < len(lines) <= SECRETS_MAX:
        raise RefusedError(
            f"{place} has {len(lines)} secrets; write 1 to {SECRETS_MAX}, one on a line, the newest first"
        )
    return tuple(_secret(line, f"{place}, line {number}") for number, line in enumerate(lines, 1))


def _secret(line: str, place: str) -> bytes:
    way_out = f"make one: echo {SECRET_PREFIX}$(openssl rand -base64 32)"
    if not line.startswith(SECRET_PREFIX):
        raise RefusedError(f"{place} does not begin with {SECRET_PREFIX}; {way_out}")
    try:
        secret = base64.b64decode(line.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise RefusedError(f"{place} is not Base64 after {SECRET_PREFIX}; {way_out}") from None
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise RefusedError(
            f"{place} has {len(secret)} bytes; it takes {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}; {way_out}"
        )
    return secret


def checked_url(url: str) -> str:
    """The url, if it may be spoken to. A url may hold a secret itself, so refusals name its host alone."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise RefusedError("its url cannot be read; give one like https://HOST/PATH") from None
    if not host or len(url) > URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise RefusedError(
            f"its url cannot be used; give one like https://HOST/PATH of at most {URL_CHARACTERS_MAX} characters"
        )
    if parts.username is not None or parts.fragment:
        raise RefusedError(f"its url to {host} has a user or a fragment; leave them out")
    if parts.scheme == "http" and not is_loopback(host):
        raise RefusedError(
            f"its url to {host} is plain http; use https: only loopback may be spoken to in plain"
        )
    if parts.scheme not in ("http", "https"):
        raise RefusedError(f"its url to {host} is not https; give one like https://HOST/PATH")
    return url


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its very name."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _outcome(status: int, reason: str, retry_after: str) -> Outcome:
    text = f"{status} {reason}".strip()
    if 200 <= status < 300:
        return Outcome(taken=True, text=text)
    if 300 <= status < 400:
        return Outcome(taken=False, text=f"{text}; redirects are not followed: name the last url")
    if status == HTTPStatus.GONE:
        return Outcome(taken=False, text=text, gone=True)
    return Outcome(taken=False, text=text, wait_s=_wait_s(retry_after))


def _wait_s(text: str) -> float:
    """`Retry-After` in seconds; as a date, which is rare, it is not read."""
    return min(float(text), WAIT_S_MAX) if text.isascii() and text.isdecimal() and len(text) < 10 else 0.0
