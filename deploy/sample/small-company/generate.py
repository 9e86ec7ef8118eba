#!/usr/bin/env python3
"""Writes the small company's two snapshots and expected.md; the same files every time.

    python3 deploy/sample/small-company/generate.py

Everybody in them is invented. Only Python's standard library is used.
"""

import json
import random
from pathlib import Path

HERE = Path(__file__).parent
FIRST, SECOND = "2026-03-02", "2026-03-09"
STAFF = 200

SITES = {
    "San Francisco": "America/Los_Angeles",
    "New York": "America/New_York",
    "Berlin": "Europe/Berlin",
    "Tokyo": "Asia/Tokyo",
    "Sydney": "Australia/Sydney",
}
# Department: its head's title, the titles below, and how many of a hundred work in it.
DEPARTMENTS = {
    "Engineering": ("Chief Technology Officer", ["Software Engineer", "Site Reliability Engineer", "Data Engineer"], 34),
    "Product": ("Chief Product Officer", ["Product Manager", "Product Designer"], 10),
    "Sales": ("Chief Revenue Officer", ["Account Executive", "Sales Engineer"], 18),
    "Marketing": ("Chief Marketing Officer", ["Marketing Specialist", "Content Editor"], 8),
    "Customer Support": ("Head of Customer Support", ["Support Specialist"], 14),
    "Finance": ("Chief Financial Officer", ["Accountant", "Controller"], 6),
    "People": ("Chief People Officer", ["People Partner", "Recruiter"], 5),
    "IT": ("Head of IT", ["Systems Administrator", "Service Desk Analyst"], 5),
}
GIVEN = """Amara Anders Anika Aoife Arjun Beatriz Bogdan Camille Chidi Dalia Daniela Diego Ebba Elena Emeka Esra Farah
Felix Fumiko Gareth Giulia Hana Haruto Henrik Ines Ingrid Isaac Ivana Jamal Jana Joao Jun Kaito Karin Keiko Kofi Lars
Leila Lin Lucia Maeve Malik Marta Mateo Mei Milos Nadia Naoki Noor Olga Oscar Paola Pavel Priya Quentin Rafael Rana
Reiko Rosa Samir Sanne Sofia Soren Tariq Tessa Tomas Ugo Uma Valentina Viktor Wanda Wei Xenia Yara Yusuf Zeynep Zoe"""
FAMILY = """Abara Achterberg Albright Almeida Antonsen Ashdown Bakshi Balogun Barros Bellweather Brandvold Castellan
Chowdhury Dragan Duarte Eastlake Ekholm Fairweather Farrukh Fontaine Grimaldi Haddad Hallow Hasegawa Hinterberger
Iglesias Ishikawa Jablonski Jorgensen Kaminski Kartal Kestrel Kowalczyk Lindqvist Lovatt Machado Marchetti Mbeki
Montclair Morozov Nakagawa Nightingale Novakova Obuya Okonjo Olofsson Pemberley Petrovic Quayle Rasmussen Ravenhill
Sakamoto Sandoval Schreiber Silverlake Stellan Tanaka Thorvald Underhay Valcourt Vance Whitlock Yamada Zoric"""


class People:
    """Makes people, each with a number and a name of their own."""

    def __init__(self, dice):
        self.dice, self.count, self.names = dice, 0, set()

    def person(self, *, site, department, title, seniority, manager, hired, employment="employee"):
        """Returns the record of somebody new."""
        while True:
            given, family = self.dice.choice(GIVEN.split()), self.dice.choice(FAMILY.split())
            if (given, family) not in self.names:
                self.names.add((given, family))
                break
        self.count += 1
        prefix = "C" if employment == "contractor" else "E"
        return {
            "person_number": f"P{100000 + self.count}",
            "worker_id": f"{prefix}-{1000 + self.count}",
            "name": {"display": f"{given} {family}", "given": given, "family": family},
            "mail": f"{given}.{family}@orchardworks.example".lower(),
            "work": {"title": title, "department": department, "seniority": seniority, "employment_type": employment},
            "site": {"name": site, "zone": SITES[site]},
            "manager": manager,
            "dates": {"hire": hired, "notice": None, "last_working_day": None, "termination": None},
        }


