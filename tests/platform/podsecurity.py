"""The restricted pod security standard and rules of this house, on rendered manifests.

Not here: admission itself. A cluster enforces the standard by a label of the namespace.
"""

from __future__ import annotations

from typing import Any, Iterator

Document = dict[str, Any]

# What the standard allows.
VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
WORKLOADS = ("Deployment", "StatefulSet")


def pod_of(document: Document) -> Document | None:
    """Returns the pod template of a workload, or a pod itself, with its metadata."""
    kind = document["kind"]
    if kind == "Pod":
        return document
    if kind == "CronJob":
        return document["spec"]["jobTemplate"]["spec"]["template"]
    if kind in ("Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet"):
        return document["spec"]["template"]
    return None


def problems(documents: list[Document]) -> Iterator[str]:
    """Returns everything that is wrong in a rendered chart."""
    names = {(document["kind"], document["metadata"]["name"]) for document in documents}
    for document in documents:
        where = f"{document['kind']}/{document['metadata']['name']}"
        template = pod_of(document)
        found: list[str] = []
        if template is not None:
            found += pod_problems(template["spec"], names)
            for container in template["spec"].get("initContainers", []):
                found += container_problems(container, template["spec"])
            for container in template["spec"]["containers"]:
                found += container_problems(container, template["spec"])
                if (
                    document["kind"] in WORKLOADS
                    and not {"readinessProbe", "livenessProbe"} <= container.keys()
                ):
                    found.append(f"{container['name']}: probes are missing")
        found += relation_problems(document, documents, names)
        yield from (f"{where}: {problem}" for problem in found)


def pod_problems(pod: Document, names: set[tuple[str, str]]) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"{field} has to be false"
    if pod.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken has to be false"
    if pod.get("enableServiceLinks") is not False:
        yield "enableServiceLinks has to be false"
    for volume in pod.get("volumes", []):
        kinds = volume.keys() - {"name"}
        if not kinds <= VOLUMES:
            yield f"volume {volume['name']} is of {sorted(kinds - VOLUMES)}"
        if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
            yield f"volume {volume['name']} has no sizeLimit"
        if "configMap" in volume and ("ConfigMap", volume["configMap"]["name"]) not in names:
            yield f"volume {volume['name']} refers to a ConfigMap that is not in the release"


def container_problems(container: Document, pod: Document) -> Iterator[str]:
    name = container["name"]
    own = container.get("securityContext", {})
    shared = pod.get("securityContext", {})
    capabilities = own.get("capabilities", {})
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        yield f"{name}: runAsNonRoot"
    if own.get("runAsUser", shared.get("runAsUser")) == 0:
        yield f"{name}: runAsUser is root"
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield f"{name}: allowPrivilegeEscalation"
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{name}: capabilities"
    profile = own.get("seccompProfile", shared.get("seccompProfile")) or {}
    if profile.get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{name}: seccompProfile"
    if own.get("readOnlyRootFilesystem") is not True:
        yield f"{name}: readOnlyRootFilesystem"
    requests, limits = (container.get("resources", {}).get(part, {}) for part in ("requests", "limits"))
    if not (requests.get("cpu") and requests.get("memory") and limits.get("memory")):
        yield f"{name}: resources"
    if "cpu" in limits:
        yield f"{name}: a limit of CPU"
    image = container["image"]
    if image.endswith(":latest") or (":" not in image.rsplit("/", 1)[-1] and "@" not in image):
        yield f"{name}: the image is not pinned"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield f"{name}: hostPort"


def relation_problems(
    document: Document, documents: list[Document], names: set[tuple[str, str]]
) -> Iterator[str]:
    """Returns what does not fit between objects."""
    kind, spec = document["kind"], document.get("spec", {})
    if kind in ("Service", "PodDisruptionBudget") and spec.get("selector"):
        selector = spec["selector"].get("matchLabels", spec["selector"])
        chosen = [one for one in documents if one["kind"] in WORKLOADS and selects(selector, pod_of(one))]
        if len(chosen) != 1:
            yield f"the selector matches {len(chosen)} workloads"
    if kind in ("ScaledObject", "HorizontalPodAutoscaler"):
        target = ("Deployment", spec["scaleTargetRef"]["name"])
        if target not in names:
            yield f"scales {target}, which is not in the release"
        for one in documents:
            if (one["kind"], one["metadata"]["name"]) == target and "replicas" in one["spec"]:
                yield "scales a Deployment that sets replicas itself"


def selects(selector: Document, template: Document | None) -> bool:
    """Whether labels are among those of a pod."""
    return template is not None and selector.items() <= template["metadata"].get("labels", {}).items()
