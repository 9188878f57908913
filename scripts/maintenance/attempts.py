"""Shared by the scripts that try to break things: their parts, and a table of the outcomes."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / ".ci")]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
os.environ.setdefault("OMP_NUM_THREADS", "1")


class Row(NamedTuple):
    """A line of the table."""

    what: str
    cases: int
    outcome: str
    good: bool


Part = Callable[[Path, argparse.Namespace], Iterable[Row]]
"""a function that tries something in its own folder, and yields the rows of the outcome"""


def parser_of(description: str | None, parts: Mapping[str, Part]) -> argparse.ArgumentParser:
    """A command line on which parts are named."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(parts)}; by default all")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def parsed(parser: argparse.ArgumentParser, parts: Mapping[str, Part], arguments: list[str]) -> argparse.Namespace:
    """The options; an unknown part is an error."""
    options = parser.parse_args(arguments)
    unknown = set(options.parts) - parts.keys()
    if unknown:
        parser.error(f"parts: expected {', '.join(parts)}, got {', '.join(sorted(unknown))}")
    return options


def try_parts(
    parts: Mapping[str, Part], options: argparse.Namespace, prepare: Callable[[], None] = lambda: None
) -> NoReturn:
    """Run the parts in a temporary folder, print their table, and exit with 0 if all went well.

    Args:
        prepare: called first, to create the files that the parts need in that folder.
    """
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        prepare()
        rows = []
        for part in options.parts or parts:
            started = time.monotonic()
            for row in parts[part](Path(name), options):
                rows.append(row)
                print(f"{'ok ' if row.good else 'BAD'} {row}", file=sys.stderr, flush=True)
            print(f"{part}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print("| tried | cases | what happened |\n|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.cases} | {row.outcome} |")
    raise SystemExit(0 if all(row.good for row in rows) else 1)
