"""Works out, from the workforce file and the policy documents alone, who shall have what in which application.

Nothing here is shared with the services: the file is parsed by csv, documents by PyYAML, conditions are
evaluated by the reference implementation of CEL.
"""
from __future__ import annotations

import csv
import dataclasses
import datetime
import pathlib
import re
import unicodedata
from collections.abc import Iterable

import yaml
from cel_expr_python import cel

COLUMNS = ["SurveyYear", "Name", "JobTitle", "AgencyID", "Agency", "HireDate"]
API_VERSION = "tenure.dev/v1"
KINDS = ("AttributeSchema", "Application", "Bundle", "AccessPolicy")

Date = datetime.date
Attributes = dict[str, str]


class Unusable(Exception):
    """The input cannot be calculated with; the message says where and why."""


# --- people


@dataclasses.dataclass
class Person:
    """Somebody in the workforce file; one set of attributes for each engagement."""

    worker_id: str
    start: Date
    engagements: dict[str, Attributes] = dataclasses.field(default_factory=dict)
    # What earlier files said; it tells where there has to be an account still.
    past: list[Attributes] = dataclasses.field(default_factory=list)
    # The newest file leaves them out: they keep the engagements they had, and may use nothing.
    left: bool = False


def read_people(path: pathlib.Path, snapshot: Date) -> tuple[dict[str, Person], list[str]]:
    """Returns people by worker id, and for each row that is nobody the reason."""
    people: dict[str, Person] = {}
    rejected: list[str] = []
    with open(path, encoding="utf-8", newline="") as handle:
        rows = csv.reader(handle, strict=True)
        if next(rows, None) != COLUMNS:
            raise Unusable(f"{path}: the header is not {','.join(COLUMNS)}")
        for row in rows:
            try:
                add_row(people, row, snapshot)
            except ValueError as problem:
                rejected.append(f"line {rows.line_num}: {problem}")
    return people, rejected


def after(before: dict[str, Person], now: dict[str, Person]) -> dict[str, Person]:
    """Returns everybody after a full file: who is in it as it says, who is not has left."""
    people = {}
    for worker_id in before.keys() | now.keys():
        was, is_now = before.get(worker_id), now.get(worker_id)
        if is_now is None:
            people[worker_id] = dataclasses.replace(was, left=True)
        elif was is None:
            people[worker_id] = is_now
        else:
            past = [*was.past, *was.engagements.values()]
            people[worker_id] = dataclasses.replace(is_now, start=min(was.start, is_now.start), past=past)
    return people


def add_row(people: dict[str, Person], row: list[str], snapshot: Date) -> None:
    """Adds one row's engagement to its person."""
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} columns")
    _, name, title, agency_id, agency, hired = (" ".join(cell.split()) for cell in row)
    agency = without_site_number(agency)
    if not name:
        raise ValueError("no name")
    start = two_digit_year_date(hired, snapshot) if hired else None
    worker_id = f"{name}|{start.isoformat() if start else ''}"
    person = people.setdefault(worker_id, Person(worker_id, start or snapshot))
    if agency_id in person.engagements:
        raise ValueError("the same person and agency id as an earlier row")
    values = {"display_name": given_name_first(name), "title": title, "agency": agency, "agency_id": agency_id}
    person.engagements[agency_id] = {key: value for key, value in values.items() if value} | {"worker_id": worker_id}


def without_site_number(agency: str) -> str:
    """Turns "Police Department (133)", as some years write it, into "Police Department"."""
    return re.sub(r"\s*\([0-9]+\)$", "", agency)


def two_digit_year_date(text: str, snapshot: Date) -> Date:
    """Reads month/day/year; of all the years that end so, the latest that gives a day not after the snapshot."""
    found = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{2})", text)
    if not found:
        raise ValueError("the hire date is not month/day/two-digit year")
    month, day, ending = map(int, found.groups())
    for year in range(snapshot.year, snapshot.year - 400, -1):
        if year % 100 == ending:
            try:
                date = Date(year, month, day)
            except ValueError:
                continue
            if date <= snapshot:
                return date
    raise ValueError("there is no such day as the hire date")


def given_name_first(name: str) -> str:
    """Turns "Family,Given M" into "Given M Family"; in "Family,Jr.,Given" the suffix stays with the family's name."""
    *family, given = name.split(",") if "," in name else (name, "")
    return " ".join([*given.split(), *(word for part in family for word in part.split())])


