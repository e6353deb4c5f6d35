"""A web server on this machine that behaves as badly as a test asks."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What is served, by path; how often it was asked for; how many at a time."""

    url: str = ""
    pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, path: str, data: bytes, kind: str = "image/png", after_s: float = 0) -> str:
        """Serve some bytes; return their url."""

        def page(request: BaseHTTPRequestHandler) -> None:
            time.sleep(after_s)
            answer(request, 200, data, {"Content-Type": kind})

        self.pages[path] = page
        return self.url + path

    def fail(self, path: str, *statuses: int, headers: dict[str, str] | None = None) -> str:
        """Answer a path with each status in turn, then go on as before."""
        left, then = list(statuses), self.pages.get(path)

        def page(request: BaseHTTPRequestHandler) -> None:
            with self.lock:
                status = left.pop(0) if left else 0
            if status:
                answer(request, status, b"no", headers or {})
            elif then is not None:
                then(request)

        self.pages[path] = page
        return self.url + path


def answer(
    request: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str]
) -> None:
    """Send one whole answer."""
    request.send_response(status)
    for name, value in {"Content-Length": str(len(data)), **headers}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(data)


@contextmanager
def site() -> Iterator[Site]:
    """Serve on a port of this machine until the end of the block."""
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with served.lock:
                served.asked[self.path] += 1
                served.times.append(time.monotonic())
                served.under_way += 1
                served.most = max(served.most, served.under_way)
            try:
                page = served.pages.get(self.path)
                if page is None:
                    answer(self, 404, b"nothing here", {})
                else:
                    page(self)
            except (BrokenPipeError, ConnectionResetError):
                pass  # whoever asked has had enough
            finally:
                with served.lock:
                    served.under_way -= 1

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
