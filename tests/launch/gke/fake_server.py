"""The REST verbs of a fake cluster, over HTTP, for the real client."""

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.launch.gke.fake_cluster import NAME, FakeCluster, Thing

_JOBSETS = re.compile(r"/apis/jobset\.x-k8s\.io/v1alpha2/namespaces/[\w-]+/jobsets(?:/([\w-]+))?")
# As a cluster of last year's Kueue: the newer version is not served.
_WORKLOADS = re.compile(r"/apis/kueue\.x-k8s\.io/v1beta1/namespaces/[\w-]+/workloads(?:/([\w-]+))?")
_PODS = re.compile(r"/api/v1/namespaces/[\w-]+/pods(?:/([\w-]+)/log)?")


class FakeServer(ThreadingHTTPServer):
    """Serves a cluster; `broken` answers everything with that status, `forbidden` all creations."""

    daemon_threads = True
    broken: int | None = None
    forbidden = False

    def __init__(self, cluster: FakeCluster) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cluster = cluster


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if self.server.broken is not None:
            self._answer(self.server.broken, {"message": "the server is in trouble"})
            return
        with self.server.cluster.changed:
            found = self._find(url.path, query, body)
        if found is None:
            self._answer(404, {"message": f"{url.path} not found"})
        elif found == "watch":
            self._watch(query)
        else:
            self._answer(*found)

    do_GET = do_POST = do_DELETE = do_PATCH = _serve  # noqa: N815

    def _find(self, path: str, query: dict[str, str], body: Any) -> Any:
        """Status and answer."""
        cluster = self.server.cluster
        if matched := _JOBSETS.fullmatch(path):
            return self._jobsets(matched[1], query, body)
        if matched := _WORKLOADS.fullmatch(path):
            if self.command == "PATCH":
                assert body == {"spec": {"active": True}}
                cluster.activate(matched[1])
                return 200, {}
            return 200, {"items": list(cluster.workloads.values()), "metadata": {}}
        if matched := _PODS.fullmatch(path):
            if matched[1]:
                return 200, cluster.logs.get(matched[1], "")
            if self.command == "DELETE":
                cluster.killed.append(query["labelSelector"])
                return 200, {}
            return 200, {"items": self._selected(cluster.pods, query), "metadata": {}}
        return None

    def _jobsets(self, name: str | None, query: dict[str, str], body: Any) -> Any:
        cluster = self.server.cluster
        if self.command == "POST":
            assert query["fieldValidation"] == "Strict"
            if self.server.forbidden:
                return 403, {"message": "jobsets.jobset.x-k8s.io is forbidden: no right to create"}
            if not cluster.create(body):
                return 409, {"message": "already exists"}
            return 201, body
        if self.command == "DELETE":
            return (200, {}) if name and cluster.delete(name) else None
        if name:
            return (200, cluster.jobsets[name]) if name in cluster.jobsets else None
        if query.get("watch") == "True" or query.get("watch") == "true":
            return "watch"
        metadata = {"resourceVersion": str(cluster.version)}
        return 200, {"items": self._selected(cluster.jobsets, query), "metadata": metadata}

    def _selected(self, things: dict[str, Thing], query: dict[str, str]) -> list[Thing]:
        key, _, value = query.get("labelSelector", "").partition("=")
        own = things.values()
        return [t for t in own if not key or t["metadata"].get("labels", {}).get(key) == value]

    def _watch(self, query: dict[str, str]) -> None:
        """One event as soon as anything changes, or nothing when the time is over."""
        cluster, end = self.server.cluster, time.monotonic() + float(query["timeoutSeconds"])
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        with cluster.changed:
            before = int(query["resourceVersion"])
            while cluster.version == before and time.monotonic() < end:
                cluster.changed.wait(0.05)
            jobsets = list(cluster.jobsets.values()) if cluster.version != before else []
            text = "".join(json.dumps({"type": "MODIFIED", "object": j}) + "\n" for j in jobsets)
        with contextlib.suppress(ConnectionError):
            self.wfile.write(text.encode())

    def _answer(self, status: int, value: Any) -> None:
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        kind = "text/plain" if isinstance(value, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def served(cluster: FakeCluster) -> Iterator[FakeServer]:
    """While inside, the cluster answers at `http://127.0.0.1:<server_port>`."""
    server = FakeServer(cluster)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


__all__ = ["NAME", "FakeServer", "served"]
