#!/usr/bin/env python3
"""Checks the Helm chart: one line per step, and exit code 1 if one of them failed.

    helm_checks.py                   fetches what it needs with deploy/tools/fetch.py
    helm_checks.py --tools FILE      what fetch.py printed, in a file; - for standard input
    helm_checks.py --helm PATH ...   tools by their paths
    helm_checks.py --only lint       steps whose names contain the text

It runs the chart through Helm and a stand-in for the API server. That is no test on a cluster: scheduling,
admission, networks, KEDA's scaling and the pulling of images are not tried.
"""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FETCH = HERE.parents[1] / "deploy" / "tools" / "fetch.py"
NEEDED = ("helm", "helm3", "platform-peers")
USED = ("nats-server", "postgres")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tools", metavar="FILE", help="what fetch.py printed; - for standard input")
    for name in (*NEEDED, *USED):
        parser.add_argument(f"--{name}", metavar="PATH", help="instead of the fetched one")
    parser.add_argument("--kubectl", metavar="PATH", help="instead of the one beside helm")
    parser.add_argument("--tenure", metavar="PATH", help="the command line, to set up against the stand-in")
    parser.add_argument("--only", metavar="TEXT", default="", help="steps whose names contain the text")
    arguments = parser.parse_args()
    tools = found_tools(arguments)
    for name in NEEDED:
        if not isinstance(tools.get(name), str):
            print(f"left out: the chart is not checked, since {name} is not there: {tools.get(name)}")
            return 0
    tools.setdefault("kubectl", str(pathlib.Path(str(tools["helm"])).parents[1] / "kubectl" / "kubectl"))
    here = json.dumps({name: path for name, path in tools.items() if isinstance(path, str)})
    command = [str(tools["platform-peers"]), "-B", str(HERE / "helm_steps.py"), here, arguments.only]
    return subprocess.run(command, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}).returncode


def found_tools(arguments: argparse.Namespace) -> dict[str, object]:
    """Returns tools by name: a path, or why it is not there."""
    named = {name: getattr(arguments, name.replace("-", "_")) for name in (*NEEDED, *USED, "kubectl", "tenure")}
    named = {name: path for name, path in named.items() if path}
    if arguments.tools:
        text = (
            sys.stdin.read()
            if arguments.tools == "-"
            else pathlib.Path(arguments.tools).read_text(encoding="utf-8")
        )
        return {**json.loads(text), **named}
    wanted = [name for name in (*NEEDED, *USED) if name not in named]
    if not wanted or set(NEEDED) <= named.keys():
        return named
    python = shutil.which("python3") or sys.executable
    fetched = subprocess.run([python, str(FETCH), *wanted], stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(fetched.stdout), **named}


if __name__ == "__main__":
    sys.exit(main())
