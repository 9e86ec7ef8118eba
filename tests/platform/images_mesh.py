"""A mesh from images: what the chart renders, played by podman, and people in it."""

from __future__ import annotations

import datetime
import os
import pathlib
import re
import shutil
import time

import yaml  # Comes with podman-compose.

from images_build import SERVICES, Builder, image
from images_pods import APPLICATION_TOKEN, JOBS, Pods
from images_restore import Drill
from images_servers import TENURE_UID, Servers, get
from steps import ROOT, Failed, Steps, expect

COMPOSE = ROOT / "deploy" / "compose.yaml"
HIRE = pathlib.Path(__file__).with_name("hire")
HARDENED = "--network host --read-only --cap-drop ALL --security-opt no-new-privileges".split()


def play(steps: Steps, builder: Builder, helm: pathlib.Path, work: pathlib.Path) -> None:
    """Takes people through a mesh of containers."""
    servers = Servers(work)
    mesh = Mesh(builder, servers, Pods(helm, work, servers.secrets))
    drill = Drill(mesh, servers)
    ada, grace, linus = "Ada Lovelace", "Grace Hopper", "Linus Pauling"
    try:
        for name, step in [
            ("credentials, made in a container", mesh.credentials),
            ("broker and database, with the settings of compose", mesh.start_servers),
            ("the chart is rendered", mesh.pods.render),
            *((f"job {job}", lambda job=job: mesh.job(job)) for job in JOBS),
            ("deployments become ready", mesh.deploy),
            ("containers are as restricted as the chart says", mesh.restricted),
            ("tenure smoke", mesh.smoke),
            ("a hire gets an account", lambda: mesh.hire(ada)),
            ("a backup of policy-evaluation", drill.back_up),
            ("hires after the backup", lambda: mesh.hire(ada, grace)),
            ("policy-evaluation is restored, and told again", drill.restore),
            ("a hire after the restore", lambda: mesh.hire(ada, grace, linus)),
            ("a leaver's account is closed", lambda: mesh.leave(ada)),
            ("nothing is parked", drill.nothing_parked),
            ("every service ends well when it is told to", mesh.stop),
        ]:
            if not steps.take(name, step):
                break
    finally:
        builder.podman("pod", "rm", "--force", "--all", "--time", "40", fine=(0, 1, 125))
        servers.stop()


