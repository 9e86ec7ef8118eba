#!/usr/bin/env python3
"""Makes the Prometheus rules of helm/tenure/rules from slos.yaml and alerts.yaml.

    rules.py            writes them
    rules.py --check    says which differ from what would be written, and ends with 1 if any does
"""

import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from written import keep

HERE = Path(__file__).parent
FOLDER = HERE.parent.parent / "helm" / "tenure" / "rules"
RUNBOOKS = "https://github.com/tenure-dev/tenure/blob/main/docs/runbooks"
SERVICES = ("hris-ingest", "policy-evaluation", "provisioning", "notification", "audit")

# How fast the budget of 30 days is spent, over which two windows, and who is told. The short window ends an
# alert soon after its cause has ended.
BURNS = (
    (14.4, "1h", "5m", "page"),
    (6, "6h", "30m", "page"),
    (3, "1d", "2h", "ticket"),
    (1, "3d", "6h", "ticket"),
)
SHORT = ("5m", "30m", "1h", "2h", "6h")
LONG = ("1d", "3d")
# A window of a month moves slowly; evaluating it each half minute would be the dearest thing here.
LONG_INTERVAL = "5m"

Rule = dict[str, Any]


def main() -> int:
    """Writes the rules, or compares them."""
    files = {FOLDER / name: text for name, text in rule_files().items()}
    return keep(FOLDER, "*.yaml", files, check="--check" in sys.argv[1:])


def rule_files() -> dict[str, str]:
    """Returns what stands in each rule file."""
    slos = yaml.safe_load((HERE / "slos.yaml").read_text(encoding="utf-8"))
    alerts = yaml.safe_load((HERE / "alerts.yaml").read_text(encoding="utf-8"))
    files = {
        f"slo-{slo['name']}.yaml": written("slos.yaml", slo_groups(slo, slos["window"]))
        for slo in slos["slos"]
    }
    files["alerts.yaml"] = written("alerts.yaml", [alert_group(group) for group in alerts["groups"]])
    return files


def slo_groups(slo: Rule, window: str) -> list[Rule]:
    """Returns the recording rules and alerts of one objective, the quick windows apart from the slow ones."""
    name = slo["name"]
    short = [rule for w in SHORT for rule in recorded(slo, w)]
    long = [rule for w in (*LONG, window) for rule in recorded(slo, w)]
    long.append(
        {
            "record": "slo:tenure_error_budget_left:ratio",
            "expr": f"1 - {error(slo, window)} / {budget(slo)}",
            "labels": {"slo": name},
        }
    )
    for burn in BURNS:
        (short if burn[1] in SHORT else long).append(burn_alert(slo, *burn))
    return [
        {"name": f"tenure-slo-{name}", "rules": short},
        {"name": f"tenure-slo-{name}-long", "interval": LONG_INTERVAL, "rules": long},
    ]


def recorded(slo: Rule, window: str) -> list[Rule]:
    """Returns the rules for the number of events in a window and for the share of bad ones."""
    by = ", ".join(slo["by"])
    labels = {"slo": slo["name"]}
    total = summed(slo["total"], window, by)
    events = f"on ({by}) ({events_of(slo, window)} > 0)"
    if "good" in slo:
        share = f"1 -\n{summed(slo['good'], window, by)}\n/ {events}"
    else:
        none = f"0 * sum by ({by}) ({events_of(slo, window)})"
        bad = indent(f"{summed(slo['bad'], window, by)}\nor\n{none}", "  ")
        share = f"(\n{bad}\n)\n/ {events}"
    return [
        {"record": f"slo:tenure_sli_events:increase{window}", "expr": total, "labels": labels},
        {"record": f"slo:tenure_sli_error:ratio_increase{window}", "expr": share, "labels": labels},
    ]


def summed(selector: str, window: str, by: str) -> str:
    """Returns by how much counters have grown in a window, in all.

    increase() takes the first value of a counter that appears for where it began. Ours begin at nothing, and
    what is rare, such as a late leaver, would mostly be overlooked.
    """
    appeared = f"({selector} unless last_over_time({selector}[1h] offset {window}))"
    grown = indent(f"{appeared}\nor\nincrease({selector}[{window}])", "  ")
    return f"sum by ({by}) (\n{grown}\n)"


def burn_alert(slo: Rule, factor: float, long: str, short: str, severity: str) -> Rule:
    """Returns the alert for one pair of windows."""
    limit = f"{factor} * {budget(slo)}"
    parts = (
        f"{error(slo, long)} > {limit}",
        f"{error(slo, short)} > {limit}",
        f"{events_of(slo, long)} >= {slo['least']}",
    )
    labels = {"severity": severity, "long_window": long}
    return alert(slo, "\nand\n".join(parts), labels)


def error(slo: Rule, window: str) -> str:
    return f'slo:tenure_sli_error:ratio_increase{window}{{slo="{slo["name"]}"}}'


def events_of(slo: Rule, window: str) -> str:
    return f'slo:tenure_sli_events:increase{window}{{slo="{slo["name"]}"}}'


def budget(slo: Rule) -> str:
    """Returns the share of events that may be bad, without the noise of binary fractions."""
    return f"{1 - slo['objective']:.6f}".rstrip("0")


def alert_group(group: Rule) -> Rule:
    """Returns a group of alerts, with one rule for each service where a rule names `$service`."""
    rules = []
    for rule in group["rules"]:
        labels = {"severity": rule["severity"], **rule.get("labels", {})}
        made = alert(rule, rule["expr"], labels)
        text = yaml.safe_dump(made, sort_keys=False)
        if "$service" in text:
            rules += [yaml.safe_load(text.replace("$service", service)) for service in SERVICES]
        else:
            rules.append(made)
    return {"name": group["name"], "rules": rules}


def alert(source: Rule, expr: str, labels: dict[str, str]) -> Rule:
    """Returns an alert with what every alert has."""
    return {
        "alert": source["alert"],
        "expr": expr,
        **({"for": source["for"]} if "for" in source else {}),
        "labels": labels,
        "annotations": {
            "summary": source["summary"],
            "description": source["description"],
            "runbook_url": f"{RUNBOOKS}/{source['alert']}.md",
        },
    }


def written(source: str, groups: list[Rule]) -> str:
    """Returns a rule file's text."""
    head = f"# Written by deploy/observability/rules.py from deploy/observability/{source}.\n"
    return head + yaml.dump({"groups": groups}, Dumper=Dumper, sort_keys=False, width=110)


class Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as blocks, indents lists, and repeats what is used twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Dumper.add_representer(str, _text)

if __name__ == "__main__":
    sys.exit(main())
