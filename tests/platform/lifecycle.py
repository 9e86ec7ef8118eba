"""A release's life under the real Helm, against a stand-in for the API server.

It proves that Helm installs, upgrades, rolls back, tests and uninstalls the chart: schemas, the order of
hooks, that every Secret, ConfigMap and account that a pod names is made before, and that nothing is left
behind. It is no cluster: no pod runs, nothing is scheduled or admitted, and no network is closed.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import tempfile
import threading
from typing import Iterator

from chart import CHART, NAMESPACE, Helm, RenderError, cases
from schemas import Checker, definitions
from standin import kinds
from standin.server import Server
from standin.store import Store
from steps import Failed, Steps, expect

KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{{name: standin, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
contexts: [{{name: standin, context: {{cluster: standin, user: nobody, namespace: {namespace}}}}}]
users: [{{name: nobody, user: {{}}}}]
current-context: standin
"""
WAIT = ["--wait", "--timeout", "60s"]


class Cluster:
    """The stand-in, with Helm and kubectl that speak to it."""

    def __init__(self, helm: str, kubectl: str, folder: pathlib.Path, server: Server) -> None:
        self.kubectl_program = kubectl
        self.log_path = folder / "api.log"
        self.kubeconfig = folder / "kubeconfig"
        port = server.server_address[1]
        self.kubeconfig.write_text(KUBECONFIG.format(port=port, namespace=NAMESPACE), encoding="utf-8")
        self.program = Helm(helm, folder / "helm")
        self.program.environment["KUBECONFIG"] = str(self.kubeconfig)
        self.store = server.store

    def helm(self, *arguments: str) -> str:
        try:
            return self.program.run(*arguments, "--namespace", NAMESPACE)
        except RenderError as problem:
            raise Failed(f"helm {arguments[0]}: {problem}") from problem

    def kubectl(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [self.kubectl_program, "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)

    def log(self) -> list[dict]:
        return [json.loads(line) for line in self.log_path.read_text(encoding="utf-8").splitlines()]

    def there(self, kind: str) -> list[str]:
        return sorted(one["metadata"]["name"] for one in self.store.of_kind(kind, NAMESPACE))


@contextlib.contextmanager
def cluster(helm: str, kubectl: str) -> Iterator[Cluster]:
    """Holds an empty stand-in on a free port of loopback."""
    with tempfile.TemporaryDirectory(prefix="tenure-standin-") as name:
        folder = pathlib.Path(name)
        custom = definitions()
        server = Server(0, Store(Checker(custom), folder / "api.log"), kinds.table(custom))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Cluster(helm, kubectl, folder, server)
        finally:
            server.shutdown()
            server.server_close()


def take(steps: Steps, helm: str, kubectl: str) -> None:
    """Takes every step of the life of a release."""
    with cluster(helm, kubectl) as there:
        for name, step in (
            ("helm install --wait of a trial", install_trial),
            ("helm upgrade --wait", upgrade),
            ("helm rollback --wait", rollback),
            ("helm test", test),
            ("helm uninstall --wait", uninstall),
        ):
            if not steps.take(f"stand-in: {name}", lambda step=step: step(there)):
                return
    with cluster(helm, kubectl) as there:
        steps.take("stand-in: pods wait for Secrets that nobody made", lambda: existing(there))
        steps.take("stand-in: every kind of object, and kubectl", lambda: everything(there))
        steps.take("stand-in: a wrong object is refused", lambda: wrong(there))
    with cluster(helm, kubectl) as there:
        steps.take("stand-in: hooks migrate before the release", lambda: hooks(there))


def install_trial(there: Cluster) -> str:
    there.helm("install", "t", str(CHART), *cases()["trial"], *WAIT)
    done = [(one["verb"], one.get("kind"), one.get("name")) for one in there.log()]
    finished = done.index(("FINISH", "Job", "t-tenure-credentials-hook"))
    first = min(
        index for index, (_verb, kind, _name) in enumerate(done) if kind in ("Deployment", "StatefulSet")
    )
    expect(finished < first, "workloads were made before the credentials")
    made = [name for verb, kind, name in done[:first] if (verb, kind) == ("MAKE", "Secret")]
    expect("t-tenure-nats-server" in made, f"the hook made {made}")
    left = [
        one["metadata"]["name"]
        for kind in ("Role", "RoleBinding", "ServiceAccount", "Job")
        for one in there.store.of_kind(kind, NAMESPACE)
        if one["metadata"]["name"].endswith("-hook")
    ]
    expect(not left, f"the hook left {left} behind")
    return f"{len(there.store.objects)} objects, {len(made)} Secrets"


def upgrade(there: Cluster) -> str:
    there.helm("upgrade", "t", str(CHART), *cases()["trial"], "--set", "services.audit.replicas=2", *WAIT)
    jobs = [name for name in there.there("Job") if name.endswith("-1")]
    expect(not jobs, f"Jobs of the first revision are still there: {jobs}")
    expect(
        "t-tenure-migrate-audit-2" in there.there("Job"), "the second revision has no Job that migrates audit"
    )
    return f"Jobs {', '.join(there.there('Job'))}"


def rollback(there: Cluster) -> str:
    there.helm("rollback", "t", "1", *WAIT)
    (audit,) = [
        one
        for one in there.store.of_kind("Deployment", NAMESPACE)
        if one["metadata"]["name"] == "t-tenure-audit"
    ]
    expect(audit["spec"]["replicas"] == 1, "audit still has two replicas")
    return "audit is back at one pod"


def test(there: Cluster) -> str:
    said = there.helm("test", "t", "--timeout", "60s")
    expect("Succeeded" in said, said)
    expect(not there.there("Pod"), "the test pod is still there")
    return "the pod of `tenure smoke` completes; the program itself does not run here"


def uninstall(there: Cluster) -> str:
    there.helm("uninstall", "t", *WAIT)
    left = {key for key, one in there.store.objects.items() if one["kind"] != "Secret"}
    expect(not left, f"left behind: {sorted(left)}")
    return f"only {len(there.there('Secret'))} Secrets are left, which the release did not make itself"


def existing(there: Cluster) -> str:
    options = cases()["existing"]
    try:
        there.program.run(
            "install", "e", str(CHART), *options, "--wait", "--timeout", "4s", "--namespace", NAMESPACE
        )
    except RenderError:
        pass
    else:
        raise Failed("helm says that pods are ready whose Secrets do not exist")
    for name in missing(there):
        make(there, "Secret", name)
    there.helm("upgrade", "e", str(CHART), *options, *WAIT)
    there.helm("uninstall", "e", *WAIT)
    return "not ready without, ready with them"


def missing(there: Cluster) -> list[str]:
    """Returns the Secrets that workloads wait for."""
    with there.store.lock:
        found = [
            one for key, document in there.store.objects.items() for one in there.store.missing(key, document)
        ]
    return sorted({one.removeprefix("Secret/") for one in found if one.startswith("Secret/")})


def make(there: Cluster, kind: str, name: str) -> None:
    """Makes an empty object that somebody else would have made."""
    manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}}
    made = there.kubectl("apply", "--server-side", "--filename", "-", given=json.dumps(manifest))
    expect(made.returncode == 0, made.stderr)