def day(dice, first, last):
    """A day of hire, never in the months of the snapshots."""
    return f"{dice.randint(first, last)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"


def company(dice):
    """Returns the company as a tree: one root, heads, leads, and everybody else."""
    people = People(dice)
    sites = list(SITES)
    root = people.person(site="San Francisco", department="Executive", title="Chief Executive Officer",
                         seniority="executive", manager=None, hired="2014-05-05")
    staff = [root]
    for department, (head_title, titles, share) in DEPARTMENTS.items():
        head = people.person(site=dice.choice(sites), department=department, title=head_title, seniority="executive",
                             manager=root["worker_id"], hired=day(dice, 2014, 2018))
        staff.append(head)
        size = STAFF * share // 100 - 1
        leads = []
        for number in range(size):
            site = sites[number % len(sites)]
            if number < (size + 7) // 8:
                lead = people.person(site=site, department=department, title=f"{department} Lead", seniority="lead",
                                     manager=head["worker_id"], hired=day(dice, 2016, 2021))
                leads.append(lead)
                staff.append(lead)
                continue
            near = [lead for lead in leads if lead["site"]["name"] == site] or leads
            contractor = dice.random() < 0.08
            staff.append(people.person(
                site=site, department=department, title=dice.choice(titles),
                seniority=dice.choice(["junior", "regular", "regular", "senior"]),
                manager=dice.choice(near)["worker_id"], hired=day(dice, 2018, 2025),
                employment="contractor" if contractor else "employee"))
    return people, staff


def one(staff, taken, **wanted):
    """Takes the first person who fits and leads nobody."""
    for person in staff:
        leads = any(other["manager"] == person["worker_id"] for other in staff)
        fits = all({**person["work"], "site": person["site"]["name"]}[name] == value for name, value in wanted.items())
        if fits and not leads and person["worker_id"] not in taken:
            taken.add(person["worker_id"])
            return person
    raise LookupError(wanted)


def copy(person):
    return json.loads(json.dumps(person))


def find(staff, worker_id):
    return next(person for person in staff if person["worker_id"] == worker_id)


