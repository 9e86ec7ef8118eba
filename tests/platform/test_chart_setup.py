"""Secrets, schemas, streams, databases and trials are set up as the values say."""

from __future__ import annotations

import pytest

from chart import cases, mesh, of_kind
from conftest import EXISTING, SERVICES

FOLDERS = {
    f"{kind}-{service}{end}"
    for service in SERVICES
    for kind, end in (("nats", ""), ("database", ""), ("database", "-owner"))
}
FOLDERS |= {"keys", "nats-server", "database-server", "nats-setup", "database-admin", "operators"}


def arguments(job: dict) -> list[str]:
    return job["spec"]["template"]["spec"]["containers"][0]["args"]


def mounted(workload: dict) -> set[str]:
    """Returns the Secrets that a pod mounts."""
    found = set()
    for volume in workload["spec"]["template"]["spec"]["volumes"]:
        if "secret" in volume:
            found.add(volume["secret"]["secretName"])
        found |= {
            one["secret"]["name"] for one in volume.get("projected", {}).get("sources", []) if "secret" in one
        }
    return found


def test_existing_secrets_need_no_account_that_could_make_them(helm):
    rendered = helm.render(values=EXISTING)

    assert [one for one in rendered if one["kind"] in ("Role", "RoleBinding", "CronJob")] == []


def test_managed_secrets_are_made_before_and_renewed(helm):
    rendered = helm.render(values={**EXISTING, "secrets.mode": "managed", "secrets.sources": ["payroll"]})

    hook = of_kind(rendered, "Job")["r-tenure-credentials-hook"]
    assert hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert arguments(hook)[:5] == ["setup", "credentials", "--kubernetes", "--prefix", "r-tenure"]
    assert arguments(hook)[-2:] == ["--source", "payroll"]
    assert {"nats.nats.svc", "postgres.databases.svc"} <= set(arguments(hook))
    renewal = of_kind(rendered, "CronJob")["r-tenure-credentials"]["spec"]
    assert renewal["schedule"] == "17 */6 * * *"
    assert arguments(renewal["jobTemplate"]) == arguments(hook)


def test_an_account_may_change_exactly_the_secrets_that_its_program_makes(helm):
    rendered = helm.render(
        values={**EXISTING, "secrets.mode": "managed", "secrets.prefix": "p", "secrets.sources": ["payroll"]}
    )

    roles = of_kind(rendered, "Role")
    assert set(roles) == {"r-tenure-credentials", "r-tenure-credentials-hook"}
    for role in roles.values():
        (rule,) = role["rules"]
        assert set(rule["resourceNames"]) == {f"p-{one}" for one in FOLDERS | {"nats-source-payroll"}}
        assert (rule["resources"], rule["verbs"]) == (["secrets"], ["get", "create", "patch"])


def test_only_credentials_have_a_token_of_the_api_server(helm):
    for name, options in cases().items():
        for one in helm.render(*options):
            text = str(one)
            if "serviceAccountToken" in text:
                assert "-credentials" in one["metadata"]["name"], f"{name}: {one['metadata']['name']}"


def test_a_service_mounts_its_own_secrets_only(helm):
    for service, deployment in zip(
        SERVICES, of_kind(helm.render(*cases()["trial"]), "Deployment").values(), strict=True
    ):
        own = {f"r-tenure-nats-{service}", f"r-tenure-database-{service}", "r-tenure-operators"}
        assert mounted(deployment) == own | {
            "r-tenure-database-server"
        }, "and the database's certificate authority"
    for deployment in of_kind(helm.render(*cases()["trial"]), "Deployment").values():
        assert "tls.key" not in str(deployment)


