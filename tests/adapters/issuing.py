"""An issuer of tokens in the tests' own process: real HTTPS, own keys."""

import base64
import contextlib
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

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
        self.codes: dict[str, dict[str, str]] = {}
        self.signs: Callable[[str, str], str] = lambda nonce, client: self.token(aud=client, nonce=nonce)
        """What it signs for who comes back with a code: of the nonce, and of the client's id."""

    def consent(self, address: str) -> dict[str, str]:
        """A person lets themselves be known at an address of ours; the parameters that they are sent back with."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, bytes]:
        """The token endpoint: each code counts once, with the verifier, and for who asked."""
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(challenge).decode().rstrip("=")
        client = (
            form.get("client_id")
            or base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")[0]
        )
        if (
            asked is None
            or asked["code_challenge"] != proof
            or asked["redirect_uri"] != form.get("redirect_uri")
            or asked["client_id"] != client
        ):
            return 400, b'{"error":"invalid_grant"}'
        token = self.signs(asked["nonce"], client)
        return 200, json.dumps({"access_token": "x", "token_type": "Bearer", "id_token": token}).encode()

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

    def by_secret(self, secret: bytes, **claims: Any) -> str:
        """Signed as if this were a secret that both share."""
        body = self.token(**claims).split(".")[1]
        head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').rstrip(b"=").decode()
        seal = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
        return f"{head}.{body}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            told = {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
            } | self.says
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

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, said = idp.redeem(dict(parse_qsl(body)), self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

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
