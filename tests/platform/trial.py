"""The servers of a trial, as processes on loopback with the settings that the chart renders.

Not here: containers and their volumes. The pinned PostgreSQL is built without TLS, so that its TLS settings
are left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from typing import Any, Callable, Iterator

from chart import cases, mesh, of_kind
from steps import Failed, LeftOut, expect

# Whom PostgreSQL runs as where this runs as root, which it refuses.
NOBODY = 65534
ACCOUNTS = 'accounts { TENURE { jetstream: enabled, users: [{user: "t", password: "t"}] } }\n'
HEALTH = ("/healthz", "/healthz?js-enabled-only=true", "/healthz?js-server-only=true")


def nats(context: Any) -> str:
    """Starts the broker and asks what its probes ask."""
    program = needed(context, "nats-server")
    rendered = context.helm4.render(*cases()["trial"])
    text = of_kind(rendered, "ConfigMap")["r-tenure-nats"]["data"]["nats.conf"]
    with tempfile.TemporaryDirectory(prefix="tenure-nats-") as name:
        folder, port, monitoring = pathlib.Path(name), free_port(), free_port()
        certificate(folder)
        text = changed(
            text,
            {
                "0.0.0.0:4222": f"127.0.0.1:{port}",
                "0.0.0.0:8222": f"127.0.0.1:{monitoring}",
                "/etc/nats/": f"{folder}/",
                "/data": f"{folder}/data",
            },
        )
        (folder / "nats.conf").write_text(text, encoding="utf-8")
        (folder / "accounts.conf").write_text(ACCOUNTS, encoding="utf-8")
        base = f"http://127.0.0.1:{monitoring}"
        with process([program, "--config", str(folder / "nats.conf")], folder):
            wait_for(folder, lambda: get(base + HEALTH[0]) is not None)
            for path in HEALTH:
                expect(get(base + path) == {"status": "ok"}, f"{path} answers {get(base + path)}")
            limits = (get(base + "/varz") or {})["jetstream"]["config"]
            tls = (get(base + "/varz") or {}).get("tls_required")
    reserved = len(mesh()["streams"]) * 268435456
    expect(
        limits["max_storage"] > reserved,
        f"{limits['max_storage']} bytes do not hold what {reserved} streams reserve",
    )
    expect(tls is True, "clients may speak without TLS")
    return "healthy, with TLS and room for every stream"


def database(context: Any) -> str:
    """Makes the data as the image does, starts PostgreSQL, and signs in with and without the password."""
    programs = pathlib.Path(needed(context, "postgres")) / "bin"
    rendered = context.helm4.render(*cases()["trial"])
    settings = of_kind(rendered, "ConfigMap")["r-tenure-database"]["data"]
    container = of_kind(rendered, "StatefulSet")["r-tenure-database"]["spec"]["template"]["spec"][
        "containers"
    ][0]
    options = next(one["value"] for one in container["env"] if one["name"] == "POSTGRES_INITDB_ARGS").split()
    with tempfile.TemporaryDirectory(prefix="tenure-postgres-") as name:
        folder, port = pathlib.Path(name), free_port()
        (folder / "password").write_text("right", encoding="utf-8")
        own(folder)
        run(
            [
                str(programs / "initdb"),
                "-D",
                str(folder / "pgdata"),
                "-U",
                "postgres",
                f"--pwfile={folder / 'password'}",
                *options,
            ],
            folder,
        )
        text = changed(
            settings["postgresql.conf"],
            {"'*'": "'127.0.0.1'", "/etc/tenure/config": str(folder), "/var/run/postgresql": str(folder)},
        )
        plain = "".join(line for line in text.splitlines(True) if not line.startswith("ssl"))
        (folder / "postgresql.conf").write_text(plain, encoding="utf-8")
        (folder / "pg_hba.conf").write_text(
            changed(settings["pg_hba.conf"], {"hostssl": "host"}), encoding="utf-8"
        )
        own(folder)
        command = [
            str(programs / "postgres"),
            "-D",
            str(folder / "pgdata"),
            "-c",
            f"config_file={folder}/postgresql.conf",
        ]
        ready = [str(programs / "pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(port)]
        with process([*command, "-p", str(port)], folder):
            wait_for(folder, lambda: subprocess.run(ready, check=False).returncode == 0)
            told = query(programs, port, "right")
            expect(told.stdout.strip() == "scram-sha-256|200", told.stdout + told.stderr)
            expect(query(programs, port, "wrong").returncode != 0, "a wrong password signs in")
    return "ready, with SCRAM; TLS is left out, which the pinned PostgreSQL is built without"


def query(programs: pathlib.Path, port: int, password: str) -> subprocess.CompletedProcess[str]:
    sql = "select current_setting('password_encryption'), current_setting('max_connections')"
    command = [str(programs / "psql"), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-tAc", sql]
    environment = {**os.environ, "PGPASSWORD": password}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)


def needed(context: Any, name: str) -> str:
    if name not in context.tools:
        raise LeftOut(f"there is no {name}")
    return context.tools[name]


def changed(text: str, changes: dict[str, str]) -> str:
    """Returns settings with the paths and addresses of this machine."""
    for before, after in changes.items():
        expect(before in text, f"the settings do not say {before}")
        text = text.replace(before, after)
    return text


def certificate(folder: pathlib.Path) -> None:
    """Makes a certificate that is good for nothing but this test."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise LeftOut("there is no openssl to make a certificate")
    run(
        [
            openssl,
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-keyout",
            str(folder / "tls.key"),
            "-out",
            str(folder / "tls.crt"),
        ],
        folder,
    )


def own(folder: pathlib.Path) -> None:
    """Gives a folder to whom PostgreSQL runs as."""
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)


def user() -> dict[str, object]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def run(command: list[str], folder: pathlib.Path) -> None:
    who = user() if command[0].endswith("initdb") else {}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120, **who
    )
    expect(done.returncode == 0, done.stdout + done.stderr)


@contextlib.contextmanager
def process(command: list[str], folder: pathlib.Path) -> Iterator[None]:
    """Holds a server that is ended by its process id."""
    who = user() if command[0].endswith("postgres") else {}
    with open(folder / "log", "wb") as log:
        started = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **who
        )
    try:
        yield
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_for(folder: pathlib.Path, ready: Callable[[], bool]) -> None:
    """Waits until a server answers."""
    end = time.monotonic() + 60
    while not ready():
        if time.monotonic() > end:
            raise Failed((folder / "log").read_text(encoding="utf-8", errors="replace")[-3000:])
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url: str) -> dict | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError):
        return None
