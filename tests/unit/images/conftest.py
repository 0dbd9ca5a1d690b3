# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server on the loopback interface that can be as bad as servers are, and an image store of the test's own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils import _paths


class Publisher:
    """Files by path, and how they are served. ``requests`` notes (path, Range header or None)."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.etag: str | None = '"v1"'
        self.cuts: list[int] = []  # the next answers break off after so many bytes
        self.status: list[int] = []  # the next answers are these errors
        self.requests: list[tuple[str, str | None]] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                publisher.answer(self)

            def log_message(self, format: str, *values: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.requests.append((request.path, wanted))
        content = self.files.get(request.path)
        failure = self.status.pop(0) if self.status else 404 if content is None else 0
        if failure or content is None:
            request.send_error(failure)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        partial = self.ranges and wanted is not None and request.headers.get("If-Range") == self.etag
        if partial and start >= len(content):
            request.send_error(416)
            return
        body = content[start:] if partial else content
        request.send_response(206 if partial else 200)
        if partial:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)
        request.close_connection = True

    def publish(self, path: str, content: bytes) -> str:
        """Serve content at path and return its SHA-256."""
        self.files[path] = content
        return hashlib.sha256(content).hexdigest()


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    served = Publisher()
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store."""
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(_paths, "IMAGES", tmp_path / "state/images")
    return tmp_path / "state/images"
