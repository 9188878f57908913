"""Time and memory of recoveries from large tables, beside the forecast of each.

    python scripts/maintenance/scale.py [--case 1000x10000 500x100000 2000x100000] [--folder FOLDER]

The tables are exact samples of 1,000 couplings of ±.3 to ±.6 with fields: the spins are divided into groups of ten,
whose states are enumerated. Each is written as uint8 in an .npy file and read by `discrete-ed recover`, in a process of
its own; printed are its time, the processor time, the peak of its memory, and the edges found. With `--parquet` the
table is a Parquet file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from discrete_ed.ising.forecast import forecast
from discrete_ed.jobs.text import as_text
from discrete_ed.states import enumerate_states

EDGES, GROUP = 1000, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="+", default=["1000x10000", "500x100000", "2000x100000"], help="columns x rows")
    parser.add_argument("--folder", type=Path, help="where tables and runs are kept; by default they are removed")
    parser.add_argument("--parquet", action="store_true", help="write tables as Parquet")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    rows = [["columns x rows", "edges", "found", "false", "seconds", "of processors", "GB", "forecast"]]
    for case in arguments.case:
        spins, count = map(int, case.split("x"))
        rows.append([case, *measured(spins, count, folder, parquet=arguments.parquet)])
        print(as_text(rows), flush=True)
    if arguments.folder is None:
        shutil.rmtree(folder)


def exact_table(spins: int, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bits `(N, D)` sampled exactly, and the true couplings."""
    rng = np.random.default_rng(seed)
    groups = spins // GROUP
    shares = np.full(groups, EDGES // groups) + (np.arange(groups) < EDGES % groups)
    states = 2.0 * enumerate_states(GROUP).numpy() - 1
    inside = np.stack(np.triu_indices(GROUP, 1), 1)
    order = rng.permutation(spins)  # groups are spread over the table
    bits, couplings = np.empty((rows, spins), np.uint8), np.zeros((spins, spins))
    for group, share in enumerate(shares):
        pairs = inside[rng.choice(len(inside), share, replace=False)]
        strength = rng.uniform(0.3, 0.6, share) * rng.choice([-1, 1], share)
        mine = order[group * GROUP : (group + 1) * GROUP]
        weight = states @ rng.uniform(-0.2, 0.2, GROUP)
        weight += (states[:, pairs[:, 0]] * states[:, pairs[:, 1]]) @ strength
        law = np.exp(weight - weight.max())
        bits[:, mine] = states[rng.choice(len(states), rows, p=law / law.sum())] > 0
        couplings[mine[pairs[:, 0]], mine[pairs[:, 1]]] = strength
    return bits, couplings + couplings.T


def measured(spins: int, rows: int, folder: Path, *, parquet: bool) -> list[str]:
    """The cells of one row of the table."""
    bits, true = exact_table(spins, rows)
    name = folder / f"{spins}x{rows}{'.parquet' if parquet else '.npy'}"
    if parquet:
        import pandas as pd

        pd.DataFrame(bits, columns=[f"x{k}" for k in range(spins)]).to_parquet(name)
    else:
        np.save(name, bits)
    del bits
    run = folder / f"run-{spins}x{rows}"
    shutil.rmtree(run, ignore_errors=True)
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "discrete_ed", "recover", "--data", str(name), "--out", str(run)])
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.monotonic() - started
    if status:
        return ["-", "-", "-", f"{elapsed:.0f}", "-", f"{usage.ru_maxrss / 1e6:.2f}", f"exit {status >> 8}"]
    result = json.loads((run / "result.json").read_text())
    found = np.loadtxt(run / "edges.csv", delimiter=",", skiprows=1, usecols=(0, 1), dtype=str).reshape(-1, 2)
    first = 0 if parquet else 1  # names count from x0 or from x1
    places = np.array([[int(cell[1:]) - first for cell in pair] for pair in found], dtype=int).reshape(-1, 2)
    false = int((true[tuple(places.T)] == 0).sum())
    edges = result["edges"]["found"]
    used = usage.ru_utime + usage.ru_stime
    expected = str(forecast(rows, spins, "auto", "auto"))
    return [
        f"{EDGES}",
        f"{edges}",
        f"{false}",
        f"{elapsed:.0f}",
        f"{used:.0f}",
        f"{usage.ru_maxrss / 1e6:.2f}",
        expected,
    ]


if __name__ == "__main__":
    main()
