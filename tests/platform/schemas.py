"""Strict schemas: Kubernetes' own by kubernetes-validate, and those of custom resources from their definitions.

A custom resource definition prunes what it does not name; here that is an error, because it is a typing error in the
chart. Rules in CEL are not evaluated.
"""

from __future__ import annotations

import copy
import pathlib
from typing import Any, Iterator

import jsonschema
import kubernetes_validate
import yaml

KUBERNETES = "1.37.0"
HERE = pathlib.Path(__file__).resolve().parent
CRDS = HERE / "crds"

Document = dict[str, Any]


class Definition:
    """One version of a custom resource."""

    def __init__(self, group: str, version: str, spec: Document, schema: Document) -> None:
        self.api_version = f"{group}/{version}"
        self.kind: str = spec["names"]["kind"]
        self.plural: str = spec["names"]["plural"]
        self.namespaced: bool = spec["scope"] == "Namespaced"
        self.schema = strict({**schema, "properties": {**schema.get("properties", {}), **envelope()}})
        self.schema["properties"]["metadata"] = {"type": "object"}


def envelope() -> Document:
    """Returns what every object has besides what its definition says."""
    return {"metadata": {"type": "object"}, "apiVersion": {"type": "string"}, "kind": {"type": "string"}}


def strict(schema: Any) -> Any:
    """Returns a JSON schema that says the same as a structural schema of Kubernetes and refuses unknown fields."""
    if not isinstance(schema, dict):
        return schema
    schema = {key: value for key, value in schema.items() if key not in ("format", "description", "default")}
    open_ended = schema.pop("x-kubernetes-preserve-unknown-fields", False)
    if schema.pop("x-kubernetes-int-or-string", False):
        schema.pop("anyOf", None)
        schema["type"] = ["integer", "string"]
    if schema.pop("nullable", False) and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    for key in ("properties", "patternProperties"):
        if key in schema:
            schema[key] = {name: strict(value) for name, value in schema[key].items()}
    for key in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(key), dict):
            schema[key] = strict(schema[key])
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            # In a structural schema these narrow what is there and name nothing new.
            schema[key] = [without_closing(strict(part)) for part in schema[key]]
    if "properties" in schema and "additionalProperties" not in schema and not open_ended:
        schema["additionalProperties"] = False
    return schema


def without_closing(schema: Document) -> Document:
    return {key: value for key, value in schema.items() if key != "additionalProperties"}


def definitions(folder: pathlib.Path = CRDS) -> list[Definition]:
    """Returns every custom resource that the files of a folder define."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if not document or document.get("kind") != "CustomResourceDefinition":
                continue
            spec = document["spec"]
            for version in spec["versions"]:
                schema = copy.deepcopy(version["schema"]["openAPIV3Schema"])
                found.append(Definition(spec["group"], version["name"], spec, schema))
    return found


class Checker:
    """Holds objects against the schemas of their kinds."""

    def __init__(self, custom: list[Definition] | None = None) -> None:
        self.custom = {
            (one.api_version, one.kind): one for one in (definitions() if custom is None else custom)
        }

    def problems(self, document: Document) -> Iterator[str]:
        """Returns what is wrong with one object."""
        where = f"{document.get('kind')}/{document.get('metadata', {}).get('name')}"
        definition = self.custom.get((document["apiVersion"], document["kind"]))
        if definition is not None:
            for error in jsonschema.Draft7Validator(definition.schema).iter_errors(document):
                yield f"{where}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            return
        try:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{where}: {'.'.join(map(str, error.path))}: {error.message[:200]}"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"{where}: there is no schema of {document['apiVersion']} {document['kind']}"
