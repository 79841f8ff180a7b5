"""Webhook: how is an alert, or a notice to a customer, told by HTTP, as Standard Webhooks asks?"""

import base64
import binascii
import hashlib
import hmac
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

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
        headers = {"Content-Type": letter.media, "User-Agent": "wavetrain", "Connection": "close"}
        headers |= signed_headers(self._secrets, letter.id, int(at), letter.body)
        lines: list[socket.socket] = []

        def trace(event: str, told: Mapping[str, Any]) -> None:
            if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
                lines.append(told["return_value"].get_extra_info("socket"))

        with TimeLimit(self._timeout_s, lambda: lines[-1] if lines else None) as limit:
            try:
                return self._asked(letter.body, headers, {"trace": trace})
            except (RefusedError, UnreachableError) as error:
                return Outcome(taken=False, text=str(error))
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
                if limit.passed or isinstance(error, httpx.TimeoutException):
                    return Outcome(taken=False, text=f"no answer within {self._timeout_s:g} s")
                return Outcome(taken=False, text=f"{type(error).__name__}: {error}")

    def _asked(self, body: bytes, headers: dict[str, str], extensions: dict[str, Any]) -> Outcome:
        # A client for each try: alerts are rare, and a connection that was kept may be long dead.
        verify = self._trust if self._trust is not None else False
        url = httpx.URL(self._url)
        if self._addresses is not None:
            port = url.port or (443 if url.scheme == "https" else 80)
            headers = {**headers, "Host": url.netloc.decode("ascii")}
            extensions = {**extensions, "sni_hostname": url.host}
            url = url.copy_with(host=self._addresses(url.host, port)[0])
        with (
            httpx.Client(
                timeout=self._timeout_s, trust_env=False, follow_redirects=False, verify=verify
            ) as client,
            client.stream("POST", url, content=body, headers=headers, extensions=extensions) as answer,
        ):
            return _outcome(answer)


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


def _outcome(answer: httpx.Response) -> Outcome:
    status = answer.status_code
    text = f"{status} {answer.reason_phrase}".strip()
    if answer.is_success:
        return Outcome(taken=True, text=text)
    if answer.is_redirect:
        return Outcome(taken=False, text=f"{text}; redirects are not followed: name the last url")
    if status == httpx.codes.GONE:
        return Outcome(taken=False, text=text, gone=True)
    return Outcome(taken=False, text=text, wait_s=_wait_s(answer.headers.get("retry-after", "")))


def _wait_s(text: str) -> float:
    """`Retry-After` in seconds; as a date, which is rare, it is not read."""
    return min(float(text), WAIT_S_MAX) if text.isascii() and text.isdecimal() and len(text) < 10 else 0.0
