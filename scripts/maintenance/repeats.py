"""Whether repeated rows are noticed, and whether independent ones raise an alarm, over simulated tables.

    python scripts/maintenance/repeats.py [--tables 24] [--first 5000]

Tables of 5 to 60 spins and 100 to 800 rows: weak, middle and strong couplings, frozen spins, fields, and glasses in
turn. A quarter of the rows of each are then written one, two, four or nine times each, and shuffled.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact
from discrete_ed.ising import recover_couplings
from discrete_ed.jobs.text import as_text
from discrete_ed.samplers import GibbsSweep, sample

KINDS = {"weak": 0.05, "middle": 0.25, "strong": 0.5, "frozen": 0.9, "fields": 0.3, "glass": 0.7}
"""each kind of table, and its couplings of random graphs of mean degree 4"""
SIGNED = ("fields", "glass")
TIMES = (1, 2, 4, 9)
SWEEPS = 150
SAID = ("equal rows", "equal ones", "rows depend", "every row occurs", "energies of")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=24)
    parser.add_argument("--first", type=int, default=5000, help="seed of the first table")
    arguments = parser.parse_args()
    rows = [["kind", "spins", "rows", "of them differ", "alarm", "repeated", "of them differ", "noticed"]]
    for k in range(arguments.tables):
        rows.append(tried(list(KINDS)[k % len(KINDS)], arguments.first + k))
        print(" ".join(rows[-1]), flush=True)
    print(as_text(rows))
    print(f"{sum(row[4] == 'yes' for row in rows)} false alarms, {sum(row[7] == 'yes' for row in rows)} noticed")


def tried(kind: str, seed: int) -> list[str]:
    """The cells of one table."""
    rng = np.random.default_rng(seed)
    table = simulated(kind, rng, seed)
    some = table[: max(len(table) // 4, 25)]
    repeated = rng.permutation(np.repeat(some, rng.choice(TIMES, len(some)), axis=0))
    cells = [kind, f"{table.shape[1]}"]
    for rows in (table, repeated):
        said = any(words in warning for words in SAID for warning in recover_couplings(rows).warnings)
        cells += [f"{len(rows)}", f"{len(np.unique(rows, axis=0))}", "yes" if said else "no"]
    return cells


def simulated(kind: str, rng: np.random.Generator, seed: int) -> np.ndarray:
    """Independent rows of a random model."""
    spins, count = (int(np.exp(rng.uniform(*np.log(ends)))) for ends in ((5, 61), (100, 800)))
    pairs = np.stack(np.triu_indices(spins, 1), 1)
    pairs = pairs[rng.choice(len(pairs), min(len(pairs), 2 * spins), replace=False)]
    couplings = np.zeros((spins, spins))
    signs = rng.choice([-1, 1], len(pairs)) if kind in SIGNED else 1
    couplings[tuple(pairs.T)] = KINDS[kind] * rng.uniform(0.7, 1.3, len(pairs)) * signs
    fields = rng.normal(0, 1.2, spins) if kind == "fields" else np.zeros(spins)
    energy = IsingEnergy(torch.from_numpy(couplings + couplings.T).float(), torch.from_numpy(fields).float())
    ordered = kind == "frozen"  # chains would hardly cross from up to down
    start = np.repeat(rng.random((count, 1)) < 0.5, spins, 1) if ordered else rng.random((count, spins)) < 0.5
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        states = sample(GibbsSweep(), Exact(energy), torch.from_numpy(start).float(), SWEEPS, generator=generator)
    return states.numpy()


if __name__ == "__main__":
    main()
