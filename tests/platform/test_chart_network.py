"""Who may speak to whom, how services scale, and what is watched."""

from __future__ import annotations

import collections
import shutil

import pytest

from chart import CHART, Helm, RenderError, cases, of_kind
from conftest import EXISTING, MONITORED, SERVICES
from podsecurity import pod_of


def labels_of_pods(rendered: list[dict]) -> list[dict[str, str]]:
    return [pod["metadata"]["labels"] for one in rendered if (pod := pod_of(one))]


def ports(rule: dict) -> list:
    return [one["port"] for one in rule["ports"]]


def policy(rendered: list[dict], name: str) -> dict:
    return of_kind(rendered, "NetworkPolicy")[f"r-tenure-{name}"]["spec"]


def test_every_pod_is_closed_and_has_a_policy_of_its_own(helm):
    for name, options in cases().items():
        rendered = helm.render(*options)
        policies = of_kind(rendered, "NetworkPolicy")
        if name == "init":
            assert policies == {}, "networkPolicy.enabled is false there"
            continue
        closed = policies.pop("r-tenure-default-deny")["spec"]
        assert (
            closed["policyTypes"] == ["Ingress", "Egress"]
            and "ingress" not in closed
            and "egress" not in closed
        )
        policies.pop("r-tenure-dns")
        for labels in labels_of_pods(rendered):
            chosen = [
                one
                for one, what in policies.items()
                if what["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
            ]
            assert len(chosen) == 1, f"{name}: {labels['app.kubernetes.io/component']} is chosen by {chosen}"
            assert closed["podSelector"]["matchLabels"].items() <= labels.items()


def test_no_policy_chooses_pods_of_others(helm):
    for one in of_kind(helm.render(*cases()["trial"]), "NetworkPolicy").values():
        assert one["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "r"


def test_grpc_is_open_to_operators_only(helm):
    rendered = helm.render(values=EXISTING)

    for service in SERVICES:
        (rule,) = [one for one in policy(rendered, service)["ingress"] if ports(one) == ["grpc"]]
        assert rule["from"] == [{"podSelector": {"matchLabels": {"tenure.dev/operator": "true"}}}]


def test_only_hris_ingest_is_open_to_the_ingress(helm):
    rendered = helm.render(values=EXISTING)

    open_to_it = [
        one for one in SERVICES if ["http"] in [ports(rule) for rule in policy(rendered, one)["ingress"]]
    ]
    assert open_to_it == ["hris-ingest"]


def test_only_provisioning_reaches_applications(helm):
    values = {
        **EXISTING,
        "services.provisioning.egress.allow": [
            "10.20.0.0/16",
            "192.0.2.7",
            "2001:db8::/32",
            "fd00::1",
            "ldap.example",
        ],
    }

    rendered = helm.render(values=values)

    for service in SERVICES:
        expected = [[4222], [5432], [443], [443, 636]] if service == "provisioning" else [[4222], [5432]]
        assert [ports(rule) for rule in policy(rendered, service)["egress"]] == expected, service
    public, own = policy(rendered, "provisioning")["egress"][2:]
    assert "10.0.0.0/8" in public["to"][0]["ipBlock"]["except"]
    assert "169.254.0.0/16" in public["to"][0]["ipBlock"]["except"]
    assert [one["ipBlock"]["cidr"] for one in own["to"]] == [
        "10.20.0.0/16",
        "192.0.2.7/32",
        "2001:db8::/32",
        "fd00::1/128",
    ]


def test_mail_telemetry_and_other_ports_are_opened_as_they_are_set(helm):
    values = {
        "nats.url": "tls://n:14222",
        "database.host": "d",
        "database.port": 6432,
        "otel.endpoint": "http://collector:14317",
        "services.notification.smtp": {"host": "m", "from": "t@example.org", "tls": "implicit"},
    }

    rendered = helm.render(values=values)

    assert [ports(rule) for rule in policy(rendered, "audit")["egress"]] == [[14222], [6432], [14317]]
    assert [ports(rule) for rule in policy(rendered, "notification")["egress"]] == [
        [14222],
        [6432],
        [14317],
        [465],
    ]


def test_a_trial_opens_its_servers_to_its_own_pods(helm):
    rendered = helm.render(values={"trial.enabled": True})

    (to,) = policy(rendered, "audit")["egress"][0]["to"]
    assert to["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "nats"
    client, monitor = policy(rendered, "nats")["ingress"]
    assert (ports(client), ports(monitor)) == (["client"], ["monitor"])
    assert "egress" not in policy(rendered, "database")


def test_keda_follows_every_durable_exactly_once(helm, durables):
    rendered = helm.render(values={**MONITORED, "defaults.autoscaling.mode": "keda"})

    told = collections.Counter()
    for one in of_kind(rendered, "ScaledObject").values():
        service = one["metadata"]["labels"]["app.kubernetes.io/component"]
        followed = [trigger["metadata"]["consumer"] for trigger in one["spec"]["triggers"]]
        assert followed == durables[service]
        told.update(followed)
        assert {trigger["metadata"]["account"] for trigger in one["spec"]["triggers"]} == {"TENURE"}
    assert told == collections.Counter(name for names in durables.values() for name in names)


def test_what_scales_sets_no_replicas(helm):
    for mode in ("keda", "hpa"):
        rendered = helm.render(values={**MONITORED, "defaults.autoscaling.mode": mode})
        assert all("replicas" not in one["spec"] for one in of_kind(rendered, "Deployment").values())
        kind = "ScaledObject" if mode == "keda" else "HorizontalPodAutoscaler"
        assert len(of_kind(rendered, kind)) == len(SERVICES)


def test_keda_is_told_the_account_by_its_key_or_where_that_is(helm):
    known = helm.render(values={**MONITORED, "services.audit.autoscaling.mode": "keda"})
    looked_up = helm.render(values={"trial.enabled": True, "services.audit.autoscaling.mode": "keda"})

    assert of_kind(known, "TriggerAuthentication") == {}
    (authentication,) = of_kind(looked_up, "TriggerAuthentication").values()
    assert authentication["spec"]["secretTargetRef"] == [
        {"parameter": "accountID", "name": "r-tenure-nats-server", "key": "account-id"}
    ]
    for trigger in of_kind(looked_up, "ScaledObject")["r-tenure-audit"]["spec"]["triggers"]:
        assert trigger["authenticationRef"] == {"name": "r-tenure-broker"}


def test_keda_is_refused_where_there_is_nothing_to_follow(helm, tmp_path):
    copy = tmp_path / "tenure"
    shutil.copytree(CHART, copy)
    (copy / "files" / "mesh.json").write_text('{"streams": [], "consumers": []}', encoding="utf-8")

    with pytest.raises(RenderError, match="use hpa"):
        Helm(helm.program, tmp_path, copy).render(
            values={**MONITORED, "services.audit.autoscaling.mode": "keda"}
        )


def test_rules_and_dashboards_are_rendered_as_they_are(helm):
    on = {f"monitoring.{one}.enabled": True for one in ("serviceMonitor", "prometheusRule", "dashboards")}

    rendered = helm.render(values={**EXISTING, **on})

    rules = {path.stem for path in (CHART / "rules").glob("*.yaml")}
    assert set(of_kind(rendered, "PrometheusRule")) == {f"r-tenure-rules-{one}" for one in rules}
    assert all("groups" in one["spec"] for one in of_kind(rendered, "PrometheusRule").values())
    for path in (CHART / "dashboards").glob("*.json"):
        one = of_kind(rendered, "ConfigMap")[f"r-tenure-dashboard-{path.stem}"]
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["data"][path.name].strip() == path.read_text(encoding="utf-8").strip()
    (monitor,) = of_kind(rendered, "ServiceMonitor").values()
    assert monitor["spec"]["endpoints"][0]["relabelings"][0]["targetLabel"] == "service"


def test_the_http_door_is_the_only_one_outside(helm):
    rendered = helm.render(*cases()["everything"])

    (ingress,) = of_kind(rendered, "Ingress").values()
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    assert [one["path"] for one in paths] == ["/scim", "/webhooks"]
    assert {one["backend"]["service"]["port"]["name"] for one in paths} == {"http"}
    (route,) = of_kind(rendered, "HTTPRoute").values()
    assert route["spec"]["rules"][0]["backendRefs"] == [{"name": "r-tenure-hris-ingest", "port": 8080}]


def test_what_people_are_told_fits_the_values(helm):
    def notes(*options: str) -> str:
        return helm.run(
            "install", "r", str(CHART), "--dry-run=client", "--namespace", "identity", *options
        ).partition("NOTES:")[2]

    trial, ha = notes(*cases()["trial"]), notes(*cases()["ha"])

    for warning in (
        "trial.enabled",
        "one pod only",
        "no autoscaling",
        "streams.replicas",
        "serviceMonitor",
        "secrets are managed",
    ):
        assert warning in trial
        assert warning not in ha
    assert "sslmode is require" in notes(*cases()["init"])
    assert "networkPolicy.enabled is false" in notes(*cases()["init"])
