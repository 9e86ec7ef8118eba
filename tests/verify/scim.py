"""Reads an application over SCIM 2.0: every account, and the members of every group."""
from __future__ import annotations

import dataclasses
import http.client
import json
import time
import urllib.parse
from collections.abc import Iterator

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ENTERPRISE_ATTRIBUTES = {"employeeNumber", "costCenter", "organization", "division", "department"}
PAGE = 500
TRIES = 5
LONGEST_WAIT_SECONDS = 10.0
TIMEOUT_SECONDS = 60.0


class Unreadable(Exception):
    """The application did not tell what it has."""


@dataclasses.dataclass
class Account:
    """An account as the application has it."""

    id: str
    login: str
    active: bool
    person_id: str
    resource: dict

    def attribute(self, name: str) -> str:
        """Returns an attribute's value, empty if there is none."""
        home = self.resource.get(ENTERPRISE, {}) if name in ENTERPRISE_ATTRIBUTES else self.resource
        value = home.get(name)
        return "" if value is None else str(value)

    @property
    def worker_id(self) -> str:
        return self.attribute("employeeNumber")


@dataclasses.dataclass
class Group:
    """A group and the ids of its members, in the order told."""

    id: str
    name: str
    members: list[str]


@dataclasses.dataclass
class Observed:
    """All that one application has."""

    accounts: list[Account]
    groups: list[Group]


def read(url: str, token: str | None) -> Observed:
    """Reads everything an application has."""
    client = Client(url, token)
    accounts = [account(resource) for resource in client.list("/Users")]
    groups = []
    for resource in client.list("/Groups"):
        # A list may leave members out, and a group without any looks the same.
        whole = resource if resource.get("members") else client.get(f"/Groups/{urllib.parse.quote(resource['id'])}")
        members = [member["value"] for member in whole.get("members") or []]
        groups.append(Group(whole["id"], whole["displayName"], members))
    return Observed(accounts, groups)


def account(resource: dict) -> Account:
    """Returns a SCIM user as an account."""
    active = resource.get("active", True)
    return Account(resource["id"], resource.get("userName") or "", active is True, resource.get("externalId") or "", resource)


class Client:
    """Asks one service provider, over one connection that is kept open."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unreadable(f"{url} is not an http address")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
        self.base = parts.path.rstrip("/")
        self.headers = {"Accept": "application/scim+json", "User-Agent": "tenure-verify"}
        if token is not None:
            self.headers["Authorization"] = f"Bearer {token}"

    def list(self, path: str) -> Iterator[dict]:
        """Reads all pages of a list; what is told twice or not at all is refused."""
        seen: set[str] = set()
        start = 1
        while True:
            page = self.get(f"{path}?startIndex={start}&count={PAGE}")
            resources = page.get("Resources") or []
            for resource in resources:
                if resource["id"] in seen:
                    raise Unreadable(f"{path} told {resource['id']} on two pages")
                seen.add(resource["id"])
                yield resource
            start += len(resources)
            if start > page["totalResults"]:
                return
            if not resources:
                raise Unreadable(f"{path} told {len(seen)} of {page['totalResults']}")

    def get(self, path: str) -> dict:
        """Reads one document, and asks again when told to wait or when a kept connection was closed."""
        problem = "no answer"
        for _ in range(TRIES):
            try:
                self.connection.request("GET", self.base + path, headers=self.headers)
                response = self.connection.getresponse()
                body = response.read()
            except (http.client.HTTPException, OSError) as error:
                self.connection.close()
                problem = repr(error)
                continue
            if response.status == 200:
                return json.loads(body)
            problem = f"status {response.status}"
            if response.status not in (429, 500, 502, 503, 504):
                break
            time.sleep(min(float(response.getheader("Retry-After") or 1), LONGEST_WAIT_SECONDS))
        raise Unreadable(f"GET {path}: {problem}")
