"""The verifier's own parts: reading the file, reading documents, evaluating, comparing.

Run with `PYTHON -B -m unittest discover -s tests/verify`, PYTHON as `deploy/tools/fetch.py python-peers` names it.
"""
from __future__ import annotations

import datetime
import pathlib
import tempfile
import unittest

import compare
import expected

DAY = datetime.date.fromisoformat
SNAPSHOT = DAY("2012-06-30")
HEADER = ",".join(expected.COLUMNS)
DOCUMENTS = """
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: test}
spec: {attributes: {display_name: {type: string}, title: {type: string}, agency: {type: string}, worker_id: {type: string}}}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: scim, url: "env:URL", token: "env:TOKEN"}
  account:
    login: slug(person.display_name)
    attributes: {displayName: person.display_name, employeeNumber: person.worker_id, title: person.title}
  entitlements: [{name: all-staff}, {name: police}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: everyone}
spec: {entitlements: [{application: directory, entitlement: all-staff}]}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: police}
spec: {entitlements: [{application: directory, entitlement: police}, {application: directory, entitlement: all-staff}]}
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: everyone}
spec: {condition: "true", grants: [{bundle: everyone}], lead: P2D}
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: police}
spec: {condition: 'person.agency == "Police" && person.title != "TRAINEE"', grants: [{bundle: police}]}
"""


def people_of(*rows: str) -> tuple[dict[str, expected.Person], list[str]]:
    """Reads rows as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "people.csv"
        path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        return expected.read_people(path, SNAPSHOT)


def documents(text: str = DOCUMENTS) -> expected.Documents:
    """Reads documents as a folder."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "all.yaml").write_text(text, encoding="utf-8")
        return expected.read_documents(pathlib.Path(folder))


class ReadingTheFile(unittest.TestCase):
    def test_a_two_digit_year_is_the_latest_that_is_not_after_the_snapshot(self) -> None:
        read = {text: expected.two_digit_year_date(text, SNAPSHOT) for text in ("6/30/12", "7/1/12", "1/6/86", "2/29/00")}

        self.assertEqual([one.isoformat() for one in read.values()], ["2012-06-30", "1912-07-01", "1986-01-06", "2000-02-29"])

    def test_a_worker_is_name_and_hire_date_and_the_given_name_goes_first(self) -> None:
        people, rejected = people_of('2012,"Taylor  Iv,Ada  M",CLERK,A1,Police ,1/6/86', '2012,"AQUAVELLA,",CLERK,A1,Police,')

        self.assertEqual(list(people), ["Taylor Iv,Ada M|1986-01-06", "AQUAVELLA,|"])
        self.assertEqual([one.engagements["A1"]["display_name"] for one in people.values()], ["Ada M Taylor Iv", "AQUAVELLA"])
        self.assertEqual(people["AQUAVELLA,|"].start, SNAPSHOT)
        self.assertEqual(rejected, [])

    def test_a_suffix_between_commas_stays_with_the_family_name(self) -> None:
        self.assertEqual(expected.given_name_first("Lovelace,Jr.,Ada"), "Ada Lovelace Jr.")

    def test_rows_of_one_key_are_engagements_unless_the_agency_id_is_the_same_too(self) -> None:
        people, rejected = people_of("2012,A,X,A1,Police,", "2012,A,Y,A2,Fire,", "2012,A,Z,A1,Water,", "2012,B,X,A1,Police,6/31/11")

        self.assertEqual(list(people["A|"].engagements), ["A1", "A2"])
        self.assertEqual([line.split(":")[0] for line in rejected], ["line 4", "line 5"])

    def test_a_login_is_letters_and_digits_with_dots_between(self) -> None:
        slugs = [expected.slug(text) for text in ("Zoë O'Neil-Lee Jr.", "  ", "Ada  Lovelace")]

        self.assertEqual(slugs, ["zoe.o.neil.lee.jr", "person", "ada.lovelace"])


