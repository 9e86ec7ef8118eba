#!/usr/bin/env python3
"""Lays out the folder from which an image is built around a program that is there already.

    pack.py --program target/x86_64-unknown-linux-gnu/release/audit --sbom target/sbom.cdx.json
    --into FOLDER buildah bud -f deploy/images/Dockerfile --target prebuilt --build-arg BIN=audit
    FOLDER

Refuses a program that needs a loader or a library: there is none in the image. Standard library
only.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
PT_DYNAMIC, PT_INTERP = 2, 3
DT_NEEDED = 1


class Unfit(Exception):
    """A program that cannot run in the image."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--program", type=pathlib.Path, required=True, metavar="FILE")
    parser.add_argument(
        "--sbom", type=pathlib.Path, required=True, metavar="FILE", help="made by sbom.py"
    )
    parser.add_argument(
        "--certificates",
        type=pathlib.Path,
        default=CERTIFICATES,
        metavar="FILE",
        help=f"of the public authorities that are trusted, PEM [default: {CERTIFICATES}]",
    )
    parser.add_argument(
        "--into", type=pathlib.Path, required=True, metavar="FOLDER", help="made if need be"
    )
    arguments = parser.parse_args()
    try:
        refuse_dynamic(arguments.program)
    except Unfit as problem:
        print(f"pack: {problem}", file=sys.stderr)
        return 1
    arguments.into.mkdir(parents=True, exist_ok=True)
    for source, name in [
        (arguments.program, arguments.program.name),
        (arguments.sbom, "sbom.cdx.json"),
        (arguments.certificates, "ca-certificates.crt"),
        (ROOT / "LICENSE", "LICENSE"),
    ]:
        shutil.copyfile(source, arguments.into / name)
    return 0


def refuse_dynamic(program: pathlib.Path) -> None:
    """Raises when a program is not for a 64-bit Linux, or needs a loader or a library."""
    with program.open("rb") as handle:
        header = handle.read(64)
        # 64 bits, least significant byte first.
        if len(header) < 64 or header[:6] != b"\x7fELF\x02\x01":
            raise Unfit(f"{program} is no program for a 64-bit Linux")
        table = struct.unpack_from("<Q", header, 32)[0]
        size, count = struct.unpack_from("<HH", header, 54)
        needed = 0
        for number in range(count):
            handle.seek(table + number * size)
            kind, _, offset, _, _, length, _, _ = struct.unpack("<IIQQQQQQ", handle.read(56))
            if kind == PT_INTERP:
                handle.seek(offset)
                loader = handle.read(length).rstrip(b"\0").decode(errors="replace")
                raise Unfit(
                    f"{program} needs the loader {loader}, and the image has none: build it with "
                    "RUSTFLAGS='-C target-feature=+crt-static' "
                    "and --target x86_64-unknown-linux-gnu"
                )
            if kind == PT_DYNAMIC:
                handle.seek(offset)
                entries = struct.iter_unpack("<qQ", handle.read(length - length % 16))
                needed += sum(tag == DT_NEEDED for tag, _ in entries)
    if needed:
        raise Unfit(f"{program} needs {needed} libraries, and the image has none")


if __name__ == "__main__":
    sys.exit(main())
