#!/usr/bin/env python3
"""Makes the Grafana dashboards of helm/tenure/dashboards from the modules in boards/.

    dashboards.py            writes them
    dashboards.py --check    says which differ from what would be written, and ends with 1 if any does

Needs grafana-foundation-sdk.
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from boards import applications, leavers, lifecycle, mesh
from written import keep

FOLDER = Path(__file__).parent.parent.parent / "helm" / "tenure" / "dashboards"
BOARDS = (mesh, lifecycle, applications, leavers)


def main() -> int:
    """Writes the dashboards, or compares them."""
    files = {FOLDER / name: text for name, text in dashboard_files().items()}
    return keep(FOLDER, "*.json", files, check="--check" in sys.argv[1:])


def dashboard_files() -> dict[str, str]:
    """Returns what stands in each dashboard file."""
    files = {}
    for module in BOARDS:
        board = module.build().build()
        # Numbered in their order, so that a link to a panel stays what it was.
        for number, panel in enumerate(board.panels or [], start=1):
            panel.id_val = number
        text = json.dumps(board, cls=JSONEncoder, sort_keys=True, indent=2)
        files[f"{module.__name__.rpartition('.')[2]}.json"] = text + "\n"
    return files


if __name__ == "__main__":
    sys.exit(main())
