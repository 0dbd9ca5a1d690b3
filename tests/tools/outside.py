# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world behind a simulated lab host's uplink: a web server and a DNS server on 198.51.100.10.

Every web page is the address that asked for it, so that a test sees NAT. DNS knows outside.test and the names below it.
"""

from __future__ import annotations

import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS = "198.51.100.10"
ZONE = b"\x07outside\x04test\x00"


class Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = f"{self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


class Dns(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        query, socket = self.request
        end = query.index(b"\0", 12) + 1  # RFC 1035, section 4.1: a header of 12 bytes, the name, type and class
        known = query[12:end].lower().endswith(ZONE)
        answers = known and query[end : end + 2] == b"\0\x01"
        reply = query[:2] + (b"\x84\0" if known else b"\x84\x03") + b"\0\x01" + (b"\0\x01" if answers else b"\0\0") + bytes(4)
        reply += query[12 : end + 4]
        if answers:
            reply += b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + bytes(int(part) for part in ADDRESS.split("."))
        socket.sendto(reply, self.client_address)


if __name__ == "__main__":
    threading.Thread(target=socketserver.UDPServer((ADDRESS, 53), Dns).serve_forever, daemon=True).start()
    ThreadingHTTPServer((ADDRESS, 80), Web).serve_forever()
