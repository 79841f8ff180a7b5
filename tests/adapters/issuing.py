"""An issuer of tokens in the tests' own process: real HTTPS, own keys."""

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from tests.adapters.receivers import certificates

AUDIENCE = "wavetrain"


class Idp:
    """Keys by name; what it says of itself can be bent."""

    def __init__(self, ca_file: Path) -> None:
        self.ca_file = ca_file
        self.url = ""
        self.keys: dict[str, Any] = {"k1": RSAKey.generate_key(2048, {"kid": "k1"}, private=True)}
        self.says: dict[str, Any] = {}
        self.status = 200
        self.asked: list[str] = []

    def rotate(self, name: str) -> None:
        self.keys = {name: ECKey.generate_key("P-256", {"kid": name}, private=True)}

    def token(self, kid: str = "k1", key: Any = None, alg: str = "RS256", **claims: Any) -> str:
        now = int(time.time())
        made = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "repo:example/edge:ref:refs/heads/main",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "repository_id": "4711",
            "ref": "refs/heads/main",
            "run_id": "815",
            "sha": "0123456789abcdef",
        }
        made = {name: value for name, value in (made | claims).items() if value is not None}
        return jwt.encode({"alg": alg, "kid": kid}, made, key or self.keys[kid], algorithms=[alg])

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            told = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.says
        else:
            told = {"keys": [key.as_dict(private=False) | {"use": "sig"} for key in self.keys.values()]}
        return self.status, json.dumps(told).encode()


@contextlib.contextmanager
def issuing(folder: Path) -> Iterator[Idp]:
    """An issuer on loopback, believed by the folder's authority."""
    made = certificates(folder)
    idp = Idp(made / "authority.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = idp.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made / "cert.pem", made / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    idp.url = f"https://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield idp
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)
