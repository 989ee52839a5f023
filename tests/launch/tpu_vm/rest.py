"""A small fake of the REST verbs behind queued resources, for the real gcloud."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, dict[str, Any]]


@dataclass
class Requests:
    """What was asked for: by name, the body of its request and its state."""

    address: str = ""
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, verb: str, path: str, query: dict[str, list[str]], body: str) -> Answer:
        folder = "/v2/projects/my-project/locations/us-east5-b/queuedResources"
        assert path.startswith(folder), path
        name = path.removeprefix(folder).strip("/") or query.get("queuedResourceId", [""])[0]
        full = f"{folder.removeprefix('/v2/')}/{name}"
        if verb == "GET":
            prefix = full.removesuffix(name)
            found = [{"name": prefix + each, "state": at} for each, at in self.states.items()]
            return 200, {"queuedResources": found}
        if verb == "POST":
            if name in self.states:
                return _error(409, "ALREADY_EXISTS", f"Resource '{full}' already exists")
            self.bodies[name] = json.loads(body)
            self.states[name] = {"state": "WAITING_FOR_RESOURCES"}
        elif name not in self.states:
            return _error(404, "NOT_FOUND", f"Resource '{full}' was not found")
        elif query.get("force") != ["True"]:
            return _error(400, "FAILED_PRECONDITION", "it has machines")
        else:
            del self.states[name]
        return 200, {"name": "projects/my-project/locations/us-east5-b/operations/o", "done": True}


def _error(code: int, status: str, message: str) -> Answer:
    return code, {"error": {"code": code, "status": status, "message": message}}


@contextmanager
def serve() -> Iterator[Requests]:
    """While inside, it answers at `address`."""
    requests = Requests()

    class Handler(BaseHTTPRequestHandler):
        def act(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            at = urlsplit(self.path)
            code, answer = requests.answer(self.command, at.path, parse_qs(at.query), body)
            text = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = act  # noqa: N815

        def log_message(self, *words: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    requests.address = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield requests
    finally:
        server.shutdown()
        server.server_close()
