"""What the dashboards are built from: variables, panels and the queries they share.

Every panel has a title, a description, a unit and a name for each of its lines; the functions ask for them.
"""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
# Of 24 columns, and in grid rows.
WIDTH, HEIGHT, STAT_WIDTH, STAT_HEIGHT = 8, 8, 4, 4
ALL = models.VariableOption(text="All", value="$__all", selected=True)

# A query and what its lines are called.
Line = tuple[str, str]


def board(uid: str, title: str, description: str, variables: Sequence[Builder]) -> builders.Dashboard:
    """Returns an empty dashboard."""
    made = (
        builders.Dashboard(f"Tenure / {title}")
        .uid(f"tenure-{uid}")
        .description(description)
        .tags(["tenure"])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            builders.DashboardLink("Tenure")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["tenure"])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
        .with_variable(builders.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(variable("namespace", "label_values(tenure_build_info, namespace)"))
    )
    for one in variables:
        made = made.with_variable(one)
    return made


def variable(name: str, query: str) -> builders.QueryVariable:
    """Returns a choice of label values; all of them fit also where a series has no such label."""
    return (
        builders.QueryVariable(name)
        .label(name.capitalize())
        .datasource(SOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(ALL)
    )


def service() -> builders.QueryVariable:
    return variable("service", 'label_values(tenure_build_info{namespace=~"$namespace"}, service)')


def application() -> builders.QueryVariable:
    return variable("application", 'label_values(tenure_circuits_open{namespace=~"$namespace"}, application)')


def row(title: str) -> builders.Row:
    return builders.Row(title)


def lines(title: str, description: str, unit: str, queries: Sequence[Line]) -> timeseries.Panel:
    """Returns a panel of lines over time, with a table of their last and highest values."""
    legend = (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.TABLE)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "max"])
    )
    tooltip = (
        common.VizTooltipOptions()
        .mode(common_models.TooltipDisplayMode.MULTI)
        .sort(common_models.SortOrder.DESCENDING)
    )
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(WIDTH)
        .height(HEIGHT)
        .line_width(1)
        .fill_opacity(8)
        .legend(legend)
        .tooltip(tooltip)
    )
    for ref, (query, name) in zip("ABCDEFGH", queries, strict=False):
        panel = panel.with_target(target(ref, query, name))
    return panel


def figure(title: str, description: str, unit: str, query: Line, bounds: Sequence[float]) -> stat.Panel:
    """Returns a panel of single figures, coloured after up to two bounds (see `colours`)."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .span(STAT_WIDTH)
        .height(STAT_HEIGHT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.AREA)
        .text_mode(common_models.BigValueTextMode.AUTO)
        .thresholds(builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(colours(bounds)))
        .with_target(target("A", *query))
    )


def colours(bounds: Sequence[float]) -> list[models.Threshold]:
    """Returns where a figure changes its colour.

    Without bounds it is green. Above a bound it is red; with two, orange between them. Two bounds that fall
    turn it round: red is below the second.
    """
    if not bounds:
        steps = [(None, "green")]
    elif len(bounds) == 1:
        steps = [(None, "green"), (bounds[0], "red")]
    elif bounds[0] < bounds[1]:
        steps = [(None, "green"), (bounds[0], "orange"), (bounds[1], "red")]
    else:
        steps = [(None, "red"), (bounds[1], "orange"), (bounds[0], "green")]
    return [models.Threshold(value=value, color=colour) for value, colour in steps]


def spread(title: str, description: str, metric: str, selector: str) -> heatmap.Panel:
    """Returns a heat map of a histogram of seconds."""
    query = f"sum by (le) (increase({metric}_bucket{{{selector}}}[$__rate_interval]))"
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit("s")
        .span(WIDTH)
        .height(HEIGHT)
        .calculate(False)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(32))
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .scale_distribution(common.ScaleDistributionConfig().type(common_models.ScaleDistribution.LINEAR))
        .show_legend()
        .with_target(target("A", query, "{{le}}").format(PromQueryFormat.HEATMAP))
    )


def target(ref: str, query: str, name: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(ref).datasource(SOURCE).expr(query).legend_format(name).range()


def rate(metric: str, selector: str, by: str) -> str:
    """Returns how many a second a counter counts."""
    return f"sum by ({by}) (rate({metric}{{{selector}}}[$__rate_interval]))"


def quantile(share: float, metric: str, selector: str, by: str = "") -> str:
    """Returns the time within which a share of a histogram's events lay."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', selector, labels)})"


def highest(metric: str, selector: str, by: str) -> str:
    """Returns a gauge that every replica reports of the same thing."""
    return f"max by ({by}) ({metric}{{{selector}}})"


def slo_panels(slo: str, by: str, selector: str, objective: str) -> list[Builder]:
    """Returns what is left of an objective's budget, and how fast it is spent."""
    chosen = f'slo="{slo}",{selector}'
    name = "{{%s}}" % by
    left = figure(
        "Budget left",
        f"What is left of the 30 days' budget for: {objective}. Below nothing the objective is missed.",
        "percentunit",
        (f"min by ({by}) (slo:tenure_error_budget_left:ratio{{{chosen}}})", name),
        (0.5, 0.1),
    )
    windows = ("5m", "1h", "6h", "3d")
    bad = lines(
        "Share that misses the objective",
        f"Over the last 5 minutes, hour, 6 hours and 3 days, of: {objective}. The alerts compare these.",
        "percentunit",
        [
            (f"max by ({by}) (slo:tenure_sli_error:ratio_increase{w}{{{chosen}}})", f"{name} {w}")
            for w in windows
        ],
    )
    return [left, bad]
