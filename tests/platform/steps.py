"""One line for every step of a check, and why a step failed."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Failed(Exception):
    """A step found what must not be; the text says what."""


class LeftOut(Exception):
    """A step cannot be taken on this machine; the text says why."""


class Steps:
    """Takes steps one after the other, tells of each, and remembers how they ended."""

    def __init__(self) -> None:
        self.passed = self.failed = self.left_out = 0

    def take(self, name: str, step: Callable[[], str | None]) -> bool:
        """Takes a step and returns whether it passed; it may return a word on what it saw."""
        begun = time.monotonic()
        try:
            word, said = "ok", step() or ""
            self.passed += 1
        except LeftOut as reason:
            word, said = "left out", str(reason)
            self.left_out += 1
        except (Failed, OSError, subprocess.TimeoutExpired) as problem:
            word, said = "FAILED", str(problem)
            self.failed += 1
        took = time.monotonic() - begun
        print(f"{word:8} {name} ({took:.1f} s){': ' + said if said else ''}", flush=True)
        return word == "ok"

    def end(self) -> int:
        """Returns the exit code, after a closing line."""
        print(f"{self.passed} passed, {self.failed} failed, {self.left_out} skipped")
        return 1 if self.failed else 0


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    seconds: float = 300,
    fine: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
    cwd: pathlib.Path = ROOT,
) -> str:
    """Runs a program to its end and returns what it printed; fails unless its exit code is fine."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
    )
    if done.returncode not in fine:
        tail = "\n".join(done.stdout.strip().splitlines()[-40:])
        raise Failed(f"{pathlib.Path(command[0]).name} ended with {done.returncode}:\n{tail}")
    return done.stdout


def expect(holds: bool, otherwise: str) -> None:
    """Fails with a text unless something holds."""
    if not holds:
        raise Failed(otherwise)


def tool(folder: pathlib.Path | None, name: str) -> str:
    """Returns a program of a folder of tools, else of this Python's packages, else on PATH."""
    packages = [pathlib.Path(path) / "bin" for path in sys.path]
    candidates = [
        *([folder] if folder else []),
        *packages,
        pathlib.Path(sys.executable).parent,
        *map(pathlib.Path, os.environ.get("PATH", "").split(os.pathsep)),
    ]
    for candidate in candidates:
        if os.access(candidate / name, os.X_OK):
            return str(candidate / name)
    raise Failed(f"there is no {name}: name a folder that holds it with --bin")
