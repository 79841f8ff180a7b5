"""Answering source: something on loopback that answers as Prometheus' API does, or as badly as it is told to."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

Row = tuple[Mapping[str, str], Sequence[tuple[float, str]]]
Answer = tuple[int, bytes]


def told(data: Any, **more: Any) -> Answer:
    return 200, json.dumps({"status": "success", "data": data, **more}).encode()


def matrix(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "resultType": "matrix",
        "result": [
            {"metric": dict(labels), "values": [list(pair) for pair in values]} for labels, values in rows
        ],
    }


class AnsweringSource:
    """Has one node, `n1`, scraped every 0.1 s, that counts ten operations in that time."""

    STEP_S = 0.1

    def __init__(self, certificates: Path | None = None) -> None:
        """`certificates` is a folder as `receivers.certificates` makes it; without one it speaks plainly."""
        self.forms: list[dict[str, str]] = []
        self.headers: list[Mapping[str, str]] = []
        self.ahead_s = 0.0
        self.delay_s = 0.0
        self.clock: Callable[[], Answer] = self.hour
        self.rows: Callable[[float], Sequence[Row]] = self.samples
        self.data: Callable[[float], Answer] = lambda at: told(matrix(self.rows(at)))
        self.release = "1.0"
        self.began = time.time() - 60.0
        source = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = {key: values[0] for key, values in parse_qs(self.rfile.read(length).decode()).items()}
                source.forms.append(form)
                source.headers.append(dict(self.headers.items()))
                time.sleep(source.delay_s)
                is_clock = form["query"] == "time()"
                status, body = source.clock() if is_clock else source.data(float(form["time"]))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "http"
        if certificates is not None:
            self.scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.server.server_address[1]}"

    def now(self) -> float:
        return time.time() + self.ahead_s

    def hour(self) -> Answer:
        now = self.now()
        return told({"resultType": "scalar", "result": [now, str(now)]})

    def instants(self, at: float) -> list[float]:
        """When the node was scraped lately, as of an instant; never in the future of its clock."""
        last = int(min(at, self.now()) / self.STEP_S)
        return [round(number * self.STEP_S, 3) for number in range(last - 40, last + 1)]

    def samples(self, at: float) -> Sequence[Row]:
        labels = {"node": "n1", "release": self.release, "job": "nodes", "instance": "h:1"}
        counted = [(instant, str(round((instant - self.began) * 100))) for instant in self.instants(at)]
        held = [(instant, "31") for instant in self.instants(at)]
        return [
            ({**labels, "__name__": "operations_total"}, counted),
            ({**labels, "__name__": "held"}, held),
        ]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
