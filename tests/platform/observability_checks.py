#!/usr/bin/env python3
"""Checks the rules, dashboards and runbooks: one line per step, and exit code 1 if one of them failed.

    observability_checks.py --promtool PATH

Needs the Python `platform-peers` of deploy/tools/fetch.py, and its `promtool`. No Grafana and no Prometheus
runs: whether a panel is pleasant to look at is not tried.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import promql_parser
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from observability_queries import Catalogue, Wrong
from steps import ROOT, Steps, expect, run

SOURCE = ROOT / "deploy" / "observability"
sys.path.insert(0, str(SOURCE))

import dashboards  # noqa: E402
import rules  # noqa: E402
import written  # noqa: E402

RULES = ROOT / "helm" / "tenure" / "rules"
DASHBOARDS = ROOT / "helm" / "tenure" / "dashboards"
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES_TEST = ROOT / "tests" / "platform" / "rules_test"
METRICS = ROOT / "docs" / "metrics.md"
METRICS_SOURCE = ROOT / "services" / "lib" / "telemetry" / "src" / "metric.rs"
SECTIONS = ("What it means", "What one sees", "What to do", "When it ends")
SEVERITIES = ("page", "ticket")

Json = dict[str, Any]


def main() -> int:
    """Takes every step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promtool", required=True, type=pathlib.Path, metavar="PATH")
    promtool = parser.parse_args().promtool.resolve()
    steps = Steps()
    steps.take("generated files are what their sources make", no_drift)
    steps.take("promtool accepts the rules", lambda: check_rules(promtool))
    steps.take("every alert has what whoever is woken needs", complete_alerts)
    steps.take("every alert is tested, firing and silent", tested_alerts)
    steps.take("alerts fire when they shall and are silent when they shall", lambda: test_rules(promtool))
    steps.take("queries name what there is", known_queries)
    steps.take("dashboards load as Grafana's types", dashboards_load)
    steps.take("every panel has a unit, a description and named lines", complete_panels)
    steps.take("every alert has a runbook, and every runbook an alert", runbooks)
    return steps.end()


def no_drift() -> str:
    """Compares what is generated with what stands in the chart."""
    made = {RULES / name: text for name, text in rules.rule_files().items()}
    boards = {DASHBOARDS / name: text for name, text in dashboards.dashboard_files().items()}
    differing = written.drift(RULES, "*", made) + written.drift(DASHBOARDS, "*", boards)
    names = ", ".join(str(path.relative_to(ROOT)) for path in differing)
    expect(not differing, f"not what deploy/observability makes: {names}")
    return f"{len(made) + len(boards)} files"


def check_rules(promtool: pathlib.Path) -> str:
    """Has promtool read every rule file."""
    files = sorted(RULES.glob("*.yaml"))
    run([promtool, "check", "rules", "--lint=all", "--lint-fatal", *files])
    return f"{len(files)} files"


