"""Images of Tenure's programs, built with buildah into a store of their own and looked at."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import sys

from steps import ROOT, Failed, LeftOut, expect, run

IMAGES = ROOT / "deploy" / "images"
SERVICES = ("hris-ingest", "policy-evaluation", "provisioning", "notification", "audit")
PROGRAMS = (*SERVICES, "tenure")
BUSYBOX = pathlib.Path("/bin/busybox")
CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
LABELS = {
    "source": "https://github.com/tenure-dev/tenure",
    "revision": "checked",
    "version": "0.1.0",
    "licenses": "Apache-2.0",
}
# What podman may do also where this machine is a container itself, which cannot raise its limits.
CONTAINERS = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
helper_binaries_dir = ["/usr/bin", "/usr/lib/podman", "/usr/libexec/podman"]
"""
# Says how it was called, and makes a program that there is already.
COMPILER = """#!/bin/busybox sh
echo "called: cargo $*"
echo "flags: $RUSTFLAGS"
echo "context:" *
for name; do :; done
mkdir -p "target/$(uname -m)-unknown-linux-gnu/release"
cp /bin/busybox "target/$(uname -m)-unknown-linux-gnu/release/$name"
"""


class Builder:
    """Builds images into a folder, and forgets them with it."""

    def __init__(self, work: pathlib.Path) -> None:
        self.work = work
        self.sbom = work / "sbom.cdx.json"
        settings = work / "containers.conf"
        settings.write_text(CONTAINERS, encoding="utf-8")
        self.environment = {"CONTAINERS_CONF": str(settings)}
        self.store = [
            "--root",
            str(work / "store"),
            "--runroot",
            str(work / "running"),
            "--storage-driver",
            "vfs",
        ]

    def buildah(self, *arguments: object) -> str:
        """Runs buildah on the store."""
        return run(["buildah", *self.store, *map(str, arguments)], environment=self.environment)

    def podman(self, *arguments: object, fine: tuple[int, ...] = (0,), seconds: float = 300) -> str:
        """Runs podman on the store."""
        command = ["podman", "--log-level", "error", *self.store, *map(str, arguments)]
        return run(command, environment=self.environment, fine=fine, seconds=seconds)

    def build(self, tag: str, context: pathlib.Path, target: str, **arguments: str) -> str:
        """Builds one image, on top of nothing, and returns what was said meanwhile."""
        given = {
            "RUNTIME_IMAGE": "scratch",
            "REVISION": LABELS["revision"],
            "VERSION": LABELS["version"],
            **arguments,
        }
        options = [
            part for name, value in given.items() for part in ("--build-arg", f"{name}={value}")
        ]
        return self.buildah(
            "bud",
            "--isolation",
            "chroot",
            "--format",
            "oci",
            "--target",
            target,
            *options,
            "--tag",
            tag,
            "--file",
            IMAGES / "Dockerfile",
            context,
        )

    def prebuilt(self, program: pathlib.Path) -> str:
        """Builds an image around a program and looks at all of it."""
        name = program.name
        context = self.work / "context" / name
        run(
            [
                sys.executable,
                IMAGES / "pack.py",
                "--program",
                program,
                "--sbom",
                self.sbom,
                "--into",
                context,
            ]
        )
        self.build(image(name), context, "prebuilt", BIN=name)
        self.look(name)
        version = self.podman(
            "run",
            "--rm",
            "--network",
            "none",
            "--read-only",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            image(name),
            "--version",
        ).strip()
        expect(version.startswith(f"{name} "), f"{name} --version said: {version}")
        return f"{version}, {program.stat().st_size // 1024 // 1024} MiB"

    def look(self, name: str) -> None:
        """Fails where the image is not as docs/operations/images.md says."""
        config = json.loads(self.podman("image", "inspect", image(name)))[0]["Config"]
        expect(config.get("User") == "65532:65532", f"its user is {config.get('User')!r}")
        expect(
            config.get("Entrypoint") == [f"/usr/local/bin/{name}"],
            f"its entry point is {config.get('Entrypoint')}",
        )
        expect(not config.get("Cmd"), f"it has a command: {config.get('Cmd')}")
        expected = {**LABELS, "title": f"tenure-{name}"}
        labels = {key: config["Labels"].get(f"org.opencontainers.image.{key}") for key in expected}
        expect(labels == expected, f"its labels are {labels}, not {expected}")
        there = self.files(image(name))
        wanted = {
            "LICENSE",
            "sbom.cdx.json",
            "etc/ssl/certs/ca-certificates.crt",
            f"usr/local/bin/{name}",
        }
        expect(there == wanted, f"it holds {sorted(there)}, not {sorted(wanted)}")

    def files(self, tag: str) -> set[str]:
        """Returns every file of an image, by its path."""
        mounted = pathlib.Path(self.podman("image", "mount", tag).strip())
        try:
            return {
                path.relative_to(mounted).as_posix()
                for path in mounted.rglob("*")
                if not path.is_dir()
            }
        finally:
            self.podman("image", "unmount", tag)

    def source(self) -> str:
        """Builds from the source with a stand-in for the compiler, which says how it is called."""
        if not BUSYBOX.exists():
            raise LeftOut("it takes busybox-static")
        base = self.work / "compiler"
        (base / "bin").mkdir(parents=True)
        (base / "etc/ssl/certs").mkdir(parents=True)
        shutil.copy(BUSYBOX, base / "bin/busybox")
        shutil.copy(CERTIFICATES, base / "etc/ssl/certs")
        compiler = base / "bin/cargo"
        compiler.write_text(COMPILER, encoding="utf-8")
        compiler.chmod(0o755)
        dockerfile = base / "Dockerfile"
        dockerfile.write_text(
            "FROM scratch\nCOPY bin /bin\nCOPY etc /etc\n"
            'RUN ["/bin/busybox", "--install", "/bin"]\n'
        )
        self.buildah(
            "bud",
            "--isolation",
            "chroot",
            "--tag",
            "localhost/compiler",
            "--file",
            dockerfile,
            base,
        )
        said = self.build(
            "localhost/from-source", ROOT, "service", BIN="audit", RUST_IMAGE="localhost/compiler"
        )
        triple = f"{os.uname().machine}-unknown-linux-gnu"
        for line in (
            f"called: cargo build --locked --release --target {triple} --bin audit",
            "flags: -C target-feature=+crt-static",
        ):
            expect(line in said, f"{line!r} is not in what the build said:\n{said}")
        seen = next(
            (line for line in said.splitlines() if line.startswith("context:")), ""
        ).split()[1:]
        expect(
            set(seen) - {"target"}
            == {"Cargo.lock", "Cargo.toml", "LICENSE", "deploy", "proto", "services", "tests"},
            f"the build was handed {seen}",
        )
        there = self.files("localhost/from-source") - {"sbom.cdx.json"}
        expect(
            there == {"LICENSE", "etc/ssl/certs/ca-certificates.crt", "usr/local/bin/audit"},
            f"it holds {sorted(there)}",
        )
        return triple


def image(program: str) -> str:
    """Returns the name of a program's image, as the chart names it."""
    if program not in PROGRAMS:
        raise Failed(f"{program} is no program of Tenure")
    return f"localhost/tenure-{program}:checked"
