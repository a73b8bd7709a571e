"""A stand-in for a model hub: the few addresses that huggingface_hub asks for, in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

REVISION = "0" * 40


class StandIn(ThreadingHTTPServer):
    """`repositories[owner/name][file]` are bytes; `requests` the lines received."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.requests: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, content: object) -> None:
        self._answer(200, json.dumps(content).encode(), Content_Type="application/json")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        match = re.match(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        files = self.server.repositories.get(match[1]) if match else None
        if match is None or files is None:
            self._answer(404, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        elif match[2] not in ("main", REVISION):
            self._answer(404, X_Error_Code="RevisionNotFound", X_Error_Message="no such revision")
        elif match[3] not in files:
            self._answer(404, X_Error_Code="EntryNotFound", X_Error_Message="no such file")
        else:
            body = files[match[3]]
            etag = f'"{hashlib.sha1(body).hexdigest()}"'
            self._answer(200, body, ETag=etag, X_Repo_Commit=REVISION, Accept_Ranges="none")

    def do_POST(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.server.repositories.setdefault(name, {})
            self._json({"url": f"{self.server.address}/{name}", "name": name})
            return
        match = re.match(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", self.path)
        if self.path.startswith("/api/validate-yaml"):
            self._json({"errors": [], "warnings": []})
        elif match is None or match[1] not in self.server.repositories:
            self._answer(404, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        elif match[2] == "preupload":
            files = json.loads(body)["files"]
            self._json(
                {"files": [{**f, "uploadMode": "regular", "shouldIgnore": False} for f in files]}
            )
        else:
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    content = base64.b64decode(entry["value"]["content"])
                    self.server.repositories[match[1]][entry["value"]["path"]] = content
            url = f"{self.server.address}/{match[1]}/commit/{REVISION}"
            self._json({"success": True, "commitOid": REVISION, "commitUrl": url})


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """A running stand-in on a free port of this machine."""
    with StandIn() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
