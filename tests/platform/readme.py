#!/usr/bin/env python3
"""Writes helm/tenure/README.md from values.yaml and values.schema.json; `--check` says whether it is what these say.

Meanings come from the schema, defaults from values.yaml. A value without either is an error.
"""
from __future__ import annotations

import json
import sys
from typing import Any, Iterator

import yaml

from chart import CHART

README = CHART / "README.md"

HEAD = """# Tenure's chart

Written by `tests/platform/readme.py` from `values.yaml` and `values.schema.json`.

Installs the five services of Tenure, and, as values ask for, their Secrets, schemas, streams, autoscaling, network policies,
alerts and dashboards. It needs Kubernetes 1.30 or newer and Helm 3.18 or 4. A NATS with JetStream and a PostgreSQL are there
before, except in a trial; Tenure is tested with NATS 2.15 and PostgreSQL 18.

```
helm install t helm/tenure --namespace tenure --create-namespace --set trial.enabled=true
helm test t --namespace tenure --logs
```

[docs/operations/install.md](../../docs/operations/install.md) leads through an installation step by step. `values-ha.yaml` is
what to begin with for people's access; `examples/` has values for the official NATS chart, a CloudNativePG cluster and
External Secrets.

## Secrets

With `secrets.mode: existing` these Secrets have to be there before; with `managed`, and in a trial, a Job makes and a CronJob
renews them. `<p>` is `secrets.prefix`, or the release's full name.

| Secret | keys | for |
| --- | --- | --- |
| `<p>-nats-<service>` | `nats.creds`, `ca.crt` | the service's own NATS account |
| `<p>-nats-setup` | `nats.creds`, `ca.crt` | `tenure setup streams`, or NACK |
| `<p>-nats-source-<name>` | `nats.creds`, `ca.crt` | a source that publishes over NATS |
| `<p>-nats-server` | `accounts.conf`, `tls.crt`, `tls.key`, `ca.crt`, `account-id` | the broker; `account-id` for KEDA |
| `<p>-database-<service>` | `password` | the role of the running service |
| `<p>-database-<service>-owner` | `password` | the role that owns the schema, for migrations alone |
| `<p>-database-admin` | `password` | `tenure setup databases`, where `databases.create` is true |
| `<p>-database-server` | `tls.crt`, `tls.key`, `ca.crt` | PostgreSQL |
| `<p>-operators` | `token` | the bearer token of the services' gRPC |
| `<p>-keys` | signing keys | `tenure setup credentials` alone |

## Values

`services.<name>` takes every key of `defaults`; listed there is only what differs.
"""

FOOT = """
## What has been tried

`python tests/platform/helm_checks.py` lints and renders the chart with Helm 3 and 4, holds every object against the schemas of
Kubernetes 1.37 and of the custom resources, against the restricted pod security standard and checkov, and lets the real Helm install,
upgrade, roll back, test and uninstall it on a stand-in for the API server. The settings of a trial's servers are tried with a
real NATS and a real PostgreSQL. That is no test on a cluster: scheduling, admission, networks, KEDA's scaling and the pulling of
images have not been tried by it.
"""


def main() -> int:
    text = HEAD + table() + FOOT
    if "--check" in sys.argv[1:]:
        if README.read_text(encoding="utf-8") != text:
            print(
                f"{README} is not what values.yaml and values.schema.json say: run tests/platform/readme.py"
            )
            return 1
        return 0
    README.write_text(text, encoding="utf-8")
    return 0


def table() -> str:
    """Returns one table per top-level value."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    missing = values.keys() ^ (schema["properties"].keys() - {"global"})
    if missing:
        raise SystemExit(f"only one of values.yaml and values.schema.json has {sorted(missing)}")
    parts = []
    for name, value in values.items():
        rows = list(leaves(name, value, schema["properties"][name], schema))
        about = resolve(schema["properties"][name], schema).get("description", "")
        parts.append(
            f"\n### {name}\n\n{about}\n\n| value | default | meaning |\n| --- | --- | --- |\n" + "".join(rows)
        )
    return "".join(parts)


def leaves(path: str, value: Any, schema: dict, root: dict) -> Iterator[str]:
    """Returns a row for every value that has a meaning of its own."""
    schema = resolve(schema, root)
    described = schema.get("properties")
    if isinstance(value, dict) and described and not closed(path):
        for key in value:
            if key not in described:
                raise SystemExit(f"values.schema.json does not know {path}.{key}")
            yield from leaves(f"{path}.{key}", value[key], described[key], root)
        return
    meaning = schema.get("description")
    if not meaning:
        raise SystemExit(f"values.schema.json does not say what {path} means")
    default = json.dumps(value, ensure_ascii=False).replace("|", "\\|")
    yield f"| `{path}` | `{default}` | {meaning.replace('|', chr(92) + '|')} |\n"


def closed(path: str) -> bool:
    """Whether a value is told as a whole."""
    return path.endswith(("resources", "startup", "liveness", "readiness"))


def resolve(schema: dict, root: dict) -> dict:
    """Follows a reference into the schema's definitions."""
    while "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


if __name__ == "__main__":
    sys.exit(main())
