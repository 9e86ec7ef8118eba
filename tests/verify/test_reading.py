"""The whole verifier against a SCIM service provider of another maker, over the wire.

Run with `PYTHON -B -m unittest discover -s tests/verify`, PYTHON as `deploy/tools/fetch.py python-peers` names it.
"""
from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request

import compare
import expected
import scim
from test_verify import DOCUMENTS, HEADER, SNAPSHOT

HERE = pathlib.Path(__file__).resolve().parent
TOKEN = "test-only"
PEOPLE = 30


class Provider:
    """A scim2-server of its own, on loopback."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v2"
        command = [sys.executable, "-m", "scim2_server.testserver.cli", "--port", str(port), "--bearer-token", TOKEN]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if not self.process.stdout or b"Serving" not in self.process.stdout.readline():
            raise RuntimeError("scim2-server did not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()

    def send(self, method: str, path: str, body: dict) -> dict:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request) as response:
            return json.loads(response.read() or b"{}")

    def fill(self, has: scim.Observed) -> None:
        """Creates the accounts and groups; the provider gives them ids of its own."""
        ids = {}
        for account in has.accounts:
            schemas = ["urn:ietf:params:scim:schemas:core:2.0:User", scim.ENTERPRISE]
            resource = {key: value for key, value in account.resource.items() if key != "id"}
            ids[account.id] = self.send("POST", "/Users", {"schemas": schemas, **resource})["id"]
        for group in has.groups:
            body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": group.name}
            self.send("POST", "/Groups", {**body, "members": [{"value": ids[one]} for one in group.members]})


class AgainstAProvider(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        rows = [f'2012,"L,Ada",{"OFFICER" if one % 2 else "TRAINEE"},A1,Police,1/1/{one:02}' for one in range(80, 80 + PEOPLE // 2)]
        rows += [f'2012,"H{one},Bo",CLERK,A1,Fire,' for one in range(PEOPLE // 2)]
        (self.folder / "people.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        (self.folder / "all.yaml").write_text(DOCUMENTS, encoding="utf-8")
        people, _ = expected.read_people(self.folder / "people.csv", SNAPSHOT)
        self.shall = expected.expected_access(people.values(), expected.read_documents(self.folder), SNAPSHOT)
        self.provider = Provider()
        self.addCleanup(self.provider.stop)

    def verify(self, *options: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(HERE / "verify.py"), "--snapshot", f"{SNAPSHOT.isoformat()}={self.folder / 'people.csv'}",
                   "--policies", str(self.folder),
                   "--application", f"directory={self.provider.url},token=env:TOKEN", *options]
        return subprocess.run(command, env={**os.environ, "TOKEN": TOKEN}, capture_output=True, text=True, check=False)

    def test_what_agrees_ends_with_no_difference_and_what_changes_is_named(self) -> None:
        self.provider.fill(compare.as_expected(self.shall)["directory"])

        agreed = self.verify("--self-test")
        self.assertEqual(agreed.stdout.splitlines()[-1], "differences: 0", agreed.stdout + agreed.stderr)
        self.assertEqual(agreed.returncode, 0)

        stranger = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "stranger"}
        self.provider.send("POST", "/Users", stranger)
        differs = self.verify()
        self.assertIn("directory: unmanaged account:", differs.stdout)
        self.assertEqual((differs.stdout.splitlines()[-1], differs.returncode), ("differences: 1", 1))

    def test_pages_shorter_than_asked_for_are_read_to_the_end(self) -> None:
        self.provider.fill(compare.as_expected(self.shall)["directory"])
        self.addCleanup(setattr, scim, "PAGE", scim.PAGE)
        scim.PAGE = 7

        has = scim.read(self.provider.url, TOKEN)

        self.assertEqual(len(has.accounts), PEOPLE)
        self.assertEqual(compare.differences(self.shall, {"directory": has}), [])

    def test_a_comparison_that_cannot_be_made_is_not_a_result(self) -> None:
        self.assertRaises(scim.Unreadable, scim.read, self.provider.url, "wrong")
        self.assertEqual(self.verify("--application", "elsewhere=http://127.0.0.1:1/v2").returncode, 2)


if __name__ == "__main__":
    unittest.main()
