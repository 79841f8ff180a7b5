"""Doctor, door: does a control plane answer where the configuration says, or could one be started there?"""

import errno
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from wavetrain.wiring import handover
from wavetrain.wiring.config import Config, door_certificate
from wavetrain.wiring.findings import Finding, Installation, failed, warned, well

AUTHORITY = "authority.pem"
ANSWER_S = 3.0
BODY_BYTES_MAX = 64 * 1024


def door(of: Installation) -> Iterator[Finding]:
    """The port is free, or a control plane that is ready holds it."""
    trouble = _taken(of.config.listen)
    if trouble is None:
        yield well("door", f"{of.config.listen} is free; no control plane runs here")
        return
    if trouble != errno.EADDRINUSE:
        yield failed(
            "door",
            f"{of.config.listen}: {errno.errorcode.get(trouble, trouble)}",
            "this machine has the address of `listen`, and this user may listen on its port",
            "correct listen; ports below 1024 take a privilege",
        )
        return
    url = door_of(of.config)
    try:
        answer = asked_ready(of.config, of.folder)
    except (httpx.HTTPError, OSError, ValueError) as error:
        yield failed(
            "door",
            f"{url}/readyz: {error or type(error).__name__}",
            "what holds the port of `listen` is this control plane, and answers",
            "end what listens there, or change listen; if it is the control plane, see its log",
        )
        return
    yield _judged(url, answer)


def take_over(of: Installation) -> Iterator[Finding]:
    """The next release could take over from the one that runs."""
    if not (of.folder / handover.SOCKET).exists() or _taken(of.config.listen) != errno.EADDRINUSE:
        yield well("take-over", "no control plane runs here that anything could be taken over from")
        return
    predecessor = handover.find(of.folder)
    if predecessor is None:
        yield warned(
            "take-over",
            f"the control plane that runs does not answer at {handover.SOCKET} in its folder",
            "the next release can take over from it",
            "stop it before the next one is started; see docs/updating.md",
        )
        return
    predecessor.close()
    yield well("take-over", "the next release can take over: wavetrain up --take-over")


def door_of(config: Config) -> str:
    """Where the control plane of this configuration is asked from its own machine."""
    return f"https://{_reachable(config.listen)}"


def asked_ready(config: Config, folder: Path) -> httpx.Response:
    """What /readyz answers. Raises as `asked` does."""
    return asked(f"{door_of(config)}/readyz", *vouching(config, folder), own=bool(config.tls.certificate))


def vouching(config: Config, folder: Path) -> list[Path]:
    """Whom a control plane on this machine is believed by: its authority, and the certificate that it was given."""
    files = [folder / AUTHORITY, door_certificate(config, folder)]
    return [file for file in files if file.is_file()]


def asked(url: str, *vouching: Path, own: bool = False) -> httpx.Response:
    """One GET, of a server whose certificate these files vouch for. `httpx.HTTPError`, `OSError`, `ValueError`.

    `own`: one of the files holds the very certificate, and it need not name the address that is asked.
    """
    trusted = ssl.create_default_context(cafile=vouching[0] if vouching else None)
    for more in vouching[1:]:
        trusted.load_verify_locations(more)
    if own:
        trusted.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        trusted.check_hostname = False
    with httpx.Client(verify=trusted, timeout=ANSWER_S, trust_env=False) as client:
        answer = client.get(url)
    if len(answer.content) > BODY_BYTES_MAX:
        raise ValueError(f"answered with more than {BODY_BYTES_MAX} bytes")
    return answer


def _judged(url: str, answer: httpx.Response) -> Finding:
    try:
        said: Any = answer.json()
        bad = [f"{item['name']}: {item['text']}" for item in said["checks"] if not item["ok"]]
    except (ValueError, KeyError, TypeError):
        return failed(
            "door",
            f"{url} answered {answer.status_code}, and not as a control plane does",
            "what holds the port of `listen` is a control plane of this version",
            "end what listens there, or change listen",
        )
    if answer.status_code == httpx.codes.OK:
        return well("door", f"a control plane at {url} is ready")
    return failed(
        "door",
        f"the control plane at {url} is not ready: {'; '.join(bad)}",
        "/readyz answers 200",
        "see its log",
    )


def _taken(listen: str) -> int | None:
    """Why nothing could listen there now; None when something could."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind((host, int(port)))
            trying.listen(1)
        except OSError as error:
            return error.errno or errno.EINVAL
    return None


def _reachable(listen: str) -> str:
    """Where to ask what listens everywhere."""
    host, _, port = listen.rpartition(":")
    address = ipaddress.ip_address(host.strip("[]"))
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "[::1]"
    return f"{host}:{port}"
