"""Reads a directory over LDAP with OpenLDAP's own client: every account, and the members of every group."""
from __future__ import annotations

import base64
import os
import pathlib
import platform
import subprocess
from collections.abc import Iterator

import scim

BASE = "dc=city,dc=example"
BIND = f"cn=tenure,ou=services,{BASE}"
# What the documents keep a person's own number in, and what carries the person's id.
WORKER, PERSON = "description", "employeeNumber"
# Whoever cannot sign in any more: OpenLDAP's password policy has it so.
LOCKED = "pwdAccountLockedTime"

Entry = dict[str, list[str]]


def read(url: str, token: str | None, client: pathlib.Path | None) -> scim.Observed:
    """Reads everything the directory has."""
    if client is None:
        raise scim.Unreadable(f"{url} is read with OpenLDAP's client; name it with --ldapsearch")
    found = list(search(client, url, token or "", f"ou=people,{BASE}", "(objectClass=inetOrgPerson)"))
    ids = {one["dn"][0]: one["entryUUID"][0] for one in found}
    groups = [
        scim.Group(one["entryUUID"][0], one["cn"][0], [ids.get(dn, dn) for dn in one.get("member", []) if dn != one["dn"][0]])
        for one in search(client, url, token or "", f"ou=groups,{BASE}", "(objectClass=groupOfNames)")
    ]
    return scim.Observed([account(one) for one in found], groups)


def account(entry: Entry) -> scim.Account:
    """Returns an entry as an account."""
    first = {name: values[0] for name, values in entry.items()}
    resource = {**first, scim.ENTERPRISE: {"employeeNumber": first.get(WORKER, "")}}
    return scim.Account(first["entryUUID"], first["uid"], LOCKED not in first, first.get(PERSON, ""), resource)


def search(client: pathlib.Path, url: str, token: str, base: str, wanted: str) -> Iterator[Entry]:
    """Yields the entries below one, operational attributes included."""
    tree = client.parents[2]
    triplet = f"{platform.machine()}-linux-gnu"
    libraries = os.pathsep.join(str(tree / part) for part in (f"usr/lib/{triplet}", f"lib/{triplet}", "lib"))
    ran = subprocess.run(
        [client, "-x", "-LLL", "-o", "ldif-wrap=no", "-E", "pr=500/noprompt", "-H", url, "-D", BIND, "-y", "/dev/stdin", "-b", base, wanted, "*", "+"],
        input=token, capture_output=True, text=True, env={"LD_LIBRARY_PATH": libraries}, timeout=60, check=False,
    )
    if ran.returncode:
        raise scim.Unreadable(f"{url}: ldapsearch ended with {ran.returncode}: {ran.stderr.strip()}")
    yield from entries(ran.stdout)


def entries(ldif: str) -> Iterator[Entry]:
    """Reads LDIF (RFC 2849) whose lines are not folded."""
    entry: Entry = {}
    for line in [*ldif.splitlines(), ""]:
        if not line:
            if entry:
                yield entry
            entry = {}
        elif not line.startswith("#"):
            name, _, value = line.partition(":")
            value = base64.b64decode(value[1:]).decode() if value.startswith(":") else value
            entry.setdefault(name, []).append(value.strip())
