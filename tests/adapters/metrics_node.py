"""Metrics node: a node's /metrics over real HTTP, with faults on demand."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.adapters import protobuf_metrics as protobuf


class Node:
    """Counts what it is told to, and answers as badly as it is told to."""

    def __init__(self, *, native: bool = False) -> None:
        self.native = native
        self.reset()
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = b"}{ not metrics" if node.garbage else node.body()
                self.send_response(node.status)
                if node.native:
                    self.send_header("Content-Type", protobuf.CONTENT_TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def reset(self) -> None:
        """As it was made."""
        self.ops, self.bad, self.release, self.started = 100.0, 1.0, "1.0", 5.0
        self.status, self.garbage, self.more = 200, False, ""
        self.fast, self.slow, self.level, self.busy_s = 10, 2, 0.25, 40.0
        """Operations that took at most, or longer than, half a second; a gauge; a gauge that grows."""

    def body(self) -> bytes:
        return self.protobuf() if self.native else self.text().encode()

    def text(self) -> str:
        label = f'{{node="n1",release="{self.release}"}}'
        both = self.fast + self.slow
        return (
            f"# TYPE operations_total counter\noperations_total{label} {self.ops}\n"
            f"# TYPE failures_total counter\nfailures_total{label} {self.bad}\n"
            f"# TYPE held gauge\nheld{label} 31\n"
            f"# TYPE share gauge\nshare{label} {self.level}\n"
            f"# TYPE busy_seconds_total counter\nbusy_seconds_total{label} {self.busy_s}\n"
            "# TYPE took_seconds histogram\n"
            f'took_seconds_bucket{{release="{self.release}",le="0.5"}} {self.fast}\n'
            f'took_seconds_bucket{{release="{self.release}",le="+Inf"}} {both}\n'
            f"took_seconds_sum{label} {both}\ntook_seconds_count{label} {both}\n"
            f"# TYPE node_start_time_seconds gauge\nnode_start_time_seconds {self.started}\n{self.more}"
        )

    def protobuf(self) -> bytes:
        """Its histogram in the native form: `fast` in (0.25, 0.5], `slow` in (0.5, 1]."""
        labels = {"node": "n1", "release": self.release}
        return (
            protobuf.plain("operations_total", protobuf.COUNTER, labels, self.ops)
            + protobuf.plain("held", protobuf.GAUGE, labels, 31.0)
            + protobuf.native("took_seconds", labels, 0, -1, [self.fast, self.slow], 1.0)
            + protobuf.plain("node_start_time_seconds", protobuf.GAUGE, {}, self.started)
        )

    @property
    def url(self) -> str:
        return f"http://{self.address}/metrics"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
