#!/usr/bin/env python3
"""Compares applications with an independent calculation of who shall have what.

    verify.py --snapshot 2012-06-30=FY2012.csv --policies policies/ \\
        --application directory=http://127.0.0.1:1234/scim/v2,token=env:DIRECTORY_TOKEN \\
        --application records=http://127.0.0.1:1235/scim/v2,token=file:/run/records.token ...

Reads the workforce file and the policy documents, works out every account and grant, reads each application
over SCIM 2.0 or LDAP, names each difference, and ends with the line `differences: N`. Exits with 0 if there are none,
with 1 if there are, with 2 if the comparison could not be made. With --json it prints one JSON object instead.
Several files, each a --snapshot of its own in the order of their days, are full: who is missing in a later one has left.
Without --application it prints what is expected and compares nothing. What humans do by hand cannot be read here:
a manual application is left out.

--self-test also spoils what was read, in memory and one way at a time, and fails unless each is seen.

Run it with the interpreter that `deploy/tools/fetch.py python-peers` names.
"""
from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import sys
import time
import zoneinfo
from collections import Counter

# Leaves no compiled files beside the sources.
sys.dont_write_bytecode = True

import compare
import expected
import ldap
import scim


@dataclasses.dataclass
class Target:
    """Where an application is, and where its token is kept."""

    name: str
    url: str
    token: str | None


def target(text: str) -> Target:
    """Reads NAME=URL[,token=env:NAME|file:PATH]; a bare token is a file if there is one, else a variable."""
    address, _, source = text.partition(",token=")
    name, separator, url = address.partition("=")
    if not separator or not name or not url:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=URL[,token=SOURCE]")
    kind, separator, place = source.partition(":")
    if kind not in ("env", "file") or not separator:
        kind, place = ("file" if os.path.isfile(source) else "env"), source
    token = None
    if source and kind == "file":
        token = pathlib.Path(place).read_text(encoding="utf-8").strip()
    elif source:
        token = os.environ.get(place)
    if source and not token:
        raise argparse.ArgumentTypeError(f"no token for {name} in {kind}:{place}")
    return Target(name, url, token)


def snapshot(text: str) -> tuple[datetime.date, pathlib.Path]:
    """Reads DATE=FILE."""
    day, separator, path = text.partition("=")
    try:
        return datetime.date.fromisoformat(day), pathlib.Path(path if separator else "")
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{text!r} is not DATE=FILE") from problem


def read_history(snapshots: list[tuple[datetime.date, pathlib.Path]], today: datetime.date) -> tuple[dict[str, expected.Person], list[str]]:
    """Returns everybody after the newest file, and for each row that is nobody the reason."""
    days = [day for day, _ in snapshots]
    if days != sorted(set(days)) or days[-1] > today:
        raise expected.Unusable("snapshots must be given in the order of their days, none of a day to come")
    people: dict[str, expected.Person] = {}
    rejected: list[str] = []
    for day, path in snapshots:
        listed, problems = expected.read_people(path, day)
        people = expected.after(people, listed)
        rejected += [f"{path.name} {problem}" for problem in problems]
    return people, rejected


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshot", type=snapshot, action="append", required=True, metavar="DATE=FILE",
                        help="a workforce file and the day it tells of; again for each later one")
    parser.add_argument("--policies", type=pathlib.Path, action="append", required=True, metavar="DIR",
                        help="a folder of policy documents; again for each other one")
    parser.add_argument("--application", type=target, action="append", default=[], metavar="NAME=URL[,token=SOURCE]")
    parser.add_argument("--ldapsearch", type=pathlib.Path, metavar="FILE", help="OpenLDAP's client, for ldap:// addresses")
    parser.add_argument("--zone", type=zoneinfo.ZoneInfo, default="America/New_York", help="where days begin (%(default)s)")
    parser.add_argument("--today", type=datetime.date.fromisoformat, help="the day to calculate for, if not today")
    parser.add_argument("--limit", type=int, default=100, help="how many differences to print (%(default)s)")
    parser.add_argument("--self-test", action="store_true", help="prove that differences would be seen")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    try:
        return verify(arguments)
    except (expected.Unusable, scim.Unreadable, OSError, UnicodeDecodeError) as problem:
        print(f"verify: {problem}", file=sys.stderr)
        return 2