class Mesh:
    """One mesh: its servers, its containers, and its command line."""

    def __init__(self, builder: Builder, servers: Servers, pods: Pods) -> None:
        self.builder, self.servers, self.pods = builder, servers, pods
        self.containers: dict[str, str] = {}
        self.files = servers.work / "hire"
        shutil.copytree(HIRE, self.files)

    def credentials(self) -> str:
        """Lets the command line make every secret, twice: the second time nothing is to do."""
        secrets = self.servers.secrets
        secrets.mkdir(parents=True)
        os.chown(secrets, TENURE_UID, TENURE_UID)
        written = []
        for _ in range(2):
            self.run(["--volume", f"{secrets}:/secrets"], "setup credentials --folder /secrets")
            files = (path for path in secrets.rglob("*") if path.is_file())
            written.append({path: path.read_bytes() for path in files})
        expect(written[0] == written[1], "the second run made other secrets")
        for path in written[0]:
            expect(path.stat().st_mode & 0o077 == 0, f"others may read {path.name}")
        shares = set(re.findall(r"subpath: ([\w-]+)", COMPOSE.read_text(encoding="utf-8")))
        missing = {share for share in shares if not (secrets / share).is_dir()}
        expect(not missing, f"compose mounts these, and nobody makes them: {missing}")
        return f"{len(written[0])} files"

    def start_servers(self) -> str:
        """Starts what the mesh stands on."""
        broker, database = self.servers.broker(), self.servers.database()
        self.application = self.servers.application(APPLICATION_TOKEN)
        self.pods.serve_at(broker, database, self.application)
        return f"at {broker} and {database}"

    def start(self, name: str) -> str:
        """Plays one pod and returns the name of its container."""
        pod = self.pods.pod(name)
        path = self.servers.work / f"{name}.yaml"
        path.write_text(yaml.safe_dump(pod), encoding="utf-8")
        self.builder.podman("play", "kube", "--network", "host", path)
        return f"{name}-{pod['spec']['containers'][0]['name']}"

    def job(self, name: str) -> str:
        """Plays a job to its end, twice: it must be safe to run again."""
        for _ in range(2):
            container = self.start(f"{name}-1")
            code = self.builder.podman("wait", container, seconds=180).strip()
            said = self.said_by(container)
            expect(code == "0", f"it ended with {code}: {said}")
            self.builder.podman("pod", "rm", "--force", f"{name}-1")
        return said.splitlines()[-1][:120] if said else ""

    def deploy(self) -> str:
        """Plays every deployment and waits until each says that it is ready."""
        for service in SERVICES:
            self.containers[service] = self.start(service)
        for service in SERVICES:
            self.wait_for(service)
        return ", ".join(SERVICES)

    def restart(self, service: str) -> None:
        """Plays a deployment again, as the chart has it by now."""
        self.builder.podman("pod", "rm", "--force", "--time", "40", service, fine=(0, 1))
        self.containers[service] = self.start(service)
        self.wait_for(service)

    def wait_for(self, service: str) -> None:
        """Waits until a service says that it is ready."""
        url = f"http://127.0.0.1:{self.pods.ports[service]['ADMIN']}/readyz"
        deadline = time.monotonic() + 60
        while get(url) is None:
            if time.monotonic() > deadline:
                raise Failed(f"{service} is not ready: {self.said_by(self.containers[service])}")
            time.sleep(0.2)

    def said_by(self, container: str) -> str:
        """Returns the end of what a container has said."""
        return self.builder.podman("logs", container).strip()[-3000:]

    def restricted(self) -> None:
        """Asks the kernel under which restrictions the services run."""
        for service, container in self.containers.items():
            number = self.builder.podman("inspect", "--format", "{{.State.Pid}}", container).strip()
            process = pathlib.Path("/proc") / number
            lines = (process / "status").read_text(encoding="utf-8").splitlines()
            status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            capabilities = {status["CapEff"], status["CapPrm"], status["CapBnd"]}
            mounts = (process / "mounts").read_text(encoding="utf-8").splitlines()
            root = next(line.split()[3] for line in mounts if line.split()[1] == "/")
            for holds, otherwise in [
                (status["Name"] == service[:15], f"is known to the kernel as {status['Name']}"),
                (set(status["Uid"].split()) == {str(TENURE_UID)}, f"runs as {status['Uid']}"),
                ({int(some, 16) for some in capabilities} == {0}, "has capabilities"),
                (status["NoNewPrivs"] == "1", "may gain privileges"),
                ("ro" in root.split(","), f"may write to its root: {root}"),
            ]:
                expect(holds, f"{service} {otherwise}")

    def run(self, options: list[str], arguments: str) -> str:
        """Runs the command line in a container of its own."""
        command = [*HARDENED, *options, image("tenure"), *arguments.split()]
        return self.builder.podman("run", "--rm", *command)

    def tenure(self, arguments: str) -> str:
        """Runs the command line for the services of this mesh."""
        ports = self.pods.ports
        addresses = (f"{name}=http://127.0.0.1:{ports[name]['GRPC']}" for name in SERVICES)
        environment = {
            "TENURE_ADDRESSES": ",".join(addresses),
            "TENURE_TOKEN_FILE": "/operators/token",
        }
        options = [part for item in environment.items() for part in ("--env", "=".join(item))]
        folders = [(self.servers.secrets / "operators", "/operators"), (self.files, "/work")]
        options += [part for here, there in folders for part in ("--volume", f"{here}:{there}:ro")]
        return self.run([*options, "--workdir", "/work"], arguments)

    def smoke(self) -> str:
        """Lets the command line send its synthetic person."""
        return self.tenure("smoke --timeout 120").strip().splitlines()[-1]

    def accounts(self) -> dict[str, bool]:
        """Returns the application's accounts by login, and whether each can be used."""
        users = get(f"{self.application}/Users", APPLICATION_TOKEN)
        expect(isinstance(users, dict), "the application does not list its accounts")
        return {user["userName"]: user.get("active", True) for user in users.get("Resources", [])}

    def hire(self, *people: str) -> str:
        """Tells that exactly these work in Sales, and looks into the application itself."""
        today = datetime.datetime.now(datetime.timezone.utc).date()
        started = today - datetime.timedelta(days=30)
        rows = [f"{number},{name},Sales,{started}" for number, name in enumerate(people)]
        text = "\n".join(["Number,Name,Department,First", *rows, ""])
        (self.files / "staff.csv").write_text(text, encoding="utf-8")
        if len(people) == 1:
            self.tenure("apply policies.yaml --wait")
        contract = f"--contract full --snapshot-date {today}"
        self.tenure(f"import staff.csv --mapping source.yaml {contract} --wait")
        wanted = {login(name): True for name in people}
        expect(self.accounts() == wanted, f"the application has these accounts: {self.accounts()}")
        return ", ".join(wanted)

    def leave(self, person: str) -> str:
        """Ends somebody's access and waits until the application has closed the account."""
        begun = time.monotonic()
        self.tenure(f"leaver now {login(person).split('.')[-1]} --yes")
        while self.accounts().get(login(person)):
            expect(time.monotonic() - begun < 60, f"after a minute: {self.accounts()}")
            time.sleep(0.05)
        return f"after {time.monotonic() - begun:.1f} s, with the start of the command line"

    def stop(self) -> str:
        """Tells every service to end; none may be killed, and none may say that it failed."""
        begun = time.monotonic()
        for service, container in self.containers.items():
            self.builder.podman("stop", "--time", "40", container)
            state = self.builder.podman("inspect", "--format", "{{.State.ExitCode}}", container)
            expect(state.strip() == "0", f"{service} ended with {state}{self.said_by(container)}")
        return f"{time.monotonic() - begun:.1f} s one after the other"


def login(name: str) -> str:
    """Returns the login that hire/policies.yaml gives somebody."""
    return name.lower().replace(" ", ".")
