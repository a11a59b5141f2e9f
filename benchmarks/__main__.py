"""``python -m benchmarks [GROUP ...] --media DIR [--peers PYTHON] [--quick] [--out FILE]``.

With ``--against benchmarks/ratios.json`` it compares the ratios with recorded ones and ends with
status 1 where one has fallen by a third: only ratios from one sitting say something about the code.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.contest import usable_cores
from benchmarks.groups import GROUPS, Setting
from benchmarks.ratios import fallen, ratios_of

FALL = 1 / 3


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="GROUP",
                        help=f"of {', '.join(GROUPS)}; all where none is named")  # fmt: skip
    parser.add_argument("--media", type=Path, required=True, help="portrait.jpg, smile.mp4, ...")
    parser.add_argument("--made", type=Path, help="where longer media are kept")
    parser.add_argument("--peers", help="python of the peers' environment, see peers.txt")
    parser.add_argument("--faces", type=Path, help="FER2013's pictures in folders, for accuracy")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter media")
    parser.add_argument("--out", type=Path, help="write all figures as JSON")
    parser.add_argument("--against", type=Path, help="recorded ratios that must not fall")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        made = given.made or Path(scratch)
        setting = Setting(given.media, made, given.peers, given.faces, given.quick)
        found: dict[str, Any] = {"machine": _machine()}
        for group in given.groups or GROUPS:
            found[group] = GROUPS[group](setting)
            _show(group, found[group])
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if given.against:
        recorded = json.loads(given.against.read_text(encoding="utf-8"))
        worse = fallen(ratios_of(found), recorded, FALL)
        for line in worse:
            print(f"fell by a third or more: {line}", file=sys.stderr)
        return 1 if worse else 0
    return 0


def _machine() -> dict[str, Any]:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": usable_cores(),
        "python": platform.python_version(),
    }


def _show(group: str, found: dict[str, Any]) -> None:
    console = Console()
    for name, part in found.items():
        if name == "results" or not part:
            continue
        table = Table(title=f"{group}: {name.replace('_', ' ')}", title_justify="left")
        nested = all(isinstance(value, dict) for value in part.values())
        columns = (
            list(dict.fromkeys(key for value in part.values() for key in value))
            if nested
            else ["value"]
        )
        table.add_column("")
        for column in columns:
            table.add_column(column, justify="right")
        for key, value in part.items():
            cells = [value.get(column, "") for column in columns] if nested else [value]
            table.add_row(key, *map(str, cells))
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