def everything(there: Cluster) -> str:
    for name in ("application-passwords", "smtp", "postgres-ca"):
        make(there, "Secret", name)
    make(there, "ConfigMap", "proxies")
    there.helm("install", "all", str(CHART), *cases()["everything"], *WAIT)
    listed = there.kubectl(
        "--namespace", NAMESPACE, "get", "scaledobjects,servicemonitors,httproutes", "--output", "name"
    )
    expect(
        listed.returncode == 0 and "scaledobject.keda.sh/all-tenure-audit" in listed.stdout,
        listed.stdout + listed.stderr,
    )
    there.helm("uninstall", "all", *WAIT)
    return f"{len(listed.stdout.split())} custom resources"


def wrong(there: Cluster) -> str:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "wrong"},
        "dat": {"a": "b"},
    }
    said = there.kubectl("apply", "--server-side", "--filename", "-", given=json.dumps(manifest))
    expect(said.returncode != 0 and "dat" in said.stderr, f"it was taken: {said.stdout}{said.stderr}")
    return said.stderr.strip().splitlines()[0][:120]


def hooks(there: Cluster) -> str:
    there.helm("install", "h", str(CHART), *cases()["hook"], *WAIT)
    done = [
        (one["verb"], one.get("name", "")) for one in there.log() if one.get("kind") in ("Job", "Deployment")
    ]
    finished = [name for verb, name in done if verb == "FINISH"]
    expect(finished[0] == "h-tenure-credentials-hook", f"first came {finished[0]}")
    expect(finished[1] == "h-tenure-databases-1", f"then came {finished[1]}")
    first = next(index for index, (_verb, name) in enumerate(done) if name == "h-tenure-audit")
    migrated = [name for verb, name in done[:first] if verb == "FINISH" and "-migrate-" in name]
    expect(len(migrated) == 5, f"before the first Deployment came {migrated}")
    there.helm("uninstall", "h", *WAIT)
    return "credentials, databases, five migrations, then the release"