def slug(text: str) -> str:
    """Returns the text as a login: lower-case ASCII letters and digits, one dot for every run of anything else."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return ".".join(re.findall(r"[a-z0-9]+", plain.lower())) or "person"


# --- documents


@dataclasses.dataclass
class Documents:
    """A release's documents by name, references checked."""

    attributes: set[str]
    applications: dict[str, dict]
    bundles: dict[str, list[tuple[str, str]]]
    policies: dict[str, dict]


def read_documents(*folders: pathlib.Path) -> Documents:
    """Reads every document below folders."""
    kinds: dict[str, dict[str, dict]] = {kind: {} for kind in KINDS}
    for path in sorted(path for folder in folders for path in [*folder.rglob("*.yaml"), *folder.rglob("*.yml")]):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document is None:
                continue
            kind, name = document.get("kind"), document.get("metadata", {}).get("name")
            if document.get("apiVersion") != API_VERSION or kind not in kinds or not name:
                raise Unusable(f"{path}: {kind} {name} is not a policy document of {API_VERSION}")
            if name in kinds[kind]:
                raise Unusable(f"{path}: {kind} {name} is there twice")
            kinds[kind][name] = document["spec"]
    if len(kinds["AttributeSchema"]) != 1:
        raise Unusable(f"{', '.join(map(str, folders))}: {len(kinds['AttributeSchema'])} attribute schemas, not one")
    (schema,) = kinds["AttributeSchema"].values()
    bundles = {
        name: [(one["application"], one["entitlement"]) for one in spec["entitlements"]]
        for name, spec in kinds["Bundle"].items()
    }
    documents = Documents(set(schema["attributes"]), kinds["Application"], bundles, kinds["AccessPolicy"])
    check_references(documents)
    return documents


def check_references(documents: Documents) -> None:
    """Refuses a bundle or a policy that names what is not there."""
    offered = {(name, one["name"]) for name, spec in documents.applications.items() for one in spec["entitlements"]}
    for name, entitlements in documents.bundles.items():
        for application, entitlement in entitlements:
            if (application, entitlement) not in offered:
                raise Unusable(f"bundle {name}: no entitlement {entitlement} in {application}")
    for name, spec in documents.policies.items():
        for grant in spec["grants"]:
            if grant["bundle"] not in documents.bundles:
                raise Unusable(f"policy {name}: no bundle {grant['bundle']}")


def days(duration: str | None) -> int:
    """Returns the days of an ISO 8601 duration made of weeks or days."""
    found = re.fullmatch(r"P(\d+)([DW])", duration or "P0D")
    if not found:
        raise Unusable(f"{duration} is not a duration in days or weeks")
    return int(found[1]) * (7 if found[2] == "W" else 1)


# --- evaluation


class Evaluator:
    """Evaluates CEL over a person, each expression once for each distinct set of the attributes it mentions."""

    def __init__(self, known: Iterable[str]) -> None:
        text = cel.Type.STRING
        declared = cel.FunctionDecl("slug", [cel.Overload("slug_string", return_type=text, parameters=[text], impl=slug)])
        self.environment = cel.NewEnv(variables={"person": cel.Type.Map(text, cel.Type.DYN)}, functions=[declared])
        self.known = frozenset(known)
        self.compiled: dict[str, tuple[object, tuple[str, ...]]] = {}
        self.results: dict[tuple, object] = {}

    def mentioned(self, expression: str) -> tuple[str, ...]:
        """Returns the attributes an expression may look at."""
        plain = re.findall(r"\bperson\.(\w+)", expression)
        if len(plain) != len(re.findall(r"\bperson\b", expression)):
            return tuple(sorted(self.known))
        if unknown := set(plain) - self.known:
            raise Unusable(f"{expression}: no attribute {sorted(unknown)[0]}")
        return tuple(sorted(set(plain)))

    def value(self, expression: str, attributes: Attributes) -> object:
        """Returns an expression's value; None where CEL answers with an error, as for a missing attribute."""
        if expression not in self.compiled:
            try:
                self.compiled[expression] = (self.environment.compile(expression), self.mentioned(expression))
            except RuntimeError as problem:
                raise Unusable(f"{expression}: {problem}") from problem
        program, mentioned = self.compiled[expression]
        key = (expression, *(attributes.get(name) for name in mentioned))
        if key not in self.results:
            answer = program.eval(data={"person": attributes})
            self.results[key] = None if answer.type() == cel.Type.ERROR else answer.value()
        return self.results[key]

    def holds(self, condition: str, attributes: Attributes) -> bool:
        """Returns whether a condition is true; an unknown one grants nothing."""
        answer = self.value(condition, attributes)
        if answer is not None and not isinstance(answer, bool):
            raise Unusable(f"{condition}: the answer is not true or false")
        return answer is True


