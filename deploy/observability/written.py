"""Keeps files that a program writes, and finds those that somebody changed by hand."""

import sys
from pathlib import Path


def keep(folder: Path, pattern: str, files: dict[Path, str], *, check: bool) -> int:
    """Writes a folder's files, or with `check` only says which differ; returns the exit code."""
    differing = drift(folder, pattern, files)
    if check:
        for path in differing:
            print(f"{path} is not what its source makes: run the program without --check", file=sys.stderr)
        return 1 if differing else 0
    folder.mkdir(parents=True, exist_ok=True)
    for path in differing:
        if path in files:
            path.write_text(files[path], encoding="utf-8")
        else:
            path.unlink()
        print(path)
    return 0


def drift(folder: Path, pattern: str, files: dict[Path, str]) -> list[Path]:
    """Returns the files that are missing, that differ, and that nothing makes."""
    differing = [
        path
        for path, text in files.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    return sorted(differing + [path for path in folder.glob(pattern) if path not in files])
