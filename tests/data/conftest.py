"""A small file server on this computer that can be slow-witted: no ranges, broken connections, errors."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from course.data import download


@dataclass
class Server:
    """What it serves, how it misbehaves, and which requests it saw: (path, Range header)."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    shift: int = 0  # sends pieces that begin so many bytes off
    lengths: bool = True  # says how long the answer is
    cuts: list[int] = field(default_factory=list)  # answer by answer: break the connection after so many bytes
    errors: list[int] = field(default_factory=list)  # answer by answer: this status instead, 0 for none
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    def put(self, name: str, content: bytes) -> str:
        self.files[f"/{name}"] = content
        return f"{self.url}/{name}"


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_) -> None: ...

        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            server.seen.append((self.path, wanted))
            error = server.errors.pop(0) if server.errors else 0
            content = server.files.get(self.path)
            if error or content is None:
                self.send_error(error or 404)
                return
            first = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and server.ranges else 0
            if first and first >= len(content):
                self.send_error(416)
            else:
                self.answer(content, max(0, first - server.shift) if first else 0, bool(first))

        def answer(self, content: bytes, first: int, partial: bool) -> None:
            self.send_response(206 if partial else 200)
            if partial:
                self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
            if server.lengths:
                self.send_header("Content-Length", str(len(content) - first))
            self.end_headers()
            end = first + server.cuts.pop(0) if server.cuts else len(content)
            self.wfile.write(content[first:end])
            self.close_connection = True

    return Handler


@pytest.fixture
def server(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(download, "TIMEOUT", 10.0)
    mine = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(mine))
    mine.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield mine
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def nowhere(monkeypatch):
    """An address at which nobody answers."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as http:
        port = http.server_port
    return f"http://127.0.0.1:{port}"
