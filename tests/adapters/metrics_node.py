"""Metrics node: a node's /metrics over real HTTP, with faults on demand."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Node:
    """Counts what it is told to, and answers as badly as it is told to."""

    def __init__(self) -> None:
        self.ops, self.bad, self.release, self.started = 100.0, 1.0, "1.0", 5.0
        self.status, self.garbage = 200, False
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = b"}{ not metrics" if node.garbage else node.text().encode()
                self.send_response(node.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def text(self) -> str:
        label = f'{{node="n1",release="{self.release}"}}'
        return (
            f"# TYPE operations_total counter\noperations_total{label} {self.ops}\n"
            f"# TYPE failures_total counter\nfailures_total{label} {self.bad}\n"
            f"# TYPE held gauge\nheld{label} 31\n"
            f"# TYPE node_start_time_seconds gauge\nnode_start_time_seconds {self.started}\n"
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/metrics"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
