"""Errors that the checks of the chart have to see: each is made in a copy of the chart."""

from __future__ import annotations

import pathlib
import shutil
from typing import NamedTuple

from chart import CHART
from steps import expect


class Control(NamedTuple):
    """An error, and the step that has to fail for it with the values of a case."""

    what: str
    file: str
    before: str
    after: str
    step: str
    case: str


CONTROLS = [
    Control(
        "a pod that keeps capabilities",
        "templates/_pod.tpl",
        "  drop:\n    - ALL",
        "  drop: []",
        "security",
        "existing",
    ),
    Control(
        "a token in every pod",
        "templates/deployment.yaml",
        "Token: false",
        "Token: true",
        "security",
        "existing",
    ),
    Control(
        "replicas beside a scaler",
        "templates/deployment.yaml",
        'eq $service.autoscaling.mode "none"',
        "true",
        "security",
        "everything",
    ),
    Control("an image that changes", "values.yaml", "nats:2.15.1-alpine", "nats:latest", "security", "trial"),
    Control(
        "a typing error in a Deployment",
        "templates/deployment.yaml",
        "HistoryLimit",
        "HistoryLimits",
        "schemas",
        "existing",
    ),
    Control(
        "a typing error in a Stream", "templates/nack.yaml", "denyPurge:", "denyPurges:", "schemas", "nack"
    ),
    Control(
        "a random name",
        "templates/deployment.yaml",
        "Limit: 5",
        "Limit: 5 # {{ randAlphaNum 5 }}",
        "stable",
        "existing",
    ),
    Control("an older Kubernetes", "Chart.yaml", ">=1.30.0-0", ">=1.29.0-0", "old_kubernetes", "existing"),
]


def with_error(control: Control, folder: pathlib.Path) -> pathlib.Path:
    """Returns a copy of the chart with one error."""
    copy = folder / control.step / control.what.replace(" ", "-")
    shutil.copytree(CHART, copy)
    path = copy / control.file
    text = path.read_text(encoding="utf-8")
    expect(
        control.before in text, f"{control.file} does not say {control.before!r}: the control makes no error"
    )
    path.write_text(text.replace(control.before, control.after), encoding="utf-8")
    return copy
