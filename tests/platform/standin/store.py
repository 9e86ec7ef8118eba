"""The objects, and what a controller would say of them."""

from __future__ import annotations

import copy
import json
import pathlib
import queue
import threading
import time
import uuid
from typing import Any, Callable, Iterator, NamedTuple

from schemas import Checker
from standin import pods

Document = dict[str, Any]

BORN = "2026-01-01T00:00:00Z"
# Fields that cannot be changed once an object is there.
FIXED = {
    "Deployment": ["selector"],
    "StatefulSet": ["selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"],
    "Job": ["template", "selector", "completions"],
}
FINISH_SECONDS = 0.2


class Key(NamedTuple):
    """Where an object is."""

    version: str
    plural: str
    namespace: str | None
    name: str


class Refused(Exception):
    """The object is not taken: the reason and what to say."""


class Store:
    """Objects by key, their watchers, and a log of what was done."""

    def __init__(self, checker: Checker, log: pathlib.Path) -> None:
        self.objects: dict[Key, Document] = {}
        self.lock = threading.RLock()
        self.version = 1
        self.checker = checker
        self.watchers: list[tuple[queue.Queue, Callable[[Key, Document], bool]]] = []
        self.log = open(log, "a", buffering=1, encoding="utf-8")

    def note(self, **what: object) -> None:
        self.log.write(json.dumps(what) + "\n")

    def of_kind(self, kind: str, namespace: str | None) -> Iterator[Document]:
        for key, one in self.objects.items():
            if one["kind"] == kind and key.namespace == namespace:
                yield one

    # --- changes

    def check(self, key: Key, document: Document) -> None:
        """Raises where an object breaks its schema or changes what cannot be changed."""
        bare = {name: value for name, value in document.items() if name != "status"}
        known = ("name", "namespace", "labels", "annotations")
        bare["metadata"] = {name: value for name, value in document["metadata"].items() if name in known}
        for problem in self.checker.problems(bare):
            raise Refused(problem)
        old, spec = self.objects.get(key), document.get("spec", {})
        for field in FIXED.get(document["kind"], []) if old else []:
            if field in spec and old.get("spec", {}).get(field) != spec[field]:
                raise Refused(f"{document['kind']}/{key.name}: spec.{field}: field is immutable")

    def put(self, key: Key, document: Document, verb: str) -> Document:
        """Takes an object in, in place of the one that was there."""
        with self.lock:
            old = self.objects.get(key)
            metadata = document["metadata"]
            if key.namespace:
                metadata["namespace"] = key.namespace
            metadata["uid"] = old["metadata"]["uid"] if old else str(uuid.uuid4())
            metadata["creationTimestamp"] = BORN
            changed = old is not None and old.get("spec") != document.get("spec")
            metadata["generation"] = old["metadata"]["generation"] + changed if old else 1
            if old and "status" in old:
                document.setdefault("status", old["status"])
            self.objects[key] = document
            self.note(verb=verb, kind=document["kind"], name=key.name)
            self.tell(key, "MODIFIED" if old else "ADDED")
            self.settle()
            if document["kind"] in ("Job", "Pod"):
                threading.Thread(target=self.finish, args=(key, metadata["uid"]), daemon=True).start()
            return document

    def remove(self, key: Key) -> Document | None:
        with self.lock:
            gone = self.objects.pop(key, None)
            if gone is not None:
                self.note(verb="DELETE", kind=gone["kind"], name=key.name)
                self.version += 1
                gone["metadata"]["resourceVersion"] = str(self.version)
                self.send("DELETED", key, gone)
            return gone

    def tell(self, key: Key, event: str) -> None:
        """Gives an object a new version and tells its watchers."""
        self.version += 1
        self.objects[key]["metadata"]["resourceVersion"] = str(self.version)
        self.send(event, key, self.objects[key])

    def send(self, event: str, key: Key, document: Document) -> None:
        for inbox, wanted in list(self.watchers):
            if wanted(key, document):
                inbox.put({"type": event, "object": copy.deepcopy(document)})

    # --- what controllers would say

    def missing(self, key: Key, document: Document) -> list[str]:
        """Returns what a pod of this workload would wait for."""
        there = {(one["kind"], at.name) for at, one in self.objects.items() if at.namespace == key.namespace}
        return [
            f"{kind}/{name}" for kind, name in pods.needs(document) if (kind, name) not in there | pods.GIVEN
        ]

    def settle(self) -> None:
        """Says of everything that is no Job and no pod how it stands."""
        for key, document in list(self.objects.items()):
            if document["kind"] in ("Job", "Pod"):
                continue
            before = document.get("status")
            status = status_of(document, waiting=bool(self.missing(key, document)))
            if status is not None and status != before:
                document["status"] = status
                self.tell(key, "MODIFIED")
            if document["kind"] == "Service":
                document["spec"].setdefault("clusterIP", "10.0.0.9")

    def finish(self, key: Key, uid: str) -> None:
        """Completes a Job or a pod as soon as its pods could start."""
        while True:
            time.sleep(FINISH_SECONDS)
            with self.lock:
                document = self.objects.get(key)
                if document is None or document["metadata"]["uid"] != uid:
                    return
                if self.missing(key, document):
                    continue
                if pods.makes_credentials(document):
                    self.make_secrets(key, document)
                document["status"] = FINISHED[document["kind"]]
                self.note(verb="FINISH", kind=document["kind"], name=key.name)
                self.tell(key, "MODIFIED")
                return

    def make_secrets(self, key: Key, job: Document) -> None:
        """Makes the Secrets that the Job's account may change, as the program would."""
        account = job["spec"]["template"]["spec"]["serviceAccountName"]
        roles = list(self.of_kind("Role", key.namespace))
        bindings = list(self.of_kind("RoleBinding", key.namespace))
        for name in pods.made_secrets(account, roles, bindings):
            at = Key("v1", "secrets", key.namespace, name)
            if at not in self.objects:
                self.put(at, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}, "MAKE")


FINISHED: dict[str, Document] = {
    "Job": {
        "succeeded": 1,
        "startTime": BORN,
        "completionTime": BORN,
        "conditions": [{"type": "Complete", "status": "True"}],
    },
    "Pod": {
        "phase": "Succeeded",
        "startTime": BORN,
        "conditions": [{"type": "Ready", "status": "False", "reason": "PodCompleted"}],
    },
}


def status_of(document: Document, waiting: bool) -> Document | None:
    """Returns the status of a workload: ready, or waiting for what its pods name."""
    generation = document["metadata"]["generation"]
    kind, spec = document["kind"], document.get("spec", {})
    if kind in ("Deployment", "StatefulSet"):
        wanted = spec.get("replicas", 1)
        ready = 0 if waiting else wanted
        available = {"type": "Available", "status": "False" if waiting else "True"}
        progressing = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
        status = {"observedGeneration": generation, "replicas": wanted, "updatedReplicas": wanted}
        status |= {"readyReplicas": ready, "availableReplicas": ready, "conditions": [available, progressing]}
        if kind == "StatefulSet":
            status |= {"currentRevision": "r", "updateRevision": "r", "currentReplicas": wanted}
        return status
    if kind == "PodDisruptionBudget":
        counts = {"currentHealthy": 2, "desiredHealthy": 1, "disruptionsAllowed": 1, "expectedPods": 2}
        return {"observedGeneration": generation, "conditions": [], **counts}
    return None
