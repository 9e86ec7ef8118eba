"""The steps of helm_checks.py, under the Python that has what they need."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import cluster_secrets
import lifecycle
import podsecurity
import trial
from chart import CHART, Helm, RenderError, cases, parse
from controls import CONTROLS, with_error
from schemas import Checker
from steps import Failed, LeftOut, Steps, expect

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = CHART / "examples"

# Rules of checkov that the chart does not follow: where, and why.
EXCEPTIONS = {
    "CKV_K8S_11": (
        "",
        "a limit of CPU makes people wait while a node has CPU to spare; requests share it out",
    ),
    "CKV_K8S_15": (
        "",
        "images are pinned by version or digest, and a node that has one need not ask the registry again",
    ),
    "CKV_K8S_43": (
        "",
        "digests are the installer's to choose (services.<name>.image.digest); the chart knows versions only",
    ),
    "CKV_K8S_35": (
        r"Deployment\..*-provisioning$",
        "documents name secrets of applications by variables; all others are files",
    ),
    "CKV_K8S_40": (r"StatefulSet\..*-database$", "the image postgres has its own user 999, in trials only"),
    "CKV_K8S_8": (r"Pod\..*-smoke$", "the test pod ends by itself, and has no liveness to ask for"),
    "CKV_K8S_9": (r"Pod\..*-smoke$", "the test pod takes no requests, and has no readiness to ask for"),
}


class Context:
    """Tools by name, and both versions of Helm."""

    def __init__(self, tools: dict[str, str], folder: pathlib.Path, chart: pathlib.Path = CHART) -> None:
        self.tools = tools
        self.folder = folder
        self.helm4 = Helm(tools["helm"], folder / "helm4", chart)
        self.helm3 = Helm(tools["helm3"], folder / "helm3", chart)
        self.checker = Checker()
        self.cases = cases()


def main() -> int:
    tools, only = json.loads(sys.argv[1]), sys.argv[2]
    print("the chart, without a cluster: nothing is scheduled, admitted or pulled, and no network is closed")
    steps = Steps()
    with tempfile.TemporaryDirectory(prefix="tenure-helm-") as name:
        context = Context(tools, pathlib.Path(name))
        for title, step in (
            ("versions of Helm", versions),
            ("helm lint --strict --with-subcharts", lint),
            ("Helm 3 and Helm 4 render the same", same),
            ("two renders are equal", stable),
            ("schemas of Kubernetes 1.37 and of custom resources", schemas),
            ("restricted pod security and what belongs together", security),
            ("an older Kubernetes is refused", old_kubernetes),
            ("README.md is what the values say", readme),
            ("examples are YAML, and yamllint has nothing to say", examples),
            ("checkov", checkov),
            ("errors made on purpose are seen", controls_seen),
            ("tests of the chart", unit_tests),
            ("the program makes the Secrets that its Role names", secrets_written),
            ("a trial's NATS starts with the rendered settings", trial.nats),
            ("a trial's PostgreSQL starts with the rendered settings", trial.database),
        ):
            if only in title:
                steps.take(title, lambda step=step: step(context))
        if only in "stand-in: install, upgrade, rollback, test, uninstall":
            lifecycle.take(steps, tools["helm"], tools["kubectl"])
    return steps.end()


def secrets_written(context: Context) -> str:
    if "tenure" not in context.tools:
        raise LeftOut("there is no program: build it and name it with --tenure")
    return cluster_secrets.secrets_are_written(context.helm4, context.tools["tenure"])


def versions(context: Context) -> str:
    return ", ".join(helm.run("version", "--short").strip() for helm in (context.helm4, context.helm3))


def lint(context: Context) -> str:
    for name, options in context.cases.items():
        try:
            context.helm4.run("lint", "--strict", "--with-subcharts", str(CHART), *options)
        except RenderError as problem:
            raise Failed(f"{name}: {problem}") from problem
    return f"with the values of {', '.join(context.cases)}"


def same(context: Context) -> str:
    count = 0
    for name, options in context.cases.items():
        four, three = (parse(helm.text(*options)) for helm in (context.helm4, context.helm3))
        expect(keyed(four) == keyed(three), f"the objects of {name} differ")
        count += len(four)
    return f"{count} objects"


def keyed(documents: list[dict]) -> dict[tuple[str, str], dict]:
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


def stable(context: Context) -> None:
    for name, options in context.cases.items():
        expect(context.helm4.text(*options) == context.helm4.text(*options), f"two renders of {name} differ")


def schemas(context: Context) -> str:
    count, found = 0, []
    for name, options in context.cases.items():
        for document in context.helm4.render(*options):
            count += 1
            found += [f"{name}: {problem}" for problem in context.checker.problems(document)]
    expect(not found, "\n".join(found))
    return f"{count} objects"


def security(context: Context) -> None:
    found = []
    for name, options in context.cases.items():
        found += [f"{name}: {problem}" for problem in podsecurity.problems(context.helm4.render(*options))]
    expect(not found, "\n".join(found))


def old_kubernetes(context: Context) -> str:
    for version, fits in (("1.29.9", False), ("1.30.0", True), ("1.30.2-gke.100", True)):
        try:
            context.helm4.text(*context.cases["existing"], kubernetes=version)
        except RenderError as problem:
            expect(not fits, f"{version} is refused: {problem}")
        else:
            expect(fits, f"{version} is taken")
    return "1.29 is, 1.30 is not"


def readme(context: Context) -> None:
    run([sys.executable, str(HERE / "readme.py"), "--check"])


def examples(context: Context) -> str:
    files = [
        *sorted(EXAMPLES.glob("*.yaml")),
        *sorted(CHART.glob("values*.yaml")),
        *sorted((CHART / "ci").glob("*.yaml")),
    ]
    rules = {
        "extends": "default",
        "rules": {
            "line-length": {"max": 150},
            "document-start": "disable",
            "comments": {"min-spaces-from-content": 1},
            "truthy": {"check-keys": False},
        },
    }
    run([sys.executable, "-m", "yamllint", "--strict", "--config-data", json.dumps(rules), *map(str, files)])
    return f"{len(files)} files; those for other charts and operators have no schema here"


def checkov(context: Context) -> str:
    with tempfile.TemporaryDirectory(prefix="tenure-checkov-") as name:
        for case in ("trial", "everything", "hook", "nack"):
            path = pathlib.Path(name) / f"{case}.yaml"
            path.write_text(context.helm4.text(*cases()[case]), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "checkov.main",
            "--directory",
            name,
            "--framework",
            "kubernetes",
            "--compact",
        ]
        command += ["--quiet", "--output", "json", "--skip-download"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    try:
        told = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise Failed(done.stderr[-2000:] or done.stdout[-2000:]) from None
    used, found = set(), set()
    for one in told["results"]["failed_checks"]:
        where, _reason = EXCEPTIONS.get(one["check_id"], ("$.", ""))
        if re.search(where, one["resource"]):
            used.add(one["check_id"])
        else:
            found.add(f"{one['check_id']} {one['resource']}: {one['check_name']}")
    expect(not found, "\n".join(sorted(found)))
    expect(
        used == EXCEPTIONS.keys(),
        f"nothing breaks {sorted(EXCEPTIONS.keys() - used)}: take the exceptions away",
    )
    return f"{told['summary']['passed']} passed, {len(EXCEPTIONS)} rules have exceptions"


def controls_seen(context: Context) -> str:
    steps = {step.__name__: step for step in (security, schemas, stable, old_kubernetes)}
    for control in CONTROLS:
        wrong = Context(context.tools, context.folder, with_error(control, context.folder))
        wrong.cases = {control.case: context.cases[control.case]}
        try:
            steps[control.step](wrong)
        except Failed:
            continue
        raise Failed(f"nobody saw {control.what}")
    return f"{len(CONTROLS)} of them"


def unit_tests(context: Context) -> str:
    environment = {**os.environ, "TENURE_HELM": context.tools["helm"]}
    command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "--no-header"]
    command += map(str, sorted(HERE.glob("test_chart_*.py")))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    expect(done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:])
    return done.stdout.strip().splitlines()[-1]


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    expect(done.returncode == 0, done.stdout + done.stderr)


if __name__ == "__main__":
    sys.exit(main())
