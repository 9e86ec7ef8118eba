"""The kinds of objects that the stand-in knows."""

from __future__ import annotations

from typing import NamedTuple

from schemas import Definition


class Kind(NamedTuple):
    """A kind as discovery tells it."""

    plural: str
    kind: str
    namespaced: bool


CORE = "v1"
BUILT_IN: dict[str, str] = {
    CORE: "pods/Pod services/Service configmaps/ConfigMap secrets/Secret serviceaccounts/ServiceAccount "
    "persistentvolumeclaims/PersistentVolumeClaim events/Event endpoints/Endpoints namespaces/Namespace! nodes/Node!",
    "apps/v1": "deployments/Deployment statefulsets/StatefulSet daemonsets/DaemonSet replicasets/ReplicaSet",
    "batch/v1": "jobs/Job cronjobs/CronJob",
    "policy/v1": "poddisruptionbudgets/PodDisruptionBudget",
    "networking.k8s.io/v1": "networkpolicies/NetworkPolicy ingresses/Ingress",
    "autoscaling/v2": "horizontalpodautoscalers/HorizontalPodAutoscaler",
    "rbac.authorization.k8s.io/v1": "roles/Role rolebindings/RoleBinding clusterroles/ClusterRole! "
    "clusterrolebindings/ClusterRoleBinding!",
    "apiextensions.k8s.io/v1": "customresourcedefinitions/CustomResourceDefinition!",
}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]

Table = dict[str, list[Kind]]


def table(custom: list[Definition]) -> Table:
    """Returns the kinds of each group and version."""
    found: Table = {}
    for version, entries in BUILT_IN.items():
        for entry in entries.split():
            plural, kind = entry.rstrip("!").split("/")
            found.setdefault(version, []).append(Kind(plural, kind, not entry.endswith("!")))
    for one in custom:
        found.setdefault(one.api_version, []).append(Kind(one.plural, one.kind, one.namespaced))
    return found


def path_of(version: str) -> str:
    """Returns where a group and version is served."""
    return ("apis/" if "/" in version else "api/") + version


def groups(kinds: Table) -> dict:
    """Returns the list of API groups."""
    found: dict[str, list[str]] = {}
    for version in kinds:
        if "/" in version:
            found.setdefault(version.split("/")[0], []).append(version)

    def entry(name: str, versions: list[str]) -> dict:
        told = [{"groupVersion": one, "version": one.split("/")[1]} for one in versions]
        return {"name": name, "versions": told, "preferredVersion": told[0]}

    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [entry(name, versions) for name, versions in found.items()],
    }


def resources(version: str, kinds: Table) -> dict:
    """Returns the list of resources of one group and version."""
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version,
        "resources": [
            {
                "name": one.plural,
                "singularName": "",
                "namespaced": one.namespaced,
                "kind": one.kind,
                "verbs": VERBS,
            }
            for one in kinds[version]
        ],
    }


def openapi(version: str, kinds: Table) -> dict:
    """Returns what clients look up: that a patch of each kind may be validated and tried dry."""
    group, _, number = version.rpartition("/")
    query = [
        {"name": name, "in": "query", "schema": {"type": "string"}} for name in ("fieldValidation", "dryRun")
    ]
    paths = {}
    for one in kinds[version]:
        namespace = "/namespaces/{namespace}" if one.namespaced else ""
        paths[f"/{path_of(version)}{namespace}/{one.plural}/{{name}}"] = {
            "patch": {
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": {"group": group, "version": number, "kind": one.kind},
                "parameters": query,
                "responses": {"200": {"description": "ok"}},
            }
        }
    return {
        "openapi": "3.0.0",
        "info": {"title": "stand-in", "version": "v1"},
        "components": {"schemas": {}},
        "paths": paths,
    }