def test_rules(promtool: pathlib.Path) -> str:
    """Has promtool run every test file, as many at once as there are processors."""
    files = sorted(RULES_TEST.glob("*.yaml"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda file: run([promtool, "test", "rules", file]), files):
            pass
    return f"{sum(len(yaml.safe_load(file.read_text())['tests']) for file in files)} tests"


def complete_alerts() -> str:
    """Looks for a severity, texts and a runbook, and for labels that texts name and the alert has not."""
    catalogue = full_catalogue()
    count = 0
    for alert in alerts():
        name, labels, texts = alert["alert"], alert["labels"], alert["annotations"]
        expect(labels.get("severity") in SEVERITIES, f"{name} has no severity of {SEVERITIES}")
        for text in ("summary", "description", "runbook_url"):
            expect(bool(texts.get(text)), f"{name} has no {text}")
        expect(texts["runbook_url"].endswith(f"/docs/runbooks/{name}.md"), f"{name} names another runbook")
        has = catalogue.labels_of(alert["expr"]) | labels.keys()
        for label in re.findall(r"\$labels\.(\w+)", " ".join(texts.values())):
            expect(label in has, f"a text of {name} names the label {label}, which the alert has not")
        count += 1
    return f"{count} rules"


def tested_alerts() -> str:
    """Looks for a test in which each alert fires and one in which it does not, for every pair of windows."""
    fired: set[tuple[str, frozenset]] = set()
    silent: set[tuple[str, frozenset]] = set()
    wanted = {(alert["alert"], frozenset(alert["labels"].items())) for alert in alerts()}
    for name, seen in expectations():
        for alert, labels in wanted:
            if alert == name:
                fires = any(labels <= one for one in seen)
                (fired if fires else silent).add((alert, labels))
    for what, tested in (("fires", fired), ("is silent", silent)):
        missing = sorted(f"{name} {dict(labels)}" for name, labels in wanted - tested)
        expect(not missing, f"no test in which this {what}: {'; '.join(missing)}")
    return f"{len(wanted)} rules"


def expectations() -> Iterator[tuple[str, list[set]]]:
    """Yields, for each look of a test at an alert, its name and the labels of what fires."""
    for file in sorted(RULES_TEST.glob("*.yaml")):
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            for look in test["promql_expr_test"]:
                name = matchers(look["expr"])["alertname"]
                yield name, [set(matchers(one["labels"]).items()) for one in look["exp_samples"]]


def matchers(selector: str) -> dict[str, str]:
    """Returns the labels that a selector asks for."""
    return {one.name: one.value for one in promql_parser.parse(selector).matchers.matchers}


def known_queries() -> str:
    """Reads the query of every rule, panel and variable."""
    catalogue = full_catalogue()
    count = 0
    for rule in all_rules():
        catalogue.labels_of(rule["expr"])
        count += 1
    for name, board in boards():
        for query, label in board_queries(board):
            has = catalogue.labels_of(query)
            expect(label is None or label in has, f"{name}: {query} has no label {label}")
            count += 1
    return f"{count} queries"


def board_queries(board: Json) -> Iterator[tuple[str, str | None]]:
    """Yields a dashboard's queries, with each label that a legend or a variable takes from the result."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield target["expr"], None
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                yield target["expr"], label
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
            expect(found is not None, f"the variable {variable['name']} asks in another way: {variable['query']}")
            yield found[1], found[2]


def dashboards_load() -> str:
    """Reads each dashboard into Grafana's types and writes it again: nothing may be unknown or lost."""
    register_default_plugins()
    count = 0
    for name, board in boards():
        again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
        expect(again == board, f"{name} holds what Grafana's types do not know")
        have = {variable["name"] for variable in board["templating"]["list"]}
        expect("namespace" in have and have & {"service", "application"}, f"{name} lacks a variable")
        count += 1
    return f"{count} dashboards"


def complete_panels() -> str:
    """Looks for what makes a panel readable."""
    count = 0
    uids: set[str] = set()
    for name, board in boards():
        expect(board["uid"] not in uids, f"{name} has the uid of another dashboard")
        uids.add(board["uid"])
        for panel in panels(board):
            where = f"{name}: {panel.get('title') or 'a panel without a title'}"
            expect(bool(panel.get("title")) and bool(panel.get("description")), f"{where} is not described")
            expect(bool(panel["fieldConfig"]["defaults"].get("unit")), f"{where} has no unit")
            expect(bool(panel["targets"]), f"{where} asks nothing")
            expect(all(t.get("legendFormat") for t in panel["targets"]), f"{where} has a line without a name")
            legend = panel["options"].get("legend", {})
            shown = panel["type"] == "stat" or legend.get("showLegend", legend.get("show"))
            expect(bool(shown), f"{where} has no legend")
            count += 1
    return f"{count} panels"


def runbooks() -> str:
    """Compares the names of alerts and of pages, and the sections of each page."""
    names = {alert["alert"] for alert in alerts()}
    pages = {path.stem: path.read_text(encoding="utf-8") for path in RUNBOOKS.glob("*.md") if path.stem != "README"}
    expect(names == pages.keys(), f"alerts or pages alone: {', '.join(sorted(names ^ pages.keys()))}")
    for name, page in pages.items():
        expect(page.startswith(f"# {name}\n"), f"the page of {name} has another title")
        sections = re.findall(r"^## (.+)$", page, re.MULTILINE)
        expect(sections == list(SECTIONS), f"the page of {name} has the sections {sections}")
    return f"{len(pages)} pages"


def full_catalogue() -> Catalogue:
    """Returns what there is to ask for, what rules record included."""
    catalogue = Catalogue.read(METRICS, METRICS_SOURCE)
    for rule in all_rules():
        if "record" in rule:
            catalogue.record(rule["record"], rule["expr"], rule["labels"])
    return catalogue


def all_rules() -> list[Json]:
    """Returns the rules of all files."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(RULES.glob("*.yaml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> list[Json]:
    """Returns the rules that alert."""
    return [rule for rule in all_rules() if "alert" in rule]


def boards() -> list[tuple[str, Json]]:
    """Returns the dashboards, by the names of their files."""
    return [(path.name, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(DASHBOARDS.glob("*.json"))]


def panels(board: Json) -> Iterator[Json]:
    """Yields the panels that show something."""
    return (panel for panel in board["panels"] if panel["type"] != "row")


if __name__ == "__main__":
    sys.exit(main())
