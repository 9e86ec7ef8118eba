#!/usr/bin/env python3
"""Checks that every migration can run while the version before it still works.

    python tests/platform/sql_checks.py --bin FOLDER     squawk in FOLDER, else the one beside this
    Python or on PATH python tests/platform/sql_checks.py --record         at a release: what is
    there is released from now on

.squawk.toml says which rules are not asked for at all. A migration that is released is never
changed: sqlx refuses to go on where one differs from what was done. Those in
released_migrations.json were made before anybody had a database with people in it, so the rules
about tables in use, below, are not asked of them; of any other file every rule is.
docs/operations/upgrade.md says what to write in place of what is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterable

from steps import ROOT, Steps, expect, run, tool

RELEASED = pathlib.Path(__file__).with_name("released_migrations.json")
FOLDERS = [
    ROOT / "services" / "lib" / "store" / "migrations",
    *sorted(ROOT.glob("services/*/migrations")),
]

# What only matters where rows and readers are already there, with what takes its place in a new
# file.
TABLES_IN_USE = {
    "require-concurrent-index-creation": "CREATE INDEX CONCURRENTLY, alone in its file",
    "constraint-missing-not-valid": "NOT VALID, and VALIDATE CONSTRAINT in a later file",
    "ban-drop-constraint": "a squawk-ignore with the reason why nobody relies on it any more",
    "adding-field-with-default": "a column without a default, filled by the service",
}

# One statement for each mistake that must be found, whatever .squawk.toml says.
MISTAKES = {
    "adding-required-field": "ALTER TABLE people ADD COLUMN mail text NOT NULL;",
    "ban-drop-column": "ALTER TABLE people DROP COLUMN mail;",
    "ban-drop-table": "DROP TABLE people;",
    "renaming-column": "ALTER TABLE people RENAME COLUMN mail TO email;",
    "renaming-table": "ALTER TABLE people RENAME TO persons;",
    "changing-column-type": "ALTER TABLE people ALTER COLUMN mail TYPE bigint;",
    "adding-not-nullable-field": "ALTER TABLE people ALTER COLUMN mail SET NOT NULL;",
    "require-concurrent-index-creation": "CREATE INDEX people_mail ON people (mail);",
    "constraint-missing-not-valid": "ALTER TABLE people ADD CONSTRAINT mailed CHECK (mail <> '');",
    "adding-foreign-key-constraint": "ALTER TABLE people ADD FOREIGN KEY (mail) REFERENCES mails;",
    "disallowed-unique-constraint": "ALTER TABLE people ADD CONSTRAINT one UNIQUE (mail);",
    "ban-drop-constraint": "ALTER TABLE people DROP CONSTRAINT one;",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bin", type=pathlib.Path, metavar="FOLDER", help="where squawk is")
    parser.add_argument("--record", action="store_true", help="write released_migrations.json")
    arguments = parser.parse_args()
    files = {
        path.relative_to(ROOT).as_posix(): path
        for folder in FOLDERS
        for path in sorted(folder.glob("*.sql"))
    }
    if arguments.record:
        record(files)
        return 0
    squawk = tool(arguments.bin, "squawk")
    released = json.loads(RELEASED.read_text(encoding="utf-8"))
    new = sorted(set(files) - set(released))
    steps = Steps()
    steps.take("migrations are named and numbered", lambda: numbered(files))
    steps.take("released migrations are as they were released", lambda: unchanged(files, released))
    steps.take("migrate limits how long it waits for a lock", lock_limited)
    steps.take("squawk finds mistakes", lambda: finds_mistakes(squawk))
    steps.take(
        "squawk, released migrations",
        lambda: lint(squawk, sorted(set(files) & set(released)), TABLES_IN_USE),
    )
    steps.take("squawk, new migrations", lambda: lint(squawk, new, ()))
    steps.take("indexes that are built beside the service stand alone", lambda: concurrent(files))
    return steps.end()


def record(files: dict[str, pathlib.Path]) -> None:
    """Writes down the migrations that are there, by hash."""
    hashes = {name: digest(path) for name, path in sorted(files.items())}
    RELEASED.write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")
    print(f"{len(hashes)} migrations recorded in {RELEASED.name}")


def digest(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def numbered(files: dict[str, pathlib.Path]) -> str:
    """Fails unless files are called 0001_what_it_does.sql, each number once in a folder."""
    seen: dict[tuple[pathlib.Path, int], str] = {}
    for name, path in files.items():
        parts = re.fullmatch(r"(\d{4})_[a-z0-9_]+\.sql", path.name)
        expect(parts is not None, f"{name} is not called like 0001_what_it_does.sql")
        other = seen.setdefault((path.parent, int(parts[1])), name)
        expect(other == name, f"{other} and {name} have one number")
    return f"{len(files)} files in {len(FOLDERS)} folders"


def unchanged(files: dict[str, pathlib.Path], released: dict[str, str]) -> str:
    """Fails where a released file is gone or differs."""
    for name, hashed in released.items():
        expect(
            name in files,
            f"{name} is released and gone: databases that know it would be refused",
        )
        expect(
            digest(files[name]) == hashed, f"{name} is released and was changed: write another file"
        )
    return f"{len(released)} files"


def lock_limited() -> None:
    """Fails where .squawk.toml has no reason to leave out require-lock-timeout."""
    schema = ROOT / "services" / "lib" / "store" / "src" / "schema.rs"
    expect(
        '("lock_timeout", "10s")' in schema.read_text(encoding="utf-8"),
        f"{schema} sets no lock_timeout",
    )


def finds_mistakes(squawk: str) -> str:
    """Fails unless each mistake is refused by its rule."""
    with tempfile.TemporaryDirectory() as folder:
        for rule, statement in MISTAKES.items():
            path = pathlib.Path(folder) / f"{rule}.sql"
            path.write_text(statement + "\n", encoding="utf-8")
            said = run([squawk, "--reporter=gcc", path], fine=(0, 1))
            expect(f" {rule} " in said, f"{rule} was not found in: {statement}\n{said}")
    return f"{len(MISTAKES)} mistakes"


def lint(squawk: str, names: list[str], exempt: Iterable[str]) -> str:
    """Asks squawk about files; those without a transaction are asked as such."""
    plain = [name for name in names if not outside_of_transaction(ROOT / name)]
    alone = [name for name in names if outside_of_transaction(ROOT / name)]
    # The option takes the place of the list in the file.
    always = tomllib.loads((ROOT / ".squawk.toml").read_text(encoding="utf-8"))["excluded_rules"]
    excluded = [f"--exclude={','.join([*always, *exempt])}"]
    for group, option in [(plain, []), (alone, ["--no-assume-in-transaction"])]:
        if group:
            run([squawk, "--reporter=gcc", *option, *excluded, *group])
    return f"{len(plain)} in a transaction, {len(alone)} outside"


def outside_of_transaction(path: pathlib.Path) -> bool:
    """Returns whether sqlx runs a file outside of a transaction."""
    return path.read_text(encoding="utf-8").startswith("-- no-transaction")


def concurrent(files: dict[str, pathlib.Path]) -> str:
    """Fails where PostgreSQL would refuse to build an index beside the service.

    It is built outside of a transaction, and several statements that are sent at once are one.
    """
    count = 0
    for name, path in files.items():
        text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
        if "CONCURRENTLY" not in text.upper() and not outside_of_transaction(path):
            continue
        count += 1
        statements = [part for part in text.split(";") if part.strip()]
        expect(
            outside_of_transaction(path),
            f"{name} builds CONCURRENTLY: its first line must be -- no-transaction",
        )
        expect(
            len(statements) == 1,
            f"{name} holds {len(statements)} statements; outside of a transaction it must be one",
        )
    return f"{count} files"


if __name__ == "__main__":
    sys.exit(main())
