"""Whether access ends when it has to."""

from grafana_foundation_sdk.builders import dashboard

from panels import application, board, figure, highest, lines, quantile, rate, row, slo_panels, spread

OWN = 'namespace=~"$namespace"'
CHOSEN = 'namespace=~"$namespace",application=~"$application"'
LANE = 'namespace=~"$namespace",consumer=~".+-leaver"'
LEAVER = "tenure_leaver_duration_seconds"
OBJECTIVE = "of 1,000 leavers, 999 have every account closed within a minute"


def build() -> dashboard.Dashboard:
    """Returns the dashboard."""
    about = "How long leavers keep access after it had to end, and what may hold them up."
    made = board("leavers", "Leavers", about, [application()])
    budget, missed = slo_panels("leavers-in-time", "namespace", OWN, OBJECTIVE)
    for title, panels in (
        ("At a glance", [budget, *glance()]),
        ("Closed in time", [spread_of_closing(), quantiles(), missed]),
        ("What holds leavers up", obstacles()),
        ("What is taken away", taken()),
    ):
        made = made.with_row(row(title))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def glance() -> list:
    # The bound of a minute is written 60 or 60.0, after the version of Prometheus.
    late = f'sum(increase({LEAVER}_bucket{{{OWN},le=~"60(\\\\.0)?"}}[1d]))'
    return [
        figure(
            "Leavers in the last day",
            "People all of whose accounts were read as closed.",
            "short",
            (f"sum(increase({LEAVER}_count{{{OWN}}}[1d]))", "closed"),
            (),
        ),
        figure(
            "Late in the last day",
            "Those of them who kept an account for more than a minute.",
            "none",
            (f"sum(increase({LEAVER}_count{{{OWN}}}[1d])) - {late}", "late"),
            (1,),
        ),
        figure(
            "99 of 100 closed within",
            "From the instant at which access had to end, or was told to, over a day.",
            "s",
            (f"histogram_quantile(0.99, sum by (le) (rate({LEAVER}_bucket{{{OWN}}}[1d])))", "99th percentile"),
            (30, 60),
        ),
        figure(
            "Leavers' events that wait",
            "Events in the leavers' lane that no service has been given yet.",
            "none",
            (f"sum(max by (namespace, consumer) (tenure_consumer_pending{{{LANE}}}))", "waiting"),
            (1, 100),
        ),
        figure(
            "Applications out of reach",
            "Accounts of leavers stay open there until the application answers.",
            "none",
            (f"sum(max by (namespace, application) (tenure_circuits_open{{{CHOSEN}}}))", "out of reach"),
            (1,),
        ),
    ]


def spread_of_closing():
    return spread(
        "Time until every account is closed",
        "How many leavers took how long. Who was never closed is not in it: see what holds leavers up.",
        LEAVER,
        OWN,
    )


def quantiles():
    return lines(
        "Time until every account is closed, by share",
        "Within which half and 99 of 100 leavers were closed.",
        "s",
        [(quantile(share, LEAVER, OWN), name) for share, name in ((0.5, "p50"), (0.99, "p99"))],
    )


def obstacles() -> list:
    return [
        lines(
            "Leavers' events that wait",
            "By consumer. They wait for nothing else, so a queue that stays means that a service stands still.",
            "short",
            [(highest("tenure_consumer_pending", LANE, "consumer"), "{{consumer}}")],
        ),
        lines(
            "Leavers' events in hand",
            "Events that were given to a service and are not acknowledged yet.",
            "short",
            [(highest("tenure_consumer_unacknowledged", LANE, "consumer"), "{{consumer}}")],
        ),
        lines(
            "Applications out of reach",
            "1 while nothing can be closed there.",
            "none",
            [(highest("tenure_circuits_open", CHOSEN, "application"), "{{application}}")],
        ),
        lines(
            "Timers overdue",
            "Ends of access that are due and not handled yet are among them.",
            "short",
            [(highest("tenure_timers_overdue", OWN, "service"), "{{service}}")],
        ),
        lines(
            "Age of the oldest event in an outbox",
            "What was decided and has not reached the broker.",
            "s",
            [(highest("tenure_outbox_age_seconds", OWN, "service"), "{{service}}")],
        ),
        lines(
            "Parked messages",
            "A message about a leaver may be among them.",
            "short",
            [(highest("tenure_parked_messages", OWN, "service"), "{{service}}")],
        ),
    ]


def taken() -> list:
    finished = "tenure_actions_finished_total"
    away = f'{CHOSEN},kind=~"disable|revoke"'
    return [
        lines(
            "Accounts closed and entitlements revoked",
            "Actions a second, of movers too.",
            "cps",
            [(rate(finished, away, "kind"), "{{kind}}")],
        ),
        lines(
            "By application",
            "Actions a second that close an account or revoke an entitlement.",
            "cps",
            [(rate(finished, away, "application"), "{{application}}")],
        ),
        lines(
            "Failed to take away",
            "Actions that ended as failed within each hour: somebody still holds what they shall not.",
            "short",
            [
                (
                    f'sum by (application, kind) (increase({finished}{{{away},outcome="failed"}}[1h]))',
                    "{{application}} {{kind}}",
                )
            ],
        ),
    ]
