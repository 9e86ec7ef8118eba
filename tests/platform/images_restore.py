"""The drill of docs/operations/backup.md: a database goes back in time, and is told again."""

from __future__ import annotations

import os
import pathlib
import time
from typing import TYPE_CHECKING

from images_build import SERVICES
from images_servers import Servers
from steps import Failed, expect, run

if TYPE_CHECKING:
    from images_mesh import Mesh

SERVICE, DATABASE = "policy-evaluation", "policy_evaluation"
# It has forgotten what it told, and what it heard from the second one. It starts in its higher epoch.
RAISED = (SERVICE, "hris-ingest")


class Drill:
    """Backs policy-evaluation's database up, and later restores it."""

    def __init__(self, mesh: Mesh, servers: Servers) -> None:
        self.mesh, self.servers = mesh, servers
        self.dump = servers.work / f"{DATABASE}.dump"

    def program(self, name: str, role: str, *arguments: str | pathlib.Path) -> str:
        """Runs one of PostgreSQL's programs as a role."""
        secret = "admin" if role == "postgres" else role.replace("_", "-")
        password = self.servers.secrets / f"database-{secret}" / "password"
        environment = {"PGPASSWORD": password.read_text(encoding="utf-8").strip()}
        path = pathlib.Path(self.servers.tools["postgres"]) / "bin" / name
        server = ["--host", "127.0.0.1", "--port", str(self.servers.database_port)]
        return run([path, *server, "--username", role, *arguments], environment=environment)

    def ask(self, database: str, question: str) -> str:
        """Returns what a database answers its administrator."""
        options = ["--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        return self.program("psql", "postgres", *options, f"--command={question}", database).strip()

    def back_up(self) -> str:
        """Dumps the database as the role that owns it."""
        options = ["--format=custom", f"--file={self.dump}", DATABASE]
        self.program("pg_dump", f"{DATABASE}_owner", *options)
        return f"{os.path.getsize(self.dump) // 1024} KiB"

    def restore(self) -> str:
        """Puts the dump in the place of the database and raises the epochs, one after the other."""
        mesh = self.mesh
        mesh.builder.podman("pod", "rm", "--force", "--time", "40", SERVICE)
        self.ask("postgres", f"ALTER DATABASE {DATABASE} RENAME TO {DATABASE}_broken")
        mesh.job("databases")
        options = ["--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={DATABASE}"]
        self.program("pg_restore", f"{DATABASE}_owner", *options, self.dump)
        mesh.job(f"migrate-{SERVICE}")
        told = []
        for service in RAISED:
            mesh.pods.epochs[service] = 2
            mesh.pods.render()
            mesh.restart(service)
            told.append(f"{service} told {self.wait_for(service)} events")
        return ", ".join(told)

    def wait_for(self, service: str) -> str:
        """Waits until a service has told everything again, and returns how much that was."""
        question = "SELECT events FROM epochs WHERE epoch = 2 AND finished_at IS NOT NULL"
        for _ in range(300):
            if events := self.ask(service.replace("-", "_"), question):
                return events
            time.sleep(0.2)
        raise Failed(f"{service} has not told its state again within a minute")

    def nothing_parked(self) -> None:
        """Fails where a message was put aside."""
        for service in SERVICES:
            count = self.ask(service.replace("-", "_"), "SELECT count(*) FROM parked_messages")
            expect(count == "0", f"{service} has put {count} messages aside")
