"""The services and what runs between them: the first place to look."""

from grafana_foundation_sdk.builders import dashboard

from panels import board, figure, highest, lines, quantile, rate, row, service

OWN = 'namespace=~"$namespace",service=~"$service"'
NAME = "{{service}}"


def build() -> dashboard.Dashboard:
    """Returns the dashboard."""
    made = board("mesh", "Mesh", "Whether the services run, and whether events flow between them.", [service()])
    for title, panels in (
        ("At a glance", glance()),
        ("Events", events()),
        ("Handling", handling()),
        ("Requests", requests()),
        ("What the services run on", ground()),
    ):
        made = made.with_row(row(title))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def glance() -> list:
    return [
        figure(
            "Replicas",
            "Replicas of each service that answer Prometheus.",
            "none",
            (f"count by (service) (tenure_build_info{{{OWN}}})", NAME),
            (),
        ),
        figure(
            "Disconnected replicas",
            "Replicas without a connection to the broker.",
            "none",
            (f"sum(1 - tenure_broker_connected{{{OWN}}})", "disconnected"),
            (1,),
        ),
        figure(
            "Oldest event in an outbox",
            "How long the oldest committed event has waited for the broker. An alert tells above a minute.",
            "s",
            (f"max(tenure_outbox_age_seconds{{{OWN}}})", "oldest"),
            (10, 60),
        ),
        figure(
            "Parked messages",
            "Messages that could not be handled and wait for `tenure parked replay`.",
            "none",
            (f"sum(max by (namespace, service) (tenure_parked_messages{{{OWN}}}))", "parked"),
            (1,),
        ),
        figure(
            "Timers overdue",
            "What should have begun or ended by now and has not.",
            "none",
            (f"sum(max by (namespace, service) (tenure_timers_overdue{{{OWN}}}))", "overdue"),
            (1, 100),
        ),
        figure(
            "Least budget left",
            "Of every objective, the smallest share of the 30 days' budget that is left to anybody.",
            "percentunit",
            ('min by (slo) (slo:tenure_error_budget_left:ratio{namespace=~"$namespace"})', "{{slo}}"),
            (0.5, 0.1),
        ),
    ]


def events() -> list:
    return [
        lines(
            "Events published",
            "Events a second that the broker has acknowledged, by stream.",
            "cps",
            [(rate("tenure_events_published_total", OWN, "stream"), "{{stream}}")],
        ),
        lines(
            "Outbox",
            "Events that are committed and wait for the broker.",
            "short",
            [(highest("tenure_outbox_pending", OWN, "service"), NAME)],
        ),
        lines(
            "Age of the oldest event in an outbox",
            "It rises by a second a second while nothing reaches the broker.",
            "s",
            [(highest("tenure_outbox_age_seconds", OWN, "service"), NAME)],
        ),
        lines(
            "Messages that wait for a consumer",
            "Messages a durable consumer has not been given yet. Each lane has a consumer of its own.",
            "short",
            [(highest("tenure_consumer_pending", OWN, "consumer"), "{{consumer}}")],
        ),
        lines(
            "Messages in hand",
            "Messages that were given to a consumer and are not acknowledged yet.",
            "short",
            [(highest("tenure_consumer_unacknowledged", OWN, "consumer"), "{{consumer}}")],
        ),
        lines(
            "Events published again",
            "Events whose stream was lost, whole or in part. Anything but nothing means that the broker lost data.",
            "short",
            [
                (
                    f"sum by (stream) (increase(tenure_events_republished_total{{{OWN}}}[$__rate_interval]))",
                    "{{stream}}",
                )
            ],
        ),
    ]


def handling() -> list:
    batch = "tenure_batch_duration_seconds"
    return [
        lines(
            "Events handled",
            "Events a second, by consumer, whatever became of them.",
            "cps",
            [(rate("tenure_events_handled_total", OWN, "consumer"), "{{consumer}}")],
        ),
        lines(
            "What became of events",
            "Duplicates are usual after a restart. Parked ones wait for somebody; delayed ones come again.",
            "cps",
            [(rate("tenure_events_handled_total", OWN, "outcome"), "{{outcome}}")],
        ),
        lines(
            "Time of a batch",
            "Within which 99 of 100 batches are handled and committed.",
            "s",
            [(quantile(0.99, batch, OWN, "consumer"), "{{consumer}}")],
        ),
    ]


def requests() -> list:
    duration = "tenure_request_duration_seconds"
    return [
        lines(
            "Requests",
            "gRPC requests a second, by service.",
            "reqps",
            [(rate(f"{duration}_count", OWN, "service"), NAME)],
        ),
        lines(
            "Requests by what was answered",
            "gRPC requests a second, by status code.",
            "reqps",
            [(rate(f"{duration}_count", OWN, "code"), "{{code}}")],
        ),
        lines(
            "Time of a request",
            "Within which 99 of 100 requests are answered, by method.",
            "s",
            [(quantile(0.99, duration, OWN, "method"), "{{method}}")],
        ),
    ]


def ground() -> list:
    connections = "tenure_database_connections"
    return [
        lines(
            "Connections to PostgreSQL",
            "Connections of each service's pools. An alert tells when none has been idle for five minutes.",
            "short",
            [(f"sum by (service, state) ({connections}{{{OWN}}})", f"{NAME} {{{{state}}}}")],
        ),
        lines(
            "Time until credentials end",
            "Of the credential with which a service signs in to NATS. It jumps up whenever it is renewed.",
            "s",
            [
                (
                    f"min by (service) (tenure_credential_expiry_time_seconds{{{OWN}}}) - time()",
                    NAME,
                )
            ],
        ),
        lines(
            "Replicas by version",
            "More than one version at once is usual during an upgrade alone.",
            "short",
            [(f"count by (service, version) (tenure_build_info{{{OWN}}})", f"{NAME} {{{{version}}}}")],
        ),
    ]
