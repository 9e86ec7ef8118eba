"""How connected applications answer, and what was done in them."""

from grafana_foundation_sdk.builders import dashboard

from panels import application, board, figure, highest, lines, quantile, rate, row, slo_panels, spread

OWN = 'namespace=~"$namespace",application=~"$application"'
NAME = "{{application}}"
REQUEST = "tenure_connector_request_duration_seconds"
FINISHED = "tenure_actions_finished_total"
OBJECTIVE = "of 100 requests to an application, 99 are answered"


def build() -> dashboard.Dashboard:
    """Returns the dashboard."""
    about = "How applications answer, and what was done in them."
    made = board("applications", "Applications", about, [application()])
    budget, missed = slo_panels("applications-answer", "application", OWN, OBJECTIVE)
    for title, panels in (
        ("At a glance", [budget, *glance()]),
        ("Answers", [*answers(), missed]),
        ("Actions", actions()),
    ):
        made = made.with_row(row(title))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def glance() -> list:
    return [
        figure(
            "Out of reach",
            "Applications whose circuit is open (PROV-140): their work waits.",
            "none",
            (f"sum(max by (namespace, application) (tenure_circuits_open{{{OWN}}}))", "out of reach"),
            (1,),
        ),
        figure(
            "Requests",
            "Requests a second to all chosen applications.",
            "reqps",
            (f"sum(rate({REQUEST}_count{{{OWN}}}[$__rate_interval]))", "requests"),
            (),
        ),
        figure(
            "Throttled in the last hour",
            "Requests that an application asked to send later (429).",
            "short",
            (f'sum(increase({REQUEST}_count{{{OWN},outcome="throttled"}}[1h]))', "throttled"),
            (100, 1000),
        ),
        figure(
            "Actions in the last hour",
            "Actions that ended.",
            "short",
            (f"sum(increase({FINISHED}{{{OWN}}}[1h]))", "actions"),
            (),
        ),
        figure(
            "Failed actions in the last day",
            "Actions that are not tried again by themselves.",
            "none",
            (f'sum(increase({FINISHED}{{{OWN},outcome="failed"}}[1d]))', "failed"),
            (1,),
        ),
    ]


def answers() -> list:
    return [
        lines(
            "Requests",
            "Requests a second, by application.",
            "reqps",
            [(rate(f"{REQUEST}_count", OWN, "application"), NAME)],
        ),
        lines(
            "Requests by what was answered",
            "Refused: no, for a reason that will not pass. Throttled: later. Failed: 5xx and the like. "
            "Unreachable: no answer.",
            "reqps",
            [(rate(f"{REQUEST}_count", OWN, "outcome"), "{{outcome}}")],
        ),
        lines(
            "Circuits",
            "1 while an application is out of reach.",
            "none",
            [(highest("tenure_circuits_open", OWN, "application"), NAME)],
        ),
        lines(
            "Time of an answer",
            "Within which 99 of 100 requests are answered, by application.",
            "s",
            [(quantile(0.99, REQUEST, OWN, "application"), NAME)],
        ),
        spread("Times of answers", "How many requests took how long.", REQUEST, OWN),
    ]


def actions() -> list:
    failed = f'{OWN},outcome="failed"'
    return [
        lines(
            "Actions by application",
            "Actions a second that ended.",
            "cps",
            [(rate(FINISHED, OWN, "application"), NAME)],
        ),
        lines(
            "Actions by kind",
            "Accounts made, changed, opened and closed; entitlements given and taken.",
            "cps",
            [(rate(FINISHED, OWN, "kind"), "{{kind}}")],
        ),
        lines(
            "Failed actions",
            "Actions that ended as failed within each hour, by application and kind.",
            "short",
            [
                (
                    f"sum by (application, kind) (increase({FINISHED}{{{failed}}}[1h]))",
                    f"{NAME} {{{{kind}}}}",
                )
            ],
        ),
    ]
