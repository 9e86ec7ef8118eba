"""The chart and the Helm that renders it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from typing import Any

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "tenure"
KUBERNETES = "1.37.0"
NAMESPACE = "identity"

Document = dict[str, Any]


class RenderError(Exception):
    """Helm refused."""


class Loader(yaml.SafeLoader):
    """Reads YAML as Kubernetes does: `=` is text."""


Loader.yaml_implicit_resolvers = {
    key: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:value"]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Helm:
    """One version of Helm, with folders of its own so that nobody's settings are touched."""

    def __init__(self, program: str, home: pathlib.Path, chart: pathlib.Path = CHART) -> None:
        self.program = program
        self.chart = chart
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("HELM_", "KUBE"))},
            "HELM_CACHE_HOME": str(home / "cache"),
            "HELM_CONFIG_HOME": str(home / "config"),
            "HELM_DATA_HOME": str(home / "data"),
        }

    def run(self, *arguments: str) -> str:
        """Runs Helm and returns what it wrote; its complaint is the error."""
        command = [self.program, *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=180
        )
        if done.returncode != 0:
            raise RenderError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def text(
        self,
        *arguments: str,
        release: str = "r",
        values: Document | None = None,
        kubernetes: str = KUBERNETES,
    ) -> str:
        """Returns the rendered chart as text."""
        options = ["--namespace", NAMESPACE, "--kube-version", kubernetes, *arguments]
        # JSON on the command line keeps numbers, nulls and nesting as they are.
        for key, value in (values or {}).items():
            options += ["--set-json", f"{key}={json.dumps(value)}"]
        return self.run("template", release, str(self.chart), *options)

    def render(self, *arguments: str, release: str = "r", values: Document | None = None) -> list[Document]:
        """Returns the rendered chart as objects."""
        return parse(self.text(*arguments, release=release, values=values))


def parse(text: str) -> list[Document]:
    return [document for document in yaml.load_all(text, Loader) if document]


def cases() -> dict[str, list[str]]:
    """Returns the options of every case that has to work, by its name."""
    found = {}
    for path in sorted((CHART / "ci").glob("*-values.yaml")):
        name = path.name.removesuffix("-values.yaml")
        # What is added to the values for high availability is no case of its own.
        base = ["--values", str(CHART / "values-ha.yaml")] if name == "ha" else []
        found[name] = [*base, "--values", str(path)]
    found["example"] = [
        "--values",
        str(CHART / "values-ha.yaml"),
        "--values",
        str(CHART / "examples" / "tenure-values.yaml"),
    ]
    return found


def mesh() -> Document:
    """Returns the streams and consumers of the catalogue."""
    return json.loads((CHART / "files" / "mesh.json").read_text(encoding="utf-8"))


def of_kind(documents: list[Document], kind: str) -> dict[str, Document]:
    """Returns the objects of a kind by their names."""
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == kind}