def verify(arguments: argparse.Namespace) -> int:
    """Calculates, reads, compares and reports; returns the exit code."""
    began = time.monotonic()
    today = arguments.today or datetime.datetime.now(arguments.zone).date()
    people, rejected = read_history(arguments.snapshot, today)
    documents = expected.read_documents(*arguments.policies)
    shall = expected.expected_access(people.values(), documents, today)
    for name in [name for name, spec in documents.applications.items() if spec["connector"]["kind"] == "manual"]:
        del shall[name]
    calculated = time.monotonic()
    report = {
        "today": today.isoformat(),
        "people": len(people),
        "left": sum(person.left for person in people.values()),
        "rejected_rows": rejected,
        "policies": len(documents.policies),
        "bundles": len(documents.bundles),
        "calculation_seconds": round(calculated - began, 1),
    }
    has = read_applications(arguments.application, shall, arguments.ldapsearch)
    found = compare.differences(shall, has) if has else []
    report["reading_seconds"] = round(time.monotonic() - calculated, 1)
    report["applications"] = {name: counts(name, shall[name], has.get(name), found) for name in shall}
    unseen = []
    if arguments.self_test:
        tried, unseen = compare.blind_spots(shall, has or compare.as_expected(shall))
        report["self_test"] = {"spoiled": tried, "unseen": unseen}
    report["kinds"] = dict(sorted(Counter(one.kind for one in found).items()))
    report["named"] = [one._asdict() for one in found[: arguments.limit]]
    report["differences"] = len(found) if has else None
    if arguments.json:
        print(json.dumps(report))
    else:
        print_report(report, found, arguments.limit)
    return 2 if unseen else int(bool(found))


def read_applications(
    targets: list[Target], shall: dict[str, expected.Access], ldapsearch: pathlib.Path | None
) -> dict[str, scim.Observed]:
    """Reads every application; either all that the documents name are given, or none."""
    given = {one.name: one for one in targets}
    if targets and (len(given) != len(targets) or set(given) != set(shall)):
        raise expected.Unusable(f"each of {', '.join(shall)} must be given as --application, once; given: {', '.join(given)}")
    return {
        name: ldap.read(one.url, one.token, ldapsearch) if one.url.startswith("ldap") else scim.read(one.url, one.token)
        for name, one in given.items()
    }


def counts(name: str, shall: expected.Access, has: scim.Observed | None, found: list[compare.Difference]) -> dict[str, int | None]:
    """Returns one application's row of the table."""
    return {
        "accounts_expected": len(shall.accounts),
        "accounts_observed": len(has.accounts) if has else None,
        "grants_expected": sum(map(len, shall.grants.values())),
        "grants_observed": sum(len(group.members) for group in has.groups) if has else None,
        "reasons": shall.reasons,
        "differences": sum(one.application == name for one in found) if has else None,
    }


def print_report(report: dict, found: list[compare.Difference], limit: int) -> None:
    """Prints tables for people to read; the last line is for programs."""
    print(f"{report['people']} people, {report['left']} of them left, {len(report['rejected_rows'])} rejected rows, {report['policies']} policies, "
          f"{report['bundles']} bundles, as of {report['today']}")
    print(f"calculated in {report['calculation_seconds']} s, read and compared in {report['reading_seconds']} s")
    for line in report["rejected_rows"][:limit]:
        print(f"rejected: {line}")
    print(f"\n{'application':<16}{'accounts':>10}{'observed':>10}{'grants':>10}{'observed':>10}{'reasons':>10}{'differences':>13}")
    for name, row in report["applications"].items():
        cells = ["-" if value is None else str(value) for value in row.values()]
        print(f"{name:<16}" + "".join(f"{cell:>10}" for cell in cells[:-1]) + f"{cells[-1]:>13}")
    print()
    for one in found[:limit]:
        print(one)
    if len(found) > limit:
        print(f"and {len(found) - limit} more")
    for kind, count in report["kinds"].items():
        print(f"{kind}: {count}")
    if "self_test" in report:
        told = report["self_test"]
        print(f"self-test: {told['spoiled']} ways to spoil it, {len(told['unseen'])} unseen {told['unseen'] or ''}".rstrip())
    if report["differences"] is None:
        print("nothing was compared: no --application was given")
    else:
        print(f"differences: {report['differences']}")


if __name__ == "__main__":
    sys.exit(main())
