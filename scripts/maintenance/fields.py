"""Bias and coverage of fields: where all couplings are found, where they are too weak to be, and where most columns are
seldom up, so that few of them are found.

    python scripts/maintenance/fields.py [--tables 8] [--first 0]

Twenty spins, 25 positive couplings, fields within .4 of 0 or, for columns that are seldom up, of -1.2, 1,000 rows,
`--penalty auto`. The bias is relative: `Σ h (estimate − h) / Σ h²` over all fields; that of intervals is the bias of
their middles.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.ising import recover_couplings
from discrete_ed.jobs.text import as_text
from discrete_ed.lattices import sample_ising
from discrete_ed.names import Z_95

SPINS, EDGES, ROWS = 20, 25, 1000
CASES = {
    "couplings of .2 to .5": (0.2, 0.5, 0.0),
    "couplings of .05 to .2": (0.05, 0.2, 0.0),
    "couplings of .2 to .5, seldom up": (0.2, 0.5, -1.2),
}
"""for each case the range of the couplings, and the middle of the fields"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=8, help="number of tables of each case")
    parser.add_argument("--first", type=int, default=0, help="seed of the first table")
    arguments = parser.parse_args()
    rows = [["case", "choices", "edges found", "of", "bias", "bias of intervals", "fields covered"]]
    for case, (low, high, middle) in CASES.items():
        choices, edges, found = [], 0, []
        for seed in range(arguments.first, arguments.first + arguments.tables):
            true, fields, bits = table(low, high, middle, seed)
            recovery = recover_couplings(bits, block_length=1, seed=seed)
            choices.append(recovery.choice.partition(",")[0])
            edges += int((true[tuple(recovery.edges.T)] != 0).sum())
            found.append([fields, recovery.fields, *recovery.field_intervals])
        fields, values, middles, errors = np.hstack(found)
        bias = [(fields * (estimate - fields)).sum() / (fields**2).sum() for estimate in (values, middles)]
        covered = (np.abs(middles - fields) < Z_95 * errors).mean()
        counted = ", ".join(f"{choices.count(choice)} {choice}" for choice in sorted(set(choices)))
        shares = (f"{bias[0]:+.1%}", f"{bias[1]:+.1%}", f"{covered:.1%}")
        rows.append([case, counted, f"{edges}", f"{EDGES * arguments.tables}", *shares])
        print(as_text(rows), flush=True)


def table(low: float, high: float, middle: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The true couplings and fields, and a table of bits."""
    rng = np.random.default_rng(seed)
    upper = np.stack(np.triu_indices(SPINS, 1), 1)
    true = np.zeros((SPINS, SPINS))
    true[tuple(upper[rng.choice(len(upper), EDGES, replace=False)].T)] = rng.uniform(low, high, EDGES)
    true += true.T
    fields = middle + rng.uniform(-0.4, 0.4, SPINS)
    energy = IsingEnergy(torch.from_numpy(true).float(), torch.from_numpy(fields).float())
    generator = torch.Generator().manual_seed(seed)
    return true, fields, sample_ising(energy, ROWS, generator=generator).states.numpy()


if __name__ == "__main__":
    main()
