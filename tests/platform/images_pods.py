"""What the chart renders, made into pods that podman can play on this machine's own network."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any

import yaml  # Comes with podman-compose.

from images_build import SERVICES
from images_servers import TENURE_UID, free_port
from steps import ROOT, expect, run

RELEASE = "checked"
# The chart's names of objects and Secrets.
PREFIX = f"{RELEASE}-tenure-"
JOBS = ("databases", *(f"migrate-{service}" for service in SERVICES), "streams")
APPLICATION_TOKEN = "checked-token"
# Nobody schedules, balances or probes here.
NOT_OF_PODS = ("topologySpreadConstraints", "serviceAccountName", "affinity")
NOT_OF_CONTAINERS = ("ports", "startupProbe", "livenessProbe", "readinessProbe", "lifecycle")


class Pods:
    """The chart's deployments and jobs, by the names of their services and tasks."""

    def __init__(self, helm: pathlib.Path, work: pathlib.Path, secrets: pathlib.Path) -> None:
        self.helm, self.work, self.secrets = helm, work, secrets
        self.epochs: dict[str, int] = {}
        self.ports = {
            service: {door: free_port() for door in ("GRPC", "ADMIN", "SCIM")}
            for service in SERVICES
        }

    def serve_at(self, broker: int, database: int, application: str) -> None:
        """Says where the servers are."""
        self.broker, self.database, self.application = broker, database, application

    def values(self) -> dict[str, Any]:
        """Returns the values of a release with servers of its own."""
        services: dict[str, Any] = {
            service: {"database": {"epoch": epoch}} for service, epoch in self.epochs.items()
        }
        services.setdefault("provisioning", {}).update(
            {
                "egress": {"allow": ["127.0.0.0/8"]},
                "extraEnv": [
                    {"name": "TENURE_APP_CRM_URL", "value": self.application},
                    {"name": "TENURE_APP_CRM_TOKEN", "value": APPLICATION_TOKEN},
                ],
            }
        )
        authority = {"name": f"{PREFIX}database-server", "key": "ca.crt"}
        return {
            "image": {"registry": "localhost", "tag": "checked"},
            "nats": {"url": f"tls://localhost:{self.broker}"},
            "database": {"host": "localhost", "port": self.database, "caSecret": authority},
            "databases": {"create": True},
            "services": services,
        }

    def render(self) -> str:
        """Renders the chart."""
        values = self.work / "values.yaml"
        values.write_text(yaml.safe_dump(self.values()), encoding="utf-8")
        options = ["--namespace", "mesh", "--kube-version", "1.34.0", "--skip-tests"]
        chart = ROOT / "helm" / "tenure"
        rendered = run([self.helm, "template", RELEASE, chart, *options, "--values", values])
        self.objects = {
            document["metadata"]["name"].removeprefix(PREFIX): document
            for document in yaml.safe_load_all(rendered)
            if document and document["kind"] in ("Deployment", "Job")
        }
        missing = {*SERVICES, *(f"{job}-1" for job in JOBS)} - set(self.objects)
        expect(not missing, f"the chart does not render {sorted(missing)}")
        return f"{len(self.objects)} deployments and jobs"

    def pod(self, name: str) -> dict[str, Any]:
        """Returns the pod of a template, changed where podman or this machine is no cluster.

        There are no ports and probes on the machine's own network, addresses are on loopback
        alone, and Secrets are folders.
        """
        template = self.objects[name]["spec"]["template"]
        spec = template["spec"]
        for unknown in NOT_OF_PODS:
            spec.pop(unknown, None)
        spec |= {"hostNetwork": True, "restartPolicy": "Never"}
        for container in spec["containers"]:
            for unknown in NOT_OF_CONTAINERS:
                container.pop(unknown, None)
            container["imagePullPolicy"] = "Never"
            for variable in container.get("env", []):
                parts = variable["name"].split("__")
                if parts[-1] == "ADDRESS":
                    variable["value"] = f"127.0.0.1:{self.ports[name][parts[1]]}"
        for volume in spec["volumes"]:
            if "emptyDir" not in volume and "hostPath" not in volume:
                folder = self.laid_out(name, volume)
                volume.clear()
                volume["name"] = folder.name
                volume["hostPath"] = {"path": str(folder), "type": "Directory"}
        metadata = {"name": name, "labels": template["metadata"]["labels"]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def laid_out(self, pod: str, volume: dict[str, Any]) -> pathlib.Path:
        """Makes a folder with what a volume of Secrets would hold."""
        folder = self.work / "volumes" / pod / volume["name"]
        if "projected" in volume:
            parts = [source["secret"] for source in volume["projected"]["sources"]]
        else:
            parts = [{**volume["secret"], "name": volume["secret"]["secretName"]}]
        for part in parts:
            for item in part["items"]:
                path = folder / item["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                source = self.secrets / part["name"].removeprefix(PREFIX) / item["key"]
                shutil.copyfile(source, path)
                path.chmod(0o440)
                os.chown(path, TENURE_UID, TENURE_UID)
        return folder
