"""Reads PromQL: whether a query parses, and names only metrics and labels that there are.

A metric that nobody reports makes a panel empty and an alert silent, and nothing else says so. So each
expression is followed from its selectors outwards, with the labels that can be left at every step.
"""
from __future__ import annotations

import dataclasses
import pathlib
import re

import promql_parser
from promql_parser import (AggModifierType, AggregateExpr, BinaryExpr, Call, LabelModifierType, MatchOp, MatrixSelector,
                           ParenExpr, SubqueryExpr, UnaryExpr, VectorSelector)

from steps import Failed

# What the scrape adds to every series.
COMMON = frozenset({"job", "namespace", "pod", "service", "instance"})
# What is not ours: of kube-state-metrics, for those who have it.
FOREIGN = {"kube_pod_status_ready": COMMON | {"condition"}}
# What Grafana replaces before it asks.
VARIABLES = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}
GROWING = frozenset({"rate", "increase", "irate"})
SUFFIXES = ("_bucket", "_sum", "_count")


class Wrong(Failed):
    """A query that names what there is not, or that does not parse."""


@dataclasses.dataclass
class Catalogue:
    """Which series there are, with which labels, and which of them only grow."""

    labels: dict[str, frozenset[str]]
    growing: frozenset[str]
    bounds: frozenset[float]

    @classmethod
    def read(cls, page: pathlib.Path, source: pathlib.Path) -> Catalogue:
        """Reads the page of metrics, and the bounds of histograms from the code."""
        labels: dict[str, frozenset[str]] = dict(FOREIGN)
        growing: set[str] = set()
        for line in page.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            if len(cells) < 6 or not cells[1].startswith("`"):
                continue
            name, kind = cells[1].strip("`"), cells[2]
            own = COMMON | {label.strip() for label in cells[4].split(",") if label.strip()}
            if kind == "histogram":
                labels |= {name + suffix: own for suffix in SUFFIXES}
                labels[f"{name}_bucket"] = own | {"le"}
                growing |= {name + suffix for suffix in SUFFIXES}
            else:
                labels[name] = own
                growing |= {name} if kind == "counter" else set()
        found = re.search(r"SECONDS: \[f64; \d+\] = \[([^\]]+)\]", source.read_text(encoding="utf-8"))
        if found is None or len(labels) == len(FOREIGN):
            raise Wrong(f"{page} or {source} is not written as it is read here")
        bounds = frozenset(float(bound) for bound in re.findall(r"[\d.]+", found[1]))
        return cls(labels, frozenset(growing), bounds)

    def record(self, name: str, query: str, added: dict[str, str]) -> None:
        """Takes in what a recording rule makes."""
        self.labels[name] = self.labels_of(query) | added.keys() | self.labels.get(name, frozenset())

    def labels_of(self, query: str) -> frozenset[str]:
        """Returns the labels that the result of a query can have."""
        for variable, value in VARIABLES.items():
            query = query.replace(variable, value)
        try:
            return self._labels(promql_parser.parse(query))
        except (ValueError, Wrong) as problem:
            raise Wrong(f"{problem}, in: {' '.join(query.split())}") from None

    def _labels(self, expr: object) -> frozenset[str]:
        if isinstance(expr, VectorSelector):
            return self._selected(expr)
        if isinstance(expr, MatrixSelector):
            return self._selected(expr.vector_selector)
        if isinstance(expr, (ParenExpr, UnaryExpr, SubqueryExpr)):
            return self._labels(expr.expr)
        if isinstance(expr, Call):
            return self._called(expr)
        if isinstance(expr, AggregateExpr):
            return self._aggregated(expr)
        if isinstance(expr, BinaryExpr):
            return self._combined(expr)
        return frozenset()

    def _selected(self, selector: VectorSelector) -> frozenset[str]:
        if selector.name not in self.labels:
            raise Wrong(f"there is no metric {selector.name}")
        known = self.labels[selector.name]
        for matcher in selector.matchers.matchers:
            self._has(matcher.name, known, selector.name)
            if matcher.name == "le":
                self._is_bound(matcher.op, matcher.value)
        return known

    def _is_bound(self, op: MatchOp, value: str) -> None:
        """A bound that no bucket has matches nothing; Prometheus 2 and 3 write it differently."""
        pattern = value if op in (MatchOp.Re, MatchOp.NotRe) else re.escape(value)
        for text in ("{:g}", "{:.1f}"):
            texts = [text.format(bound) for bound in self.bounds if bound >= 1]
            if not any(re.fullmatch(pattern, text) for text in texts):
                raise Wrong(f"no bucket has the bound {value}, as Prometheus 2 and 3 write it")

    def _called(self, call: Call) -> frozenset[str]:
        found = frozenset().union(*(self._labels(argument) for argument in call.args))
        if call.func.name in GROWING:
            for argument in call.args:
                name = argument.vector_selector.name if isinstance(argument, MatrixSelector) else None
                if name is not None and name not in self.growing:
                    raise Wrong(f"{call.func.name} of {name}, which does not only grow")
        return found - {"le"} if call.func.name == "histogram_quantile" else found

    def _aggregated(self, expr: AggregateExpr) -> frozenset[str]:
        inside = self._labels(expr.expr)
        if expr.modifier is None:
            return frozenset()
        for label in expr.modifier.labels:
            self._has(label, inside, "what is aggregated")
        named = frozenset(expr.modifier.labels)
        return named if expr.modifier.type == AggModifierType.By else inside - named

    def _combined(self, expr: BinaryExpr) -> frozenset[str]:
        left, right = self._labels(expr.lhs), self._labels(expr.rhs)
        matching = expr.modifier.matching if expr.modifier else None
        grouped = frozenset((expr.modifier.group_labels if expr.modifier else None) or [])
        for label in matching.labels if matching else ():
            self._has(label, left, "the left side")
            self._has(label, right, "the right side")
        if str(expr.op) in ("and", "unless"):
            return left
        if str(expr.op) == "or":
            return left | right
        if matching is not None and matching.type == LabelModifierType.Include and not grouped:
            return frozenset(matching.labels)
        return (left or right) | grouped

    @staticmethod
    def _has(label: str, known: frozenset[str], what: str) -> None:
        if label not in known:
            raise Wrong(f"{what} has no label {label}")
