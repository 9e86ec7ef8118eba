"""Broker, database and application beside containers: processes with the settings of compose."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from images_tls import Front
from steps import ROOT, Failed, expect, run

SETTINGS = ROOT / "deploy" / "compose"
# The one that reads secrets in deploy/compose.yaml; PostgreSQL's initdb wants one that the machine
# knows.
TENURE_UID = 65532
NOBODY = 65534


class Servers:
    """Starts servers, and ends what it started."""

    def __init__(self, work: pathlib.Path) -> None:
        self.work = work
        self.secrets = work / "run" / "tenure"
        self.started: list[subprocess.Popen[bytes]] = []
        self.front: Front | None = None
        fetched = run(
            [
                sys.executable,
                ROOT / "deploy" / "tools" / "fetch.py",
                "nats-server",
                "postgres",
                "python-peers",
            ],
            seconds=1800,
        )
        # What was installed is told before, line by line.
        self.tools = json.loads(fetched[fetched.index("{") :])

    def start(self, name: str, command: list[object], uid: int) -> subprocess.Popen[bytes]:
        """Starts a program as a user; what it says goes into a file."""
        log = (self.work / f"{name}.log").open("wb")
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=uid,
            group=uid,
            extra_groups=[],
            cwd=self.work,
        )
        self.started.append(process)
        return process

    def broker(self) -> int:
        """Starts nats-server with deploy/compose/nats.conf and returns its port."""
        port, monitoring, data = free_port(), free_port(), self.folder("nats", TENURE_UID)
        text = self.rewritten(
            "nats.conf",
            {
                "listen: 0.0.0.0:4222": f"listen: 127.0.0.1:{port}",
                "http: 127.0.0.1:8222": f"http: 127.0.0.1:{monitoring}",
                "store_dir: /data": f"store_dir: {data}",
            },
        )
        # `include` is relative, as in the container.
        settings = self.work / "etc" / "nats" / "tenure.conf"
        settings.parent.mkdir(parents=True)
        settings.write_text(text, encoding="utf-8")
        process = self.start(
            "nats-server", [self.tools["nats-server"], "--config", settings], TENURE_UID
        )
        self.wait_for(
            "nats-server",
            process,
            lambda: get(f"http://127.0.0.1:{monitoring}/healthz") is not None,
        )
        return port

    def database(self) -> int:
        """Starts PostgreSQL with deploy/compose/postgresql.conf and returns its port for TLS.

        The pinned PostgreSQL is built without TLS: the settings of it are left out.
        """
        programs, port = pathlib.Path(self.tools["postgres"]) / "bin", free_port()
        mine = self.folder("postgres", NOBODY)
        password = mine / "password"
        shutil.copyfile(self.secrets / "database-admin" / "password", password)
        os.chown(password, NOBODY, NOBODY)
        data = mine / "data"
        made = subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                f"--pwfile={password}",
            ],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd=mine,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        expect(made.returncode == 0, f"initdb: {made.stdout}")
        text = self.rewritten(
            "postgresql.conf",
            {
                "listen_addresses = '*'": "listen_addresses = '127.0.0.1'",
                "/etc/postgresql": str(mine),
                "/var/run/postgresql": str(mine),
            },
        )
        settings = mine / "tenure.conf"
        settings.write_text(
            "".join(line for line in text.splitlines(True) if not line.startswith("ssl")),
            encoding="utf-8",
        )
        (mine / "tenure_hba.conf").write_text(
            self.rewritten("pg_hba.conf", {"hostssl": "host"}), encoding="utf-8"
        )
        command = [
            programs / "postgres",
            "-D",
            data,
            "-c",
            f"config_file={settings}",
            "-c",
            f"port={port}",
        ]
        process = self.start("postgres", command, NOBODY)
        ready = [programs / "pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(port)]
        self.wait_for(
            "postgres", process, lambda: subprocess.run(ready, check=False).returncode == 0
        )
        self.database_port = port
        server = self.secrets / "database-server"
        self.front = Front(server / "tls.crt", server / "tls.key", port)
        return self.front.port

    def application(self, token: str) -> str:
        """Starts a SCIM server that somebody else wrote and returns its URL."""
        port = free_port()
        process = self.start(
            "scim",
            [
                self.tools["python-peers"],
                "-m",
                "scim2_server.testserver.cli",
                "--hostname",
                "127.0.0.1",
                "--port",
                port,
                "--bearer-token",
                token,
            ],
            os.geteuid(),
        )
        url = f"http://127.0.0.1:{port}/v2"
        self.wait_for("scim", process, lambda: get(f"{url}/Users", token) is not None)
        return url

    def folder(self, name: str, uid: int) -> pathlib.Path:
        """Makes a folder of a user."""
        path = self.work / "data" / name
        path.mkdir(parents=True, mode=0o755)
        path.chmod(0o700)
        os.chown(path, uid, uid)
        return path

    def rewritten(self, name: str, changes: dict[str, str]) -> str:
        """Returns settings of deploy/compose with the paths and addresses of this machine."""
        text = (
            (SETTINGS / name)
            .read_text(encoding="utf-8")
            .replace(" /run/tenure/", f" {self.secrets}/")
        )
        for before, after in changes.items():
            expect(before in text, f"{name} does not say: {before}")
            text = text.replace(before, after)
        return text

    def wait_for(
        self, name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool]
    ) -> None:
        """Waits until a server answers."""
        for _ in range(300):
            if process.poll() is not None:
                break
            if ready():
                return
            time.sleep(0.1)
        said = (self.work / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        raise Failed(f"{name} does not answer: {said[-3000:]}")

    def stop(self) -> None:
        """Ends every server, the last one first."""
        if self.front:
            self.front.close()
        for process in reversed(self.started):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """Returns a port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url: str, token: str | None = None) -> dict | str | None:
    """Returns what a URL answers with success, JSON as what it means; else none."""
    request = urllib.request.Request(
        url, headers={"Authorization": f"Bearer {token}"} if token else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
