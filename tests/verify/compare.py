"""Names every difference between what shall hold and what the applications have."""
from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

import expected
import scim


class Difference(NamedTuple):
    """One difference; `who` is a worker id, else what the application calls it."""

    kind: str
    application: str
    who: str
    detail: str

    def __str__(self) -> str:
        return f"{self.application}: {self.kind}: {self.who}" + (f" ({self.detail})" if self.detail else "")


def differences(shall: dict[str, expected.Access], has: dict[str, scim.Observed]) -> list[Difference]:
    """Returns every difference in every application, in a stable order."""
    found = [one for name in shall for one in in_application(name, shall[name], has[name])]
    return sorted([*found, *across_applications(has)])


def in_application(name: str, shall: expected.Access, has: scim.Observed) -> Iterator[Difference]:
    """Yields the differences of one application."""
    by_worker: dict[str, list[scim.Account]] = defaultdict(list)
    for account in has.accounts:
        by_worker[account.worker_id].append(account)
    for worker, accounts in by_worker.items():
        if worker not in shall.accounts:
            for account in accounts:
                yield Difference("unmanaged account", name, worker or account.id, account.login)
        elif len(accounts) > 1:
            yield Difference("duplicate account", name, worker, ", ".join(sorted(one.login for one in accounts)))
    for worker, account in shall.accounts.items():
        if worker not in by_worker:
            yield Difference("missing account", name, worker, "")
        for observed in by_worker.get(worker, []):
            yield from in_account(name, worker, account, observed)
    yield from in_logins(name, has)
    yield from in_grants(name, shall, has)


def in_account(name: str, worker: str, shall: expected.Account, has: scim.Account) -> Iterator[Difference]:
    """Yields the differences of one account's state, login and attributes."""
    if has.active and not shall.active:
        yield Difference("wrongly active", name, worker, has.login)
    if shall.active and not has.active:
        yield Difference("wrongly suspended", name, worker, has.login)
    if not any(is_login(has.login, login) for login in shall.logins):
        yield Difference("login differs", name, worker, f"{has.login}, not {' or '.join(sorted(shall.logins))} with or without a number")
    for attribute, values in shall.attributes.items():
        if has.attribute(attribute) not in values:
            shown = " or ".join(repr(value) for value in sorted(values))
            yield Difference("attribute differs", name, worker, f"{attribute} is {has.attribute(attribute)!r}, not {shown}")


def is_login(observed: str, base: str) -> bool:
    """Returns whether a login is the one asked for, or that with the number it gets when it was taken: 2 or more."""
    return observed == base or (
        observed.startswith(base) and re.fullmatch(r"[2-9]|[1-9][0-9]+", observed[len(base) :]) is not None
    )


def in_logins(name: str, has: scim.Observed) -> Iterator[Difference]:
    """Yields every login that several accounts have; upper and lower case are one login."""
    holders: dict[str, list[str]] = defaultdict(list)
    for account in has.accounts:
        holders[account.login.casefold()].append(account.worker_id or account.id)
    for login, who in holders.items():
        if len(who) > 1:
            yield Difference("login not unique", name, login, ", ".join(sorted(who)))


def in_grants(name: str, shall: expected.Access, has: scim.Observed) -> Iterator[Difference]:
    """Yields missing and unmanaged grants, and groups that cannot be told apart."""
    worker_of = {account.id: account.worker_id or account.id for account in has.accounts}
    expected_grants = {(worker, one) for worker, grants in shall.grants.items() for one in grants}
    observed_grants: set[tuple[str, str]] = set()
    for group_name, count in Counter(group.name for group in has.groups).items():
        if count > 1:
            yield Difference("duplicate group", name, group_name, f"{count} groups")
    for group in has.groups:
        for member, count in Counter(group.members).items():
            if member not in worker_of:
                yield Difference("unknown member", name, member, group.name)
                continue
            if count > 1:
                yield Difference("duplicate grant", name, worker_of[member], group.name)
            observed_grants.add((worker_of[member], group.name))
    for worker, entitlement in expected_grants - observed_grants:
        yield Difference("missing grant", name, worker, entitlement)
    for worker, entitlement in observed_grants - expected_grants:
        yield Difference("unmanaged grant", name, worker, entitlement)


def across_applications(has: dict[str, scim.Observed]) -> Iterator[Difference]:
    """Yields accounts whose person's id is missing, is another elsewhere, or is shared with another worker."""
    workers: dict[str, set[str]] = defaultdict(set)
    persons: dict[str, set[str]] = defaultdict(set)
    for name, observed in has.items():
        for account in observed.accounts:
            if not account.worker_id:
                continue
            if not account.person_id:
                yield Difference("person id missing", name, account.worker_id, account.login)
                continue
            workers[account.person_id].add(account.worker_id)
            persons[account.worker_id].add(account.person_id)
    for worker, ids in persons.items():
        if len(ids) > 1:
            yield Difference("person id differs", "all", worker, ", ".join(sorted(ids)))
    for person, ids in workers.items():
        if len(ids) > 1:
            yield Difference("person id shared", "all", person, ", ".join(sorted(ids)))