class Evaluating(unittest.TestCase):
    def test_grants_are_the_union_over_policies_and_begin_with_the_lead(self) -> None:
        people, _ = people_of("2012,A,OFFICER,A1,Police,6/30/12", "2012,B,TRAINEE,A1,Police,6/30/12")
        on = {day: expected.expected_access(people.values(), documents(), DAY(day)) for day in ("2012-06-27", "2012-06-28", "2012-06-30")}

        self.assertEqual(on["2012-06-27"]["directory"].grants, {})
        self.assertEqual(on["2012-06-28"]["directory"].grants["A|2012-06-30"], {"all-staff"})
        self.assertEqual(on["2012-06-30"]["directory"].grants, {"A|2012-06-30": {"all-staff", "police"}, "B|2012-06-30": {"all-staff"}})
        self.assertEqual([on[day]["directory"].accounts["A|2012-06-30"].active for day in ("2012-06-28", "2012-06-30")], [False, True])

    def test_a_missing_attribute_is_unknown_and_grants_nothing(self) -> None:
        evaluator = expected.Evaluator(["agency", "title"])

        self.assertFalse(evaluator.holds('person.title != "TRAINEE"', {"agency": "Police"}))
        self.assertTrue(evaluator.holds('person.title == "X" || person.agency == "Police"', {"agency": "Police"}))

    def test_documents_that_name_what_is_not_there_are_refused(self) -> None:
        for wrong in (DOCUMENTS.replace("bundle: police", "bundle: polcie"), DOCUMENTS.replace("entitlement: police", "entitlement: x")):
            self.assertRaises(expected.Unusable, documents, wrong)
        self.assertRaises(expected.Unusable, expected.Evaluator(["title"]).value, "person.titel", {})


class FollowingTheYears(unittest.TestCase):
    def test_who_is_missing_has_left_and_keeps_closed_accounts_without_grants(self) -> None:
        first, _ = people_of('2012,"L,Ada",OFFICER,A1,Police,1/1/01', '2012,"H,Bo",X,A2,Fire,1/1/02')
        second, _ = people_of('2012,"H,Bo",X,A2,Fire  (213),1/1/02')

        people = expected.after(first, second)
        shall = expected.expected_access(people.values(), documents(), SNAPSHOT)["directory"]

        self.assertEqual({who: one.active for who, one in shall.accounts.items()}, {"L,Ada|2001-01-01": False, "H,Bo|2002-01-01": True})
        self.assertEqual(shall.grants, {"H,Bo|2002-01-01": {"all-staff"}})
        self.assertEqual(people["H,Bo|2002-01-01"].engagements["A2"]["agency"], "Fire")

    def test_a_mover_loses_what_only_the_former_place_granted_and_keeps_the_account_there(self) -> None:
        text = DOCUMENTS.replace('condition: "true"', 'condition: person.agency == "Fire"')
        first, _ = people_of('2012,"L,Ada",OFFICER,A1,Police,1/1/01')
        second, _ = people_of('2012,"L,Ada",CLERK,A9,Water,1/1/01')

        shall = expected.expected_access(expected.after(first, second).values(), documents(text), SNAPSHOT)["directory"]

        self.assertEqual(shall.grants, {})
        (account,) = shall.accounts.values()
        self.assertEqual((account.active, account.attributes["title"]), (False, frozenset({"CLERK"})))


class Comparing(unittest.TestCase):
    def setUp(self) -> None:
        rows = ("2012,\"L,Ada\",OFFICER,A1,Police,1/1/01", "2012,\"L,Ada\",TRAINEE,A1,Police,1/1/02", "2012,\"H,Bo\",X,A1,Fire,")
        self.shall = expected.expected_access(people_of(*rows)[0].values(), documents(), SNAPSHOT)
        self.has = compare.as_expected(self.shall)

    def kinds(self) -> list[str]:
        return [one.kind for one in compare.differences(self.shall, self.has)]

    def test_what_is_as_expected_has_no_difference_and_every_spoiling_is_seen(self) -> None:
        self.assertEqual(self.kinds(), [])
        self.assertEqual(compare.blind_spots(self.shall, self.has), (len(compare.SPOILERS), []))

    def test_a_second_login_has_a_number_from_two_on(self) -> None:
        logins = ("ada.l", "ada.l2", "ada.l10", "ada.l0", "ada.l1", "ada.l02", "ada.lx", "ada")

        self.assertEqual([compare.is_login(one, "ada.l") for one in logins], [True] * 3 + [False] * 5)

    def test_what_groups_say_wrongly_is_named(self) -> None:
        group = self.has["directory"].groups[0]
        group.members += [group.members[0], "nobody"]

        self.assertEqual(self.kinds(), ["duplicate grant", "unknown member"])

    def test_an_account_before_its_first_day_must_not_be_active(self) -> None:
        worker = next(iter(self.shall["directory"].accounts))
        account = self.shall["directory"].accounts[worker]
        self.shall["directory"].accounts[worker] = expected.Account(False, account.logins, account.attributes)

        self.assertEqual(self.kinds(), ["wrongly active"])


if __name__ == "__main__":
    unittest.main()
