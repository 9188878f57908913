"""Seconds of small jobs with the default number of threads and with one and two, on idle and on busy cores.

    python scripts/maintenance/threads.py [--repeats 2] [--busy 0 1 2] [--job estimate recover generate]

Each job is a process of its own; its clock starts with the process, so that imports count. Busy cores are kept busy by
programs that count. Printed is the least of the repeats, and how many times longer the default took than the best.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm import tqdm

from discrete_ed.jobs.text import as_text

ROOT = Path(__file__).resolve().parents[2]
SPIN = "while True: pass"
CHOICES = {"default": {}, "one": {"OMP_NUM_THREADS": "1"}, "two": {"OMP_NUM_THREADS": "2"}}


def jobs(folder: Path) -> dict[str, list[str]]:
    """The command lines: a table of 16 dependent columns for two of them, the ego graphs that are shipped for one."""
    random = np.random.default_rng(0)
    table = folder / "table.csv"
    hidden = random.random((2_000, 4)) < 0.5
    rows = np.repeat(hidden, 4, axis=1) ^ (random.random((2_000, 16)) < 0.2)
    np.savetxt(
        table, rows.astype(int), fmt="%d", delimiter=",", header=",".join(f"v{k}" for k in range(16)), comments=""
    )
    return {
        "estimate": ["estimate", "--data", str(table), "--steps", "200"],
        "recover": ["recover", "--data", str(table)],
        "generate": ["generate", "--steps", "100", "--samples", "64"],
    }


@contextmanager
def busy(cores: int) -> Iterator[None]:
    """Programs that keep so many cores busy."""
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(cores)]
    try:
        yield
    finally:
        for program in spinning:
            program.kill()
            program.wait()


def seconds(arguments: list[str], variables: dict[str, str], out: Path) -> float:
    """How long the job takes; its output is shown if it fails."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}
    command = [sys.executable, "-m", "discrete_ed", *arguments, "--out", str(out)]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=inherited | variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2], help="cores that other programs keep busy")
    parser.add_argument("--job", nargs="+", default=["estimate", "recover", "generate"])
    asked = parser.parse_args()
    table = [["job", "busy cores", *CHOICES, "default / best"]]
    with (
        tempfile.TemporaryDirectory() as name,
        tqdm(total=len(asked.job) * len(asked.busy) * len(CHOICES) * asked.repeats, leave=False) as bar,
    ):
        commands = jobs(Path(name))
        for job in asked.job:
            for cores in asked.busy:
                taken = dict.fromkeys(CHOICES, float("inf"))
                with busy(cores):
                    for number in range(asked.repeats):  # in turn, so that other loads meet all alike
                        for choice, variables in CHOICES.items():
                            out = Path(name) / f"{job}-{cores}-{choice}-{number}"
                            taken[choice] = min(taken[choice], seconds(commands[job], variables, out))
                            bar.update()
                values = list(taken.values())
                table.append(
                    [job, f"{cores}", *(f"{value:.1f} s" for value in values), f"{values[0] / min(values):.2f}"]
                )
                bar.write("  ".join(table[-1]))  # at once, since the whole table takes a quarter of an hour
    print(as_text(table))


if __name__ == "__main__":
    main()
