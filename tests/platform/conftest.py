"""What the tests of the chart share."""

from __future__ import annotations

import os
from typing import Any, Callable

import pytest

from chart import Helm, mesh, of_kind

SERVICES = ["audit", "hris-ingest", "notification", "policy-evaluation", "provisioning"]
# Servers that are there already.
EXISTING = {"nats.url": "tls://nats.nats.svc:4222", "database.host": "postgres.databases.svc"}
ACCOUNT = "A" + "B" * 55
# What KEDA needs besides.
MONITORED = {**EXISTING, "nats.monitoringEndpoint": "nats-headless.nats.svc:8222", "keda.accountId": ACCOUNT}


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(os.environ["TENURE_HELM"], tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def container() -> Callable[[list[dict], str], dict[str, Any]]:
    """Returns the container of a service."""

    def found(rendered: list[dict], service: str) -> dict[str, Any]:
        return of_kind(rendered, "Deployment")[f"r-tenure-{service}"]["spec"]["template"]["spec"][
            "containers"
        ][0]

    return found


@pytest.fixture(scope="session")
def durables() -> dict[str, list[str]]:
    """Returns the durable consumers of each service."""
    found: dict[str, list[str]] = {service: [] for service in SERVICES}
    for one in mesh()["consumers"]:
        found[one["service"]].append(one["durable"])
    return found
