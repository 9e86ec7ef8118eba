"""HTTP: discovery, reading, watching and changing objects."""

from __future__ import annotations

import copy
import json
import queue
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable
from urllib.parse import parse_qs, urlparse

import yaml

from standin import kinds, wire
from standin.store import Key, Refused, Store

Document = dict[str, Any]

WATCH_SECONDS = 60


class Server(ThreadingHTTPServer):
    """Listens on loopback; port 0 lets the system pick."""

    daemon_threads = True

    def __init__(self, port: int, store: Store, table: kinds.Table) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.store = store
        self.kinds = table


class Route:
    """What a request is about."""

    def __init__(self, path: str) -> None:
        parsed = urlparse(path)
        self.parts = parsed.path.strip("/").split("/")
        self.query = {key: values[0] for key, values in parse_qs(parsed.query).items()}
        self.version: str | None = None
        self.namespace: str | None = None
        rest: list[str] = []
        if self.parts[0] == "api" and len(self.parts) >= 2:
            self.version, rest = self.parts[1], self.parts[2:]
        elif self.parts[0] == "apis" and len(self.parts) >= 3:
            self.version, rest = f"{self.parts[1]}/{self.parts[2]}", self.parts[3:]
        if len(rest) >= 3 and rest[0] == "namespaces":
            self.namespace, rest = rest[1], rest[2:]
        self.plural = rest[0] if rest else None
        self.name = rest[1] if len(rest) > 1 else None

    def key(self, name: str) -> Key:
        return Key(self.version or "", self.plural or "", self.namespace, name)

    def matcher(self) -> Callable[[Key, Document], bool]:
        """Returns what tells the objects that a list or a watch asks for."""
        labels = [
            part.partition("=")[::2] for part in self.query.get("labelSelector", "").split(",") if "=" in part
        ]
        wanted = {key: value.lstrip("=") for key, value in labels if not key.endswith("!")}
        fields = dict(
            part.partition("=")[::2] for part in self.query.get("fieldSelector", "").split(",") if part
        )

        def matches(key: Key, document: Document) -> bool:
            return (
                (key.version, key.plural) == (self.version, self.plural)
                and self.namespace in (None, key.namespace)
                and wanted.items() <= document["metadata"].get("labels", {}).items()
                and fields.get("metadata.name", key.name) == key.name
            )

        return matches


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_arguments: object) -> None:
        """Says nothing: the store keeps the log."""

    # --- answers

    def answer(self, code: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, code: int, reason: str, message: str) -> None:
        if code != 404:
            self.server.store.note(verb="REFUSE", code=code, message=message)
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
        self.answer(code, {**status, "reason": reason, "message": message})

    def body(self) -> Document:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return wire.secret(content) if content.startswith(wire.MAGIC) else yaml.safe_load(content)

    # --- reading

    def do_GET(self) -> None:
        route, table = Route(self.path), self.server.kinds
        if route.parts == ["version"]:
            return self.answer(
                200, {"major": "1", "minor": "37", "gitVersion": "v1.37.1", "platform": "linux/amd64"}
            )
        if route.parts == ["api"]:
            return self.answer(200, {"kind": "APIVersions", "versions": ["v1"]})
        if route.parts == ["apis"]:
            return self.answer(200, kinds.groups(table))
        if route.parts[:2] == ["openapi", "v3"]:
            return self.openapi(route)
        if route.version not in table:
            return self.refuse(404, "NotFound", self.path)
        if route.plural is None:
            return self.answer(200, kinds.resources(route.version, table))
        if route.name:
            return self.one(route)
        if route.query.get("watch") in ("true", "1"):
            return self.watch(route)
        return self.many(route)

    def openapi(self, route: Route) -> None:
        if len(route.parts) == 2:
            paths = [kinds.path_of(version) for version in self.server.kinds]
            return self.answer(
                200, {"paths": {one: {"serverRelativeURL": f"/openapi/v3/{one}"} for one in paths}}
            )
        return self.answer(200, kinds.openapi("/".join(route.parts[3:]), self.server.kinds))

    def one(self, route: Route) -> None:
        with self.server.store.lock:
            found = self.server.store.objects.get(route.key(route.name or ""))
            if found is None and route.plural == "namespaces":
                found = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": route.name}}
            if found is None:
                return self.refuse(404, "NotFound", f'{route.plural} "{route.name}" not found')
            return self.answer(200, found)

    def many(self, route: Route) -> None:
        matches = route.matcher()
        with self.server.store.lock:
            items = [one for key, one in self.server.store.objects.items() if matches(key, one)]
            metadata = {"resourceVersion": str(self.server.store.version)}
            told = {"kind": f"{self.kind(route)}List", "apiVersion": route.version, "metadata": metadata}
            self.answer(200, {**told, "items": items})

    def kind(self, route: Route) -> str:
        return next((one.kind for one in self.server.kinds[route.version] if one.plural == route.plural), "")

    def watch(self, route: Route) -> None:
        """Sends what is there, if asked to, and then each change."""
        store, inbox, matches = self.server.store, queue.Queue(), route.matcher()
        watcher = (inbox, matches)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            with store.lock:
                store.watchers.append(watcher)
                if route.query.get("sendInitialEvents") == "true":
                    for key, one in store.objects.items():
                        if matches(key, one):
                            inbox.put({"type": "ADDED", "object": copy.deepcopy(one)})
                    inbox.put({"type": "BOOKMARK", "object": self.bookmark(route)})
            end = time.monotonic() + WATCH_SECONDS
            while time.monotonic() < end:
                try:
                    event = (json.dumps(inbox.get(timeout=1)) + "\n").encode()
                except queue.Empty:
                    continue
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
        finally:
            store.watchers.remove(watcher)

    def bookmark(self, route: Route) -> Document:
        annotations = {"k8s.io/initial-events-end": "true"}
        metadata = {"resourceVersion": str(self.server.store.version), "annotations": annotations}
        return {"apiVersion": route.version, "kind": self.kind(route), "metadata": metadata}

    # --- changing

    def save(self, route: Route, document: Document, verb: str) -> None:
        store = self.server.store
        document.setdefault("apiVersion", route.version)
        key = route.key(document["metadata"]["name"])
        with store.lock:
            there = key in store.objects
            try:
                store.check(key, document)
            except Refused as problem:
                return self.refuse(422, "Invalid", f"{key.name} is invalid: {problem}")
            if "dryRun" in route.query:
                return self.answer(200, document)
            return self.answer(200 if there else 201, store.put(key, document, verb))

    def do_POST(self) -> None:
        route, document = Route(self.path), self.body()
        name = document["metadata"]["name"]
        if route.key(name) in self.server.store.objects:
            return self.refuse(409, "AlreadyExists", f'{route.plural} "{name}" already exists')
        return self.save(route, document, "CREATE")

    def do_PUT(self) -> None:
        self.save(Route(self.path), self.body(), "UPDATE")

    def do_PATCH(self) -> None:
        route, patch = Route(self.path), self.body()
        if "apply-patch" in self.headers.get("Content-Type", ""):
            # Server-side apply by one manager: what it says no more goes away.
            return self.save(route, patch, "APPLY")
        old = self.server.store.objects.get(route.key(route.name or ""))
        if old is None:
            return self.refuse(404, "NotFound", f'{route.plural} "{route.name}" not found')
        return self.save(route, merged(copy.deepcopy(old), patch), "PATCH")

    def do_DELETE(self) -> None:
        route = Route(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.store.remove(route.key(route.name or "")) is None:
            return self.refuse(404, "NotFound", f'{route.plural} "{route.name}" not found')
        return self.answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})


def merged(old: Document, patch: Document) -> Document:
    """Returns a JSON merge patch of an object."""
    for key, value in patch.items():
        if value is None:
            old.pop(key, None)
        elif isinstance(value, dict) and isinstance(old.get(key), dict):
            merged(old[key], value)
        else:
            old[key] = value
    return old
