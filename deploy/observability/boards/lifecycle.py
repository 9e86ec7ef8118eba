"""What becomes of people's changes: from a timeline to access that agrees with it."""

from grafana_foundation_sdk.builders import dashboard

from panels import board, figure, highest, lines, quantile, rate, row, service, slo_panels, spread

OWN = 'namespace=~"$namespace"'
CHOSEN = 'namespace=~"$namespace",service=~"$service"'
SETTLE = "tenure_settle_duration_seconds"
OBJECTIVE = "of 100 changes of a person, 99 settle within 5 minutes"


def build() -> dashboard.Dashboard:
    """Returns the dashboard."""
    about = "How long people wait for what their changes give and take, and on which step."
    made = board("lifecycle", "Lifecycle", about, [service()])
    budget, missed = slo_panels("access-in-time", "namespace", OWN, OBJECTIVE)
    for title, panels in (
        ("At a glance", [budget, *glance()]),
        ("Access in time", [spread_of_settling(), quantiles(), missed]),
        ("The steps", steps()),
        ("What is done in applications", actions()),
    ):
        made = made.with_row(row(title))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def glance() -> list:
    return [
        figure(
            "Changes settled in the last hour",
            "Timelines of people with which everything agrees since then.",
            "short",
            (f"sum(increase({SETTLE}_count{{{OWN}}}[1h]))", "settled"),
            (),
        ),
        figure(
            "Half of them within",
            "The time from a change's recording until everything agreed with it, of the median, over an hour.",
            "s",
            (f"histogram_quantile(0.5, sum by (le) (rate({SETTLE}_bucket{{{OWN}}}[1h])))", "median"),
            (60, 300),
        ),
        figure(
            "99 of 100 within",
            "The same time, of the slowest in a hundred, over an hour.",
            "s",
            (f"histogram_quantile(0.99, sum by (le) (rate({SETTLE}_bucket{{{OWN}}}[1h])))", "99th percentile"),
            (60, 300),
        ),
        figure(
            "Timers overdue",
            "Begins and ends of access that are due and not handled yet.",
            "none",
            (f"sum(max by (namespace, service) (tenure_timers_overdue{{{CHOSEN}}}))", "overdue"),
            (1, 100),
        ),
        figure(
            "Failed actions in the last day",
            "Actions that are not tried again by themselves; `tenure person show` names their codes.",
            "none",
            (f'sum(increase(tenure_actions_finished_total{{{OWN},outcome="failed"}}[1d]))', "failed"),
            (1,),
        ),
    ]


def spread_of_settling():
    return spread(
        "Time until everything agrees",
        "How many changes took how long, from their recording until every account and grant agreed.",
        SETTLE,
        OWN,
    )


def quantiles():
    return lines(
        "Time until everything agrees, by share",
        "Within which half, 90 and 99 of 100 changes settled.",
        "s",
        [(quantile(share, SETTLE, OWN), name) for share, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))],
    )


def steps() -> list:
    handled = f'{CHOSEN},outcome="handled"'
    return [
        lines(
            "Events published, by stream",
            "HRIS carries people's timelines, POLICY what they shall hold, PROVISIONING what they hold.",
            "cps",
            [(rate("tenure_events_published_total", CHOSEN, "stream"), "{{stream}}")],
        ),
        lines(
            "Events handled",
            "Events a second, by consumer: the step that falls behind handles less than is published.",
            "cps",
            [(rate("tenure_events_handled_total", handled, "consumer"), "{{consumer}}")],
        ),
        lines(
            "Messages that wait for a consumer",
            "The longest queue is the step that people wait for.",
            "short",
            [(highest("tenure_consumer_pending", CHOSEN, "consumer"), "{{consumer}}")],
        ),
        lines(
            "Time of a batch",
            "Within which half of the batches of a consumer are handled and committed.",
            "s",
            [(quantile(0.5, "tenure_batch_duration_seconds", CHOSEN, "consumer"), "{{consumer}}")],
        ),
        lines(
            "Timers overdue",
            "A moment after midnight is usual: many begin and end then.",
            "short",
            [(highest("tenure_timers_overdue", CHOSEN, "service"), "{{service}}")],
        ),
        lines(
            "Messages in hand",
            "Messages that were given to a consumer and are not acknowledged yet.",
            "short",
            [(highest("tenure_consumer_unacknowledged", CHOSEN, "consumer"), "{{consumer}}")],
        ),
    ]


def actions() -> list:
    finished = "tenure_actions_finished_total"
    return [
        lines(
            "Actions by kind",
            "Actions a second that ended, in all applications.",
            "cps",
            [(rate(finished, OWN, "kind"), "{{kind}}")],
        ),
        lines(
            "Actions by what became of them",
            "Superseded ones were overtaken by a newer plan; failed ones wait for somebody.",
            "cps",
            [(rate(finished, OWN, "outcome"), "{{outcome}}")],
        ),
        lines(
            "Applications out of reach",
            "Their work waits, and so does everybody whose change needs them.",
            "short",
            [(highest("tenure_circuits_open", OWN, "application"), "{{application}}")],
        ),
    ]