def main():
    dice = random.Random("orchardworks")
    people, first = company(dice)
    taken, told = set(), []

    # What the first file says of some of them.
    mover = one(first, taken, department="Customer Support", employment_type="employee")
    leaver = one(first, taken, department="Sales", employment_type="employee", site="New York")
    renamed = one(first, taken, department="Marketing", employment_type="employee")
    former = one(first, taken, department="Engineering", employment_type="employee", site="Tokyo")
    former["dates"].update(notice="2025-10-01", last_working_day="2025-11-28", termination="2025-11-30")
    contractor = one(first, taken, department="Engineering", employment_type="contractor")
    contractor["dates"].update(last_working_day="2026-03-06", termination="2026-03-06")
    staying = one(first, taken, department="Finance", employment_type="employee")
    staying["dates"].update(notice="2026-02-16", last_working_day="2026-03-31", termination="2026-03-31")
    garden = one(first, taken, department="Sales", employment_type="employee", site="Sydney")
    garden["dates"].update(notice="2026-02-02", last_working_day="2026-02-13", termination="2026-04-30")
    future = people.person(site="Berlin", department="Product", title="Product Manager", seniority="regular",
                           manager=mover["manager"], hired="2026-04-01")
    product = next(person for person in first if person["work"]["title"] == "Product Lead")
    future["manager"] = product["worker_id"]
    first.append(future)

    second = copy(first)
    change = {person["worker_id"]: person for person in second}

    moved = change[mover["worker_id"]]
    lead = next(person for person in first if person["work"]["title"] == "Engineering Lead")
    moved["work"].update(title="Site Reliability Engineer", department="Engineering")
    moved["manager"] = lead["worker_id"]
    told.append(("Mover", moved, f"from {mover['work']['title']}, {mover['work']['department']}, under "
                 f"{mover['manager']} to {moved['work']['title']}, Engineering, under {lead['worker_id']}",
                 "what both departments grant never blinks; what only the old one grants goes after its overlap"))

    leaving = change[leaver["worker_id"]]
    leaving["dates"].update(notice="2026-03-04", last_working_day="2026-03-27", termination="2026-03-31")
    told.append(("Leaver with notice", leaving, "notice 2026-03-04, last working day 2026-03-27, contract until 2026-03-31",
                 "nothing ends before 2026-03-28T04:00:00Z, the end of that day in New York"))

    married = change[renamed["worker_id"]]
    married["name"].update(family="Winterbourne", display=f"{renamed['name']['given']} Winterbourne")
    told.append(("Renamed after marriage", married, f"was {renamed['name']['display']}",
                 "the same person; the display name changes everywhere, login and mail stay"))

    again = copy(former)
    people.count += 1
    again.update(worker_id=f"E-{1000 + people.count}")
    again["dates"] = {"hire": "2026-03-09", "notice": None, "last_working_day": None, "termination": None}
    again["work"].update(title="Data Engineer", seniority="senior")
    second.append(again)
    told.append(("Rehired", again, f"worked as {former['worker_id']} until 2025-11-28; the number is the same, the worker id is not",
                 "the same person with two engagements; the account is used again, access comes from today's policies"))

    hired = copy(contractor)
    people.count += 1
    hired.update(worker_id=f"E-{1000 + people.count}")
    hired["work"].update(employment_type="employee")
    hired["dates"] = {"hire": "2026-03-09", "notice": None, "last_working_day": None, "termination": None}
    second.append(hired)
    told.append(("Contractor to employee", hired, f"contract {contractor['worker_id']} until Friday 2026-03-06, employed from Monday 2026-03-09",
                 "the same person with two engagements; what only contractors hold is gone"))

    stays = change[staying["worker_id"]]
    stays["dates"].update(notice=None, last_working_day=None, termination=None)
    told.append(("Rescinded termination", stays, "was to leave on 2026-03-31, stays",
                 "the planned end is gone before it took effect; nothing blinks"))

    soon = people.person(site="Tokyo", department="Engineering", title="Software Engineer", seniority="junior",
                         manager=lead["worker_id"], hired="2026-03-14")
    second.append(soon)
    told.append(("Hire five days ahead", soon, "begins on Saturday 2026-03-14",
                 "accounts are prepared from 2026-03-09 on, and nothing can be used before 2026-03-13T15:00:00Z"))

    late = people.person(site="Sydney", department="Customer Support", title="Support Specialist", seniority="regular",
                         manager=mover["manager"], hired="2026-03-11")
    second.append(late)
    told.append(("Hire entered two days before the start", late, "begins on Wednesday 2026-03-11",
                 "everything is prepared at once"))

    # Reports stand before their managers as often as behind them.
    for name, staff in ((FIRST, first), (SECOND, second)):
        staff = sorted(staff, key=lambda person: person["worker_id"])
        random.Random(name).shuffle(staff)
        text = "".join(json.dumps(person, ensure_ascii=False) + "\n" for person in staff)
        (HERE / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (HERE / "expected.md").write_text(expected(first, second, told, garden, future), encoding="utf-8")


def expected(first, second, told, garden, future):
    """What each file brings, in words."""
    rows = "\n".join(
        f"| {what} | {person['name']['display']} | {person['person_number']} | {person['worker_id']} | {facts} | {then} |"
        for what, person, facts, then in told)
    numbers = len({person["person_number"] for person in second})
    return f"""<!-- Written by generate.py. -->
# What the two snapshots bring

Both are full snapshots; `source.yaml` reads them.

`{FIRST}.jsonl` has {len(first)} rows about as many people. It is the first file of its source, so nobody is told of what it says.
{garden['name']['display']} ({garden['worker_id']}) is on garden leave in it: no login since the end of 2026-02-13 in Sydney, employed until
2026-04-30. {future['name']['display']} ({future['worker_id']}) begins on 2026-04-01.

`{SECOND}.jsonl` has {len(second)} rows about {numbers} people. {len(second) - len(first)} rows are new; nobody is left out. Of the people, 4 join
(two hires; the rehire and the contractor, who begin again), 4 change (mover, leaver, rename, rescinded termination), nobody has
left by then, and {numbers - 8} are as they were.

| what | who | person number | worker id | facts | what has to come of it |
| --- | --- | --- | --- | --- | --- |
{rows}
"""


if __name__ == "__main__":
    main()