# --- the proof that differences would be seen


def blind_spots(shall: dict[str, expected.Access], has: dict[str, scim.Observed]) -> tuple[int, list[str]]:
    """Spoils a copy of what was read, one way at a time; returns how many ways, and those that went unseen."""
    tried, unseen = 0, []
    for name in has:
        before = count_kinds(shall, {name: has[name]})
        for kind, spoil in SPOILERS.items():
            spoiled = {name: duplicate(has[name])}
            if spoil(spoiled[name]):
                tried += 1
                if count_kinds(shall, spoiled)[kind] <= before[kind]:
                    unseen.append(f"{kind} in {name}")
    return tried, unseen


def count_kinds(shall: dict[str, expected.Access], has: dict[str, scim.Observed]) -> Counter[str]:
    """Returns how many differences of each kind the given applications have."""
    return Counter(one.kind for one in differences({name: shall[name] for name in has}, has))


def duplicate(has: scim.Observed) -> scim.Observed:
    """Returns a copy that may be spoiled; only the resources are shared."""
    accounts = [dataclasses.replace(one) for one in has.accounts]
    return scim.Observed(accounts, [dataclasses.replace(one, members=list(one.members)) for one in has.groups])


def drop_account(has: scim.Observed) -> bool:
    return bool(has.accounts) and has.accounts.pop() is not None


def add_account(has: scim.Observed) -> bool:
    resource = {"id": "spoiled", "userName": "nobody.known", "active": True}
    has.accounts.append(scim.account(resource))
    return True


def repeat_account(has: scim.Observed) -> bool:
    if has.accounts:
        first = has.accounts[0]
        has.accounts.append(dataclasses.replace(first, id="spoiled", login=f"{first.login}99"))
    return bool(has.accounts)


def flip_active(has: scim.Observed) -> bool:
    active = next((one for one in has.accounts if one.active), None)
    if active:
        active.active = False
    return active is not None


def change_title(has: scim.Observed) -> bool:
    if has.accounts:
        has.accounts[0].resource = {**has.accounts[0].resource, "title": "spoiled"}
    return bool(has.accounts)


def change_login(has: scim.Observed) -> bool:
    if has.accounts:
        has.accounts[0].login = "spoiled!"
    return bool(has.accounts)


def share_login(has: scim.Observed) -> bool:
    if len(has.accounts) > 1:
        has.accounts[0].login = has.accounts[1].login.upper()
    return len(has.accounts) > 1


def forget_person(has: scim.Observed) -> bool:
    if has.accounts:
        has.accounts[0].person_id = ""
    return bool(has.accounts)


def drop_grant(has: scim.Observed) -> bool:
    group = next((one for one in has.groups if one.members), None)
    if group:
        group.members.pop()
    return group is not None


def add_grant(has: scim.Observed) -> bool:
    for group in has.groups:
        members = set(group.members)
        outside = next((one.id for one in has.accounts if one.id not in members), None)
        if outside:
            group.members.append(outside)
            return True
    return False


SPOILERS: dict[str, Callable[[scim.Observed], bool]] = {
    "missing account": drop_account,
    "unmanaged account": add_account,
    "duplicate account": repeat_account,
    "wrongly suspended": flip_active,
    "attribute differs": change_title,
    "login differs": change_login,
    "login not unique": share_login,
    "person id missing": forget_person,
    "missing grant": drop_grant,
    "unmanaged grant": add_grant,
}


def as_expected(shall: dict[str, expected.Access]) -> dict[str, scim.Observed]:
    """Returns applications that have exactly what they shall have, to try the comparison on."""
    return {name: application_as_expected(access) for name, access in shall.items()}


def application_as_expected(shall: expected.Access) -> scim.Observed:
    accounts: list[scim.Account] = []
    members: dict[str, list[str]] = defaultdict(list)
    used: Counter[str] = Counter()
    for worker, account in shall.accounts.items():
        login = min(account.logins)
        used[login] += 1
        resource: dict = {"id": f"account of {worker}", "externalId": f"person {worker}", "active": account.active}
        resource["userName"] = login if used[login] == 1 else f"{login}{used[login]}"
        for attribute, values in account.attributes.items():
            home = resource.setdefault(scim.ENTERPRISE, {}) if attribute in scim.ENTERPRISE_ATTRIBUTES else resource
            home[attribute] = min(values)
        accounts.append(scim.account(resource))
        for entitlement in shall.grants.get(worker, ()):
            members[entitlement].append(resource["id"])
    return scim.Observed(accounts, [scim.Group(name, name, who) for name, who in members.items()])
