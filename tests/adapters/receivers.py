"""Receivers: a webhook's receiver and a mail server in the tests' own process, on loopback."""

import contextlib
import datetime
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session
from tests.ports import free_port

from wavetrain.lab.certificates import Authority


class Hook:
    """Answers each POST with the next status, the last one for ever; remembers headers and bodies."""

    def __init__(
        self,
        *statuses: int,
        speak: Callable[["Hook", BaseHTTPRequestHandler], None] | None = None,
        certificates: Path | None = None,
    ) -> None:
        self.statuses = list(statuses or (200,))
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.let_go = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                if speak is not None:
                    with contextlib.suppress(OSError):
                        speak(hook, self)
                    return
                status = hook.statuses.pop(0) if len(hook.statuses) > 1 else hook.statuses[0]
                self.send_response(status)
                if status in (301, 302, 307, 308):
                    self.send_header("Location", hook.url + "/elsewhere?secret=1")
                if status == 503:
                    self.send_header("Retry-After", "120")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Who hangs up leaves broken connections."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.url = f"https://localhost:{self.server.server_address[1]}"

    def __enter__(self) -> "Hook":
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


def drip(hook: Hook, handler: BaseHTTPRequestHandler) -> None:
    """Never silent for long and never done: what a time-out for each wait does not end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not hook.let_go.wait(0.02):
        handler.wfile.write(b"a")
        handler.wfile.flush()


def hang(hook: Hook, handler: BaseHTTPRequestHandler) -> None:
    """Says nothing at all."""
    hook.let_go.wait(20.0)


def flood(hook: Hook, handler: BaseHTTPRequestHandler) -> None:
    """An answer without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not hook.let_go.is_set():
        handler.wfile.write(b"x" * 65_536)


def babble(hook: Hook, handler: BaseHTTPRequestHandler) -> None:
    """No HTTP."""
    handler.wfile.write(b"220 mail.example.net ESMTP\r\n")


class Inbox:
    """What a mail server took, and how it answers: `answers` maps a receiver's address to a refusal."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []
        self.answers: dict[str, str] = {}
        self.data = "250 OK"
        self.sealed: list[bool] = []

    async def handle_RCPT(  # noqa: N802 (the names that aiosmtpd asks for)
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.got.append(envelope)
        self.sealed.append(
            session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None
        )
        return self.data


def login(_: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
    known = (data.login, data.password) == (b"wavetrain", b"open sesame")
    return AuthResult(success=known, handled=False, message=None if known else "535 5.7.8 no")


@contextlib.contextmanager
def mail_server(inbox: Inbox, tls: str, certificates: Path | None) -> Iterator[int]:
    """A server on loopback meanwhile; its port."""
    port = free_port()
    more: dict[str, Any] = {}
    if certificates is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
        if tls == "starttls":
            more = {
                "tls_context": context,
                "require_starttls": True,
                "auth_required": True,
                "authenticator": login,
            }
        else:
            more = {"ssl_context": context}
    controller = Controller(inbox, hostname="127.0.0.1", port=port, ready_timeout=10.0, **more)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def certificates(folder: Path) -> Path:
    """A folder with an authority (`authority.pem`) and a certificate for `localhost`."""
    authority = Authority(datetime.datetime.now(datetime.UTC))
    authority.write(folder)
    authority.issue(folder, "localhost")
    return folder