@pytest.mark.parametrize("mode", ["job", "hook", "init", "none"])
def test_schemas_are_migrated_by_their_owners(helm, mode):
    rendered = helm.render(values={**EXISTING, "migrations.mode": mode})

    jobs = {name: one for name, one in of_kind(rendered, "Job").items() if "-migrate-" in name}
    assert set(jobs) == (
        {f"r-tenure-migrate-{one}-1" for one in SERVICES} if mode in ("job", "hook") else set()
    )
    for name, job in jobs.items():
        service = name.removeprefix("r-tenure-migrate-").removesuffix("-1")
        assert arguments(job) == ["migrate"]
        assert ("helm.sh/hook" in job["metadata"].get("annotations", {})) == (mode == "hook")
        check_owner(job["spec"]["template"]["spec"]["containers"][0], service)
        assert f"r-tenure-database-{service}-owner" in mounted(job)
    for name, deployment in of_kind(rendered, "Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        assert ("initContainers" in pod) == (mode == "init")
        assert any(
            one["name"].endswith("__DATABASE__MIGRATE") and one["value"] == "false"
            for one in pod["containers"][0]["env"]
        )
        if mode == "init":
            check_owner(pod["initContainers"][0], name.removeprefix("r-tenure-"))
            assert "owner" not in [one["name"] for one in pod["containers"][0]["volumeMounts"]]


def check_owner(container: dict, service: str) -> None:
    database = service.replace("-", "_")
    environment = {one["name"]: one["value"] for one in container["env"]}
    url = environment[f"TENURE_{database.upper()}__DATABASE__URL"]
    assert url.startswith(f"postgres://{database}_owner@") and f"/{database}?" in url


@pytest.mark.parametrize("mode", ["job", "nack", "none"])
def test_streams_are_made_one_way_only(helm, mode):
    rendered = helm.render(
        values={**EXISTING, "streams.mode": mode, "streams.replicas": 3, "streams.bytesMax": 8589934592}
    )

    jobs = {name: one for name, one in of_kind(rendered, "Job").items() if "-streams-" in name}
    assert len(jobs) == (1 if mode == "job" else 0)
    for job in jobs.values():
        assert arguments(job)[-4:] == ["--replicas", "3", "--bytes-max", "8589934592"]
    assert bool(of_kind(rendered, "Stream")) == (mode == "nack")


def test_nack_is_told_everything(helm):
    rendered = helm.render(values={**EXISTING, "streams.mode": "nack", "streams.replicas": 3})

    streams = {one["spec"]["name"]: one["spec"] for one in of_kind(rendered, "Stream").values()}
    assert set(streams) == {one["name"] for one in mesh()["streams"]}
    for wanted in mesh()["streams"]:
        told = streams[wanted["name"]]
        assert (told["storage"], told["retention"], told["discard"]) == ("file", "limits", "new")
        assert (told["replicas"], told["maxBytes"], told["denyDelete"], told["denyPurge"]) == (
            3,
            1073741824,
            True,
            True,
        )
        assert told["subjects"] == wanted["subjects"]
        assert told["maxAge"] == f"{wanted['max_age_seconds']}s"
        assert told.get("republish") == wanted["republish"]
    consumers = {one["spec"]["durableName"]: one["spec"] for one in of_kind(rendered, "Consumer").values()}
    for wanted in mesh()["consumers"]:
        told = consumers.pop(wanted["durable"])
        assert (told["streamName"], told["filterSubject"]) == (wanted["stream"], wanted["filter"])
        assert (told["ackPolicy"], told["ackWait"]) == ("explicit", f"{wanted['ack_wait_seconds']}s")
        assert told["maxAckPending"] == wanted["max_ack_pending"]
    assert consumers == {}


def test_databases_are_made_with_every_password(helm):
    rendered = helm.render(values={**EXISTING, "databases.create": True, "database.caSecret.name": "ca"})

    job = of_kind(rendered, "Job")["r-tenure-databases-1"]
    url = arguments(job)[3]
    assert (
        url
        == "postgres://postgres@postgres.databases.svc:5432/postgres?sslmode=verify-full&sslrootcert=/etc/tenure/database/ca.crt"
    )
    volumes = {one["name"]: one for one in job["spec"]["template"]["spec"]["volumes"]}
    paths = {one["secret"]["items"][0]["path"] for one in volumes["passwords"]["projected"]["sources"]}
    assert paths == {f"database-{service}{end}/password" for service in SERVICES for end in ("", "-owner")}
    assert "r-tenure-databases-1" not in of_kind(helm.render(values=EXISTING), "Job")


def test_a_trial_brings_all_that_it_needs(helm):
    rendered = helm.render(values={"trial.enabled": True})

    assert set(of_kind(rendered, "StatefulSet")) == {"r-tenure-nats", "r-tenure-database"}
    jobs = of_kind(rendered, "Job")
    assert {"r-tenure-credentials-hook", "r-tenure-databases-1", "r-tenure-streams-1"} <= set(jobs)
    names = arguments(jobs["r-tenure-credentials-hook"])
    assert {"r-tenure-nats", "r-tenure-database", "r-tenure-nats.identity.svc"} <= set(names)
    for server in of_kind(rendered, "StatefulSet").values():
        assert server["metadata"]["annotations"] == {"tenure.dev/purpose": "trial only"}
        assert server["spec"]["replicas"] == 1


def test_a_trial_without_volumes_asks_for_none(helm):
    rendered = helm.render(values={"trial.enabled": True, "trial.persistence.enabled": False})

    for server in of_kind(rendered, "StatefulSet").values():
        assert "volumeClaimTemplates" not in server["spec"]


def test_the_smoke_test_knows_every_service_and_may_ask(helm):
    (pod,) = of_kind(helm.render(values=EXISTING), "Pod").values()

    environment = {one["name"]: one["value"] for one in pod["spec"]["containers"][0]["env"]}
    addresses = dict(one.split("=", 1) for one in environment["TENURE_ADDRESSES"].split(","))
    assert addresses == {one: f"http://r-tenure-{one}:9090" for one in SERVICES}
    assert pod["metadata"]["labels"]["tenure.dev/operator"] == "true"
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
