"""What a pod needs before it can start, and what the Jobs of the chart would have made."""

from __future__ import annotations

from typing import Any, Iterator

from podsecurity import pod_of

Document = dict[str, Any]

# Every namespace has these.
GIVEN = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}


def needs(document: Document) -> Iterator[tuple[str, str]]:
    """Returns the objects that a pod of this workload names: kind and name."""
    template = pod_of(document)
    if template is None:
        return
    pod = template["spec"]
    yield "ServiceAccount", pod.get("serviceAccountName", "default")
    for volume in pod.get("volumes", []):
        yield from volume_needs(volume)
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        for source in container.get("envFrom", []):
            if "secretRef" in source:
                yield "Secret", source["secretRef"]["name"]
            if "configMapRef" in source:
                yield "ConfigMap", source["configMapRef"]["name"]


def volume_needs(volume: Document) -> Iterator[tuple[str, str]]:
    if "secret" in volume:
        yield "Secret", volume["secret"]["secretName"]
    if "configMap" in volume:
        yield "ConfigMap", volume["configMap"]["name"]
    for source in volume.get("projected", {}).get("sources", []):
        if "secret" in source:
            yield "Secret", source["secret"]["name"]
        if "configMap" in source:
            yield "ConfigMap", source["configMap"]["name"]


def makes_credentials(document: Document) -> bool:
    """Whether a Job is `tenure setup credentials` in Kubernetes."""
    template = pod_of(document)
    if document["kind"] != "Job" or template is None:
        return False
    arguments = template["spec"]["containers"][0].get("args", [])
    return arguments[:3] == ["setup", "credentials", "--kubernetes"]


def made_secrets(account: str, roles: list[Document], bindings: list[Document]) -> list[str]:
    """Returns the names of the Secrets that an account may read and change: those that its Job makes."""
    bound = {
        binding["roleRef"]["name"]
        for binding in bindings
        if any(subject["name"] == account for subject in binding["subjects"])
    }
    return [
        name
        for role in roles
        if role["metadata"]["name"] in bound
        for rule in role["rules"]
        if "patch" in rule["verbs"]
        for name in rule.get("resourceNames", [])
    ]