@dataclasses.dataclass(frozen=True)
class Account:
    """An account as it shall be. Each engagement of its person may supply the values; they agree if there is one."""

    active: bool
    logins: frozenset[str]
    attributes: dict[str, frozenset[str]]


@dataclasses.dataclass
class Access:
    """What shall hold in one application: accounts and the names of their entitlements, by worker id."""

    accounts: dict[str, Account] = dataclasses.field(default_factory=dict)
    grants: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    # For each grant how many policies justify it.
    reasons: int = 0


def expected_access(people: Iterable[Person], documents: Documents, today: Date) -> dict[str, Access]:
    """Returns what shall hold today, by application. Files are of the past: who left, left before today.

    Where something was granted once an account is kept; it is closed when nothing is granted any more.
    """
    evaluator = Evaluator(documents.attributes)
    conditions = Conditions(evaluator, documents.policies)
    granted = {name: bundled(spec, documents) for name, spec in documents.policies.items()}
    leads = {name: datetime.timedelta(days=days(spec.get("lead"))) for name, spec in documents.policies.items()}
    expected = {name: Access() for name in documents.applications}
    for person in people:
        engagements = [known(one, documents) for one in person.engagements.values()]
        past = [known(one, documents) for one in person.past]
        held = frozenset().union(*map(conditions.that_hold, engagements))
        begun = {name for name in held if person.start - leads[name] <= today}
        given = [] if person.left else [one for name in begun for one in granted[name]]
        for application, entitlement in given:
            expected[application].grants.setdefault(person.worker_id, set()).add(entitlement)
            expected[application].reasons += 1
        ever = begun.union(*map(conditions.that_hold, past))
        for application in {application for name in ever for application, _ in granted[name]}:
            access, account = expected[application], documents.applications[application]["account"]
            active = person.worker_id in access.grants and person.start <= today
            access.accounts[person.worker_id] = expected_account(evaluator, account, engagements, active)
    return expected


def known(attributes: Attributes, documents: Documents) -> Attributes:
    """Returns what policies may look at."""
    return {name: value for name, value in attributes.items() if name in documents.attributes}


class Conditions:
    """Tells which policies hold, once for each distinct set of the attributes that conditions mention."""

    def __init__(self, evaluator: Evaluator, policies: dict[str, dict]) -> None:
        self.evaluator = evaluator
        self.conditions = {name: spec["condition"] for name, spec in policies.items()}
        self.mentioned = sorted({one for text in self.conditions.values() for one in evaluator.mentioned(text)})
        self.answers: dict[tuple, frozenset[str]] = {}

    def that_hold(self, attributes: Attributes) -> frozenset[str]:
        """Returns the names of the policies whose condition is true."""
        key = tuple(attributes.get(name) for name in self.mentioned)
        if key not in self.answers:
            held = (name for name, text in self.conditions.items() if self.evaluator.holds(text, attributes))
            self.answers[key] = frozenset(held)
        return self.answers[key]


def bundled(policy: dict, documents: Documents) -> set[tuple[str, str]]:
    """Returns what a policy grants, each entitlement once."""
    return {one for grant in policy["grants"] for one in documents.bundles[grant["bundle"]]}


def expected_account(evaluator: Evaluator, account: dict, engagements: list[Attributes], active: bool) -> Account:
    """Returns an account's values as the application's document maps them."""

    def values(expression: str) -> frozenset[str]:
        found = (evaluator.value(expression, one) for one in engagements)
        return frozenset("" if one is None else str(one) for one in found)

    return Account(active, values(account["login"]), {name: values(text) for name, text in account["attributes"].items()})
