"""`tenure setup credentials --kubernetes` itself, as the pod of the chart runs it, against the stand-in over TLS."""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import ssl
import tempfile
import threading
from typing import Iterator

from chart import NAMESPACE, Helm, cases, of_kind
from schemas import Checker, definitions
from standin import kinds
from standin.server import Server
from standin.store import Store
from steps import expect, run

TOKEN = "token-of-the-pod"


class Api:
    """A stand-in that speaks TLS, and the files of a service account that trusts it."""

    def __init__(self, program: str, folder: pathlib.Path) -> None:
        self.program, self.folder = program, folder
        certificates = folder / "certificates"
        run([program, "setup", "credentials", "--folder", certificates])
        self.of_server = certificates / "database-server"
        custom = definitions()
        self.server = Server(0, Store(Checker(custom), folder / "api.log"), kinds.table(custom))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.of_server / "tls.crt", self.of_server / "tls.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.account = folder / "account"
        self.account.mkdir()
        trusted = (self.of_server / "ca.crt").read_text(encoding="utf-8")
        (self.account / "ca.crt").write_text(trusted, encoding="utf-8")
        (self.account / "token").write_text(TOKEN, encoding="utf-8")
        (self.account / "namespace").write_text(NAMESPACE, encoding="utf-8")

    def set_up(self, arguments: list[str]) -> list[str]:
        """Runs the program with the arguments of a pod, and returns which Secrets it wrote."""
        place = {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.server.server_address[1]),
        }
        told = run(
            [self.program, "--output", "json", *arguments, "--service-account", self.account],
            environment=place,
        )
        return json.loads(told)["written"]

    def secrets(self) -> dict[str, dict[str, bytes]]:
        return {
            one["metadata"]["name"]: {file: base64.b64decode(text) for file, text in one["data"].items()}
            for one in self.server.store.of_kind("Secret", NAMESPACE)
        }


@contextlib.contextmanager
def api(program: str) -> Iterator[Api]:
    with tempfile.TemporaryDirectory(prefix="tenure-secrets-") as name:
        there = Api(program, pathlib.Path(name))
        threading.Thread(target=there.server.serve_forever, daemon=True).start()
        try:
            yield there
        finally:
            there.server.shutdown()
            there.server.server_close()


def secrets_are_written(helm: Helm, program: str) -> str:
    """Runs what the chart's Job runs: it makes what the Role names, and the second time nothing."""
    rendered = helm.render(*cases()["trial"], release="t")
    job = of_kind(rendered, "Job")["t-tenure-credentials-hook"]
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    (rule,) = of_kind(rendered, "Role")["t-tenure-credentials-hook"]["rules"]
    with api(program) as there:
        written = there.set_up(arguments)
        made = there.secrets()
        expect(sorted(made) == sorted(rule["resourceNames"]), f"made {sorted(made)}, may {rule['resourceNames']}")
        expect(len(written) == len(made), f"wrote {written}")
        expect(there.set_up(arguments) == [], "everything was there, and something was written again")
        expect(there.secrets() == made, "what was good was changed")
        # A Secret that somebody took away comes back, and nothing else changes.
        lost = "t-tenure-nats-audit"
        for key in [key for key in there.server.store.objects if key.name == lost]:
            there.server.store.remove(key)
        expect(there.set_up(arguments) == ["nats-audit"], "the lost one alone is made again")
        expect(b"NATS USER JWT" in there.secrets()[lost]["nats.creds"], "it holds no credentials")
    return f"{len(made)} Secrets, those of the Role and no other"

