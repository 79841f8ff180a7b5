"""Client: how does a command speak to the control plane's doors?"""

import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from wavetrain.errors import (
    ForbiddenError,
    LockedError,
    RefusedError,
    StaleError,
    TransitionError,
    UnknownError,
    UnreachableError,
    WavetrainError,
)

TIMEOUT_S = 60.0
UPLOAD_S = 900.0
CHUNK_BYTES = 1024 * 1024
PATIENCE, WAIT_S_MAX = 3, 5.0
"""How often a door that is asked too often is asked again, and after how long at the most."""
KINDS: dict[str, type[WavetrainError]] = {
    "refused": RefusedError,
    "forbidden": ForbiddenError,
    "unauthenticated": ForbiddenError,
    "unknown": UnknownError,
    "transition": TransitionError,
    "stale": StaleError,
    "locked": LockedError,
    "unreachable": UnreachableError,
    "internal": UnreachableError,
}


class Client:
    """One caller at the operators' door. Every refusal is raised as the error that the use case raised."""

    def __init__(self, url: str, token: str, ca: Path | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """`ca` holds the authorities that the door's certificate is believed by; without: those of the system."""
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise RefusedError(f"the control plane's url is `{url}`; give one like https://HOST:PORT")
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=self._url, headers=headers, timeout=timeout_s, trust_env=False, verify=_trusting(ca)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the doors are, without a slash at the end."""
        return self._url

    def get(self, path: str, **params: str | int) -> Any:
        """Read; the answer's JSON."""
        return self._ask("GET", path, params=params)

    def text(self, path: str) -> str:
        """Read what is no JSON."""
        return str(self._ask("GET", path, read=lambda answer: answer.text))

    def post(self, path: str, body: object) -> Any:
        """Send a JSON body; the answer's JSON."""
        return self._ask("POST", path, json=body)

    def tagged(self, path: str) -> tuple[Any, str]:
        """Read what is changed by `put`; the answer's JSON, and the tag of what was read."""
        found: tuple[Any, str] = self._ask(
            "GET", path, read=lambda answer: (answer.json(), answer.headers.get("ETag", ""))
        )
        return found

    def put(self, path: str, body: object, tag: str) -> Any:
        """Change what was read under this tag; `StaleError` where somebody else has changed it since."""
        return self._ask("PUT", path, json=body, headers={"If-Match": tag})

    def delete(self, path: str) -> Any:
        """Take away what the path names."""
        return self._ask("DELETE", path)

    def upload(self, digest: str, file: Path) -> Any:
        """Send an artifact's bytes, a piece at a time."""
        headers = {"Content-Length": str(file.stat().st_size), "Content-Type": "application/octet-stream"}
        path = f"/v1/artifacts/{digest}"
        return self._ask("PUT", path, content=_pieces(file), headers=headers, timeout=UPLOAD_S)

    def send(self, path: str, pieces: Iterator[bytes]) -> Any:
        """Send bytes as they come; the answer's JSON."""
        headers = {"Content-Type": "application/octet-stream"}
        return self._ask("POST", path, content=pieces, headers=headers, timeout=UPLOAD_S)

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()

    def _ask(
        self, method: str, path: str, read: Callable[[httpx.Response], Any] | None = None, **more: Any
    ) -> Any:
        """What a good answer says: its JSON, or what `read` makes of it."""
        try:
            answer = self._patiently(method, path, **more)
            if read is not None and answer.is_success:
                return read(answer)
            said = answer.json() if answer.content else None
        except httpx.HTTPError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise UnreachableError(_not_believed(self._url, error)) from None
            raise UnreachableError(
                f"the control plane at {self._url} does not answer ({error or type(error).__name__}); "
                "see that it runs, or give another --url"
            ) from None
        except (ValueError, RecursionError):
            raise UnreachableError(
                f"{self._url} answered {answer.status_code} without JSON; is that a control plane?"
            ) from None
        if answer.is_success:
            return said
        text, kind = f"{method} {path} failed with {answer.status_code}", ""
        if isinstance(said, dict):
            text, kind = str(said.get("error", text)), str(said.get("kind", ""))
        raise KINDS.get(kind, RefusedError)(text)

    def _patiently(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer; one that says "too often" is taken for an answer only when asking again did not help."""
        tries = 0 if "content" in more else PATIENCE  # a body that is read once cannot be sent again
        while True:
            answer = self._http.request(method, path, **more)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or tries == 0:
                return answer
            tries -= 1
            said = answer.headers.get("Retry-After", "")
            time.sleep(min(float(said) if said.isdecimal() else 1.0, WAIT_S_MAX))


def at(*parts: str) -> str:
    """The path of a thing at the door, each part quoted."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _trusting(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise RefusedError(
            f"the authorities in {ca} cannot be used ({error.strerror or error}); "
            "give the control plane's authority.pem with --ca or WAVETRAIN_CA"
        ) from None


def _not_believed(url: str, error: Exception) -> str:
    """Certificates are refused for two reasons, with another way out each."""
    why = str(error).partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or str(error)
    if "mismatch" in why or "not valid for" in why:
        return (
            f"{url}: {why}; name it as its certificate does, or add the name to [tls] names in wavetrain.toml"
        )
    return (
        f"the certificate of {url} is not believed ({why}); give the control plane's authority.pem, which lies in "
        "its folder, with --ca FILE or WAVETRAIN_CA"
    )


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(CHUNK_BYTES):
            yield piece
