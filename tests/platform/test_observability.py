"""Rules, dashboards and runbooks are whole, and what looks after them sees what is wrong."""
from __future__ import annotations

import pathlib
import re

import pytest

import observability_checks as checks
from observability_queries import COMMON, Catalogue, Wrong
from steps import ROOT

PAGE = """
| name (OTLP) | name (Prometheus) | kind | unit | labels | meaning |
| --- | --- | --- | --- | --- | --- |
| `tenure_events_handled` | `tenure_events_handled_total` | counter |  | consumer, outcome | Events. |
| `tenure_outbox_age` | `tenure_outbox_age_seconds` | gauge | s |  | Age. |
| `tenure_settle_duration` | `tenure_settle_duration_seconds` | histogram | s |  | Time. |
"""
CODE = "const SECONDS: [f64; 4] = [\n    0.5, 1.0, 60.0, 300.0,\n];"


@pytest.fixture
def catalogue(tmp_path: pathlib.Path) -> Catalogue:
    """A catalogue of a metric of each kind."""
    page, code = tmp_path / "metrics.md", tmp_path / "metric.rs"
    page.write_text(PAGE, encoding="utf-8")
    code.write_text(CODE, encoding="utf-8")
    return Catalogue.read(page, code)


@pytest.mark.parametrize("step", [
    checks.no_drift, checks.complete_alerts, checks.tested_alerts, checks.known_queries, checks.dashboards_load,
    checks.complete_panels, checks.runbooks,
], ids=lambda step: step.__name__)
def test_what_is_kept_passes(step: object) -> None:
    assert step()


@pytest.mark.parametrize(("query", "left"), [
    ("sum by (service, outcome) (rate(tenure_events_handled_total[$__rate_interval]))", {"service", "outcome"}),
    ("histogram_quantile(0.9, sum by (le) (rate(tenure_settle_duration_seconds_bucket[5m])))", set()),
    ('tenure_settle_duration_seconds_bucket{le=~"300(\\\\.0)?"}', COMMON | {"le"}),
    ("sum without (job, instance, pod, consumer, outcome) (tenure_events_handled_total)", {"namespace", "service"}),
    ("max by (pod) (tenure_outbox_age_seconds) and on (pod) max by (pod) (kube_pod_status_ready)", {"pod"}),
    ("count(tenure_outbox_age_seconds) > 1", set()),
])
def test_a_query_leaves_the_labels_that_it_can_have(catalogue: Catalogue, query: str, left: set[str]) -> None:
    assert catalogue.labels_of(query) == left


@pytest.mark.parametrize(("query", "problem"), [
    ("tenure_events_handled", "no metric tenure_events_handled"),
    ("tenure_settle_duration_seconds", "no metric tenure_settle_duration_seconds"),
    ("tenure_outbox_age_seconds_total", "no metric"),
    ('tenure_events_handled_total{stream="HRIS"}', "no label stream"),
    ("sum by (application) (tenure_events_handled_total)", "no label application"),
    ("sum by (outcome) (sum by (consumer) (tenure_events_handled_total))", "no label outcome"),
    ("tenure_outbox_age_seconds / on (consumer) tenure_events_handled_total", "no label consumer"),
    ("rate(tenure_outbox_age_seconds[5m])", "does not only grow"),
    ('tenure_settle_duration_seconds_bucket{le="300"}', "Prometheus 2 and 3"),
    ('tenure_settle_duration_seconds_bucket{le=~"301(\\\\.0)?"}', "no bucket has the bound"),
    ('tenure_settle_duration_seconds_count{le="300"}', "no label le"),
    ("sum(tenure_events_handled_total", "in: sum"),
])
def test_a_query_that_names_what_there_is_not_is_refused(catalogue: Catalogue, query: str, problem: str) -> None:
    with pytest.raises(Wrong, match=problem):
        catalogue.labels_of(query)


def test_what_a_rule_records_may_be_asked_for(catalogue: Catalogue) -> None:
    catalogue.record("slo:x:ratio", "sum by (service) (tenure_events_handled_total)", {"slo": "x"})

    assert catalogue.labels_of('slo:x:ratio{slo="x"}') == {"service", "slo"}


def test_a_page_that_is_no_catalogue_is_refused(tmp_path: pathlib.Path) -> None:
    page, code = tmp_path / "metrics.md", tmp_path / "metric.rs"
    page.write_text("# Metrics\n", encoding="utf-8")
    code.write_text(CODE, encoding="utf-8")

    with pytest.raises(Wrong, match="is not written as it is read"):
        Catalogue.read(page, code)


def test_rules_are_made_the_same_twice() -> None:
    assert checks.rules.rule_files() == checks.rules.rule_files()
    assert checks.dashboards.dashboard_files() == checks.dashboards.dashboard_files()


def test_a_file_that_nothing_makes_is_seen(tmp_path: pathlib.Path) -> None:
    made, other = tmp_path / "made.yaml", tmp_path / "other.yaml"
    made.write_text("a: 1\n", encoding="utf-8")
    other.write_text("b: 2\n", encoding="utf-8")

    assert checks.written.drift(tmp_path, "*.yaml", {made: "a: 1\n"}) == [other]
    assert checks.written.drift(tmp_path, "*.yaml", {made: "a: 2\n", other: "b: 2\n"}) == [made]


def test_links_of_runbooks_lead_somewhere() -> None:
    pages = [*checks.RUNBOOKS.glob("*.md"), ROOT / "docs/operations/observe.md", ROOT / "docs/operations/failures.md"]
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
