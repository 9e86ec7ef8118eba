"""The chart renders each service as its values say."""

from __future__ import annotations

import re

import pytest
import yaml

from chart import CHART, RenderError, cases, of_kind
from conftest import EXISTING, SERVICES


def test_every_case_renders_every_service_that_is_on(helm):
    for name, options in cases().items():
        assert set(of_kind(helm.render(*options), "Deployment")) == {
            f"r-tenure-{one}" for one in SERVICES
        }, name


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_off_leaves_nothing_of_its_own(helm, service):
    rendered = helm.render(values={**EXISTING, f"services.{service}.enabled": False})

    own = [one for one in rendered if one["metadata"]["labels"].get("app.kubernetes.io/component") == service]
    assert own == []
    assert len(of_kind(rendered, "Deployment")) == 4
    assert of_kind(rendered, "Pod") == {}, "`tenure smoke` needs every service"


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_says_wins_over_the_defaults(helm, service):
    values = {**EXISTING, "defaults.replicas": 3, f"services.{service}.replicas": 7}

    deployments = of_kind(helm.render(values=values), "Deployment")

    told = {name: one["spec"]["replicas"] for name, one in deployments.items()}
    assert told == {f"r-tenure-{one}": 7 if one == service else 3 for one in SERVICES}


def test_the_checksum_follows_the_settings_of_one_service(helm):
    def checksums(config: str) -> dict[str, str]:
        deployments = of_kind(helm.render(values={**EXISTING, "services.audit.config": config}), "Deployment")
        return {
            name: one["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
            for name, one in deployments.items()
        }

    before, after = checksums("log_json = true"), checksums("log_json = false")

    assert [name for name in before if before[name] != after[name]] == ["r-tenure-audit"]


def test_settings_come_as_a_file_and_by_environment(helm, container):
    values = {
        **EXISTING,
        "services.policy-evaluation.config": "[service]\nx = 1\n",
        "services.policy-evaluation.zone": "Asia/Tokyo",
    }

    rendered = helm.render(values=values)

    environment = container(rendered, "policy-evaluation")["env"]
    assert {one["name"]: one.get("value") for one in environment}.items() >= {
        "TENURE_POLICY_EVALUATION_CONFIG": "/etc/tenure/config/policy-evaluation.toml",
        "TENURE_POLICY_EVALUATION__ZONE": "Asia/Tokyo",
        "TENURE_POLICY_EVALUATION__DATABASE__MIGRATE": "false",
        "TENURE_POLICY_EVALUATION__GRPC__TOKEN_FILE": "/etc/tenure/operators/token",
    }.items()
    assert of_kind(rendered, "ConfigMap")["r-tenure-policy-evaluation"]["data"] == {
        "policy-evaluation.toml": "[service]\nx = 1\n"
    }


def test_every_variable_is_one_that_its_program_knows(helm, container):
    rendered = helm.render(*cases()["everything"])

    for service in SERVICES:
        prefix = "TENURE_" + service.replace("-", "_").upper()
        names = [one["name"] for one in container(rendered, service)["env"]]
        assert len(names) == len(set(names))
        others = [name for name in names if name.startswith("TENURE_") and not name.startswith(prefix + "_")]
        assert others == []


def test_mail_is_only_configured_with_a_host(helm, container):
    def variables(values: dict) -> set[str]:
        environment = container(helm.render(values={**EXISTING, **values}), "notification")["env"]
        return {one["name"] for one in environment if "__SMTP__" in one["name"]}

    assert variables({}) == set()
    mail = {
        "services.notification.smtp.host": "mail.example",
        "services.notification.smtp.from": "t@example.org",
    }
    prefix = "TENURE_NOTIFICATION__SMTP__"
    assert variables(mail) == {prefix + "HOST", prefix + "TLS", prefix + "FROM"}


def test_a_broker_without_tls_needs_no_authority(helm, container):
    rendered = helm.render(values={**EXISTING, "nats.url": "nats://n:4222"})

    assert not [one for one in container(rendered, "audit")["env"] if one["name"].endswith("__NATS__CA_FILE")]
    volumes = of_kind(rendered, "Deployment")["r-tenure-audit"]["spec"]["template"]["spec"]["volumes"]
    (nats,) = [one for one in volumes if one["name"] == "nats"]
    assert [item["key"] for item in nats["projected"]["sources"][0]["secret"]["items"]] == ["nats.creds"]


def test_a_pod_ends_within_its_grace(helm):
    for deployment in of_kind(helm.render(values=EXISTING), "Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["containers"][0]["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}
        assert pod["terminationGracePeriodSeconds"] == 45
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_names_of_a_long_release_fit(helm):
    release = "r" * 53
    for options in cases().values():
        for one in helm.render(*options, release=release):
            limit = (
                52 if one["kind"] in ("CronJob", "StatefulSet") else 253 if one["kind"] == "Consumer" else 63
            )
            assert len(one["metadata"]["name"]) <= limit, f"{one['kind']} {one['metadata']['name']}"
            for value in one["metadata"]["labels"].values():
                assert len(value) <= 63


def test_names_that_are_cut_stay_apart(helm):
    rendered = helm.render(*cases()["trial"], release="r" * 53)

    names = [(one["kind"], one["metadata"]["name"]) for one in rendered]
    assert len(names) == len(set(names))


def test_label_values_are_text_whatever_the_release_is_called(helm):
    for release in ("n", "yes", "1234"):
        for one in helm.render(*cases()["existing"], release=release):
            assert all(isinstance(value, str) for value in one["metadata"]["labels"].values())
            assert one["metadata"]["labels"]["app.kubernetes.io/instance"] == release


def test_images_are_named_by_registry_tag_or_digest(helm, container):
    digest = "sha256:" + "0" * 64
    values = {**EXISTING, "image.registry": "reg", "image.tag": "9", "services.audit.image.digest": digest}

    rendered = helm.render(values=values)

    assert container(rendered, "provisioning")["image"] == "reg/tenure-provisioning:9"
    assert container(rendered, "audit")["image"] == f"reg/tenure-audit@{digest}"
    jobs = of_kind(rendered, "Job")
    assert (
        jobs["r-tenure-streams-1"]["spec"]["template"]["spec"]["containers"][0]["image"]
        == "reg/tenure-tenure:9"
    )


def test_schemas_can_be_migrated_by_a_newer_release_than_runs(helm, container):
    for mode in ("job", "init"):
        values = {**EXISTING, "image.tag": "1", "migrations.tag": "2", "migrations.mode": mode}
        rendered = helm.render(values=values)
        assert container(rendered, "audit")["image"].endswith("tenure-audit:1")
        job = of_kind(rendered, "Job").get("r-tenure-migrate-audit-1")
        init = of_kind(rendered, "Deployment")["r-tenure-audit"]["spec"]["template"]["spec"].get(
            "initContainers"
        )
        migrating = init or job["spec"]["template"]["spec"]["containers"]
        assert migrating[0]["image"].endswith("tenure-audit:2")


def test_no_secret_has_a_value_in_the_values(helm):
    for options in cases().values():
        assert of_kind(helm.render(*options), "Secret") == {}
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    told = [path for path in paths(values) if re.search(r"(?i)(password|token|secret|credential)s?$", path)]
    assert told == [], "values name Secrets, and hold none"


def paths(values: object, path: str = "") -> list[str]:
    """Returns the path of every text in the values."""
    if isinstance(values, dict):
        return [one for key, value in values.items() for one in paths(value, f"{path}.{key}")]
    return [path] if isinstance(values, str) else []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"servces.audit.replicas": 2}, "servces"),
        ({"services.audit.replicsa": 2}, "replicsa"),
        ({"services.audits.replicas": 2}, "audits"),
        ({"defaults.autoscaling.mode": "ked"}, "mode"),
        ({"streams.replicas": 2}, "replicas"),
        ({"database.sslmode": "verify"}, "sslmode"),
        ({"nats.url": "http://n"}, "url"),
        ({"nats.url": "tls://user:secret@n:4222"}, "url"),
        ({"secrets.mode": "manged"}, "mode"),
        ({"services.audit.smtp.host": "x"}, "smtp"),
    ],
)
def test_a_typing_error_is_refused(helm, values, told):
    with pytest.raises(RenderError, match=told):
        helm.render(values={**EXISTING, **values})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"nats.url": ""}, "nats.url is missing"),
        ({"database.host": ""}, "database.host is missing"),
        ({"trial.enabled": True}, "leave nats.url and database.host empty"),
        ({"defaults.enabled": False}, "no service is on"),
        (
            {"defaults.autoscaling.mode": "hpa", "defaults.autoscaling.minReplicas": 9},
            "minReplicas is above maxReplicas",
        ),
        ({"services.audit.autoscaling.mode": "keda"}, "set nats.monitoringEndpoint"),
        ({"services.audit.autoscaling.mode": "keda", "nats.monitoringEndpoint": "n:8222"}, "public key"),
        ({"services.audit.terminationGracePeriodSeconds": 33}, "terminationGracePeriodSeconds"),
        ({"services.notification.smtp.host": "mail"}, "smtp.from is missing"),
        ({"services.notification.smtp.user": "t"}, "belong together"),
        ({"ingress.enabled": True}, "ingress.host is missing"),
        ({"httpRoute.enabled": True}, "parentRefs is missing"),
        ({"ingress.enabled": True, "services.hris-ingest.http.enabled": False}, "which is not enabled"),
    ],
)
def test_values_that_contradict_each_other_are_refused(helm, values, told):
    with pytest.raises(RenderError, match=told):
        helm.render(values={**EXISTING, **values})


@pytest.mark.parametrize(
    "values",
    [
        {"migrations.mode": "hook"},
        {"streams.mode": "nack"},
        {"streams.replicas": 3},
        {"nats.caSecret.name": "x"},
    ],
)
def test_a_trial_refuses_what_its_servers_cannot_do(helm, values):
    with pytest.raises(RenderError, match="trial.enabled"):
        helm.render(values={"trial.enabled": True, **values})
