"""The protobuf form of a Secret, in which Helm keeps its releases. Reads that and nothing else."""

from __future__ import annotations

import base64
from typing import Any, Iterator

MAGIC = b"k8s\0"


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Returns the fields of a message by number: integers, or bytes."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = number()
        if tag & 7 == 2:
            length = number()
            yield tag >> 3, message[at : at + length]
            at += length
        elif tag & 7 == 0:
            yield tag >> 3, number()
        else:
            raise ValueError(f"wire type {tag & 7} is not expected")


def secret(message: bytes) -> dict:
    """Returns a Secret from runtime.Unknown, whose field 1 is the type and field 2 the object."""
    unknown = dict(fields(message.removeprefix(MAGIC)))
    kind = dict(fields(unknown[1]))
    found: dict[str, Any] = {"apiVersion": kind[1].decode(), "kind": kind[2].decode(), "metadata": {}}
    if found["kind"] != "Secret":
        raise ValueError(f"only Secrets are read as protobuf, not {found['kind']}")
    for number, value in fields(unknown[2]):
        if number == 1:
            found["metadata"] = metadata(value)
        elif number == 2:
            key, content = pair(value)
            found.setdefault("data", {})[key] = base64.b64encode(content).decode()
        elif number == 3:
            found["type"] = value.decode()
    return found


def metadata(message: bytes) -> dict:
    found: dict[str, Any] = {}
    for number, value in fields(message):
        if number in (1, 3, 6):
            found[{1: "name", 3: "namespace", 6: "resourceVersion"}[number]] = value.decode()
        elif number in (11, 12):
            key, content = pair(value)
            found.setdefault({11: "labels", 12: "annotations"}[number], {})[key] = content.decode()
    return {key: value for key, value in found.items() if value}


def pair(message: bytes) -> tuple[str, bytes]:
    entry = dict(fields(message))
    return entry[1].decode(), entry.get(2, b"")
