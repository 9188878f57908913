"""Bias, error and coverage where cells are missing at random: expected cells against whole rows only.

    python scripts/maintenance/missing.py [--tables 10] [--first 0]

Eight spins, twelve edges of ±.3 to ±.6, 1,500 rows sampled exactly, all pairs free, `single-site`. The bias is that of
the edges' strengths, the mean of (estimate − truth) · sign(truth).
"""

from __future__ import annotations

import argparse

import numpy as np

from discrete_ed.ising import recover_couplings
from discrete_ed.jobs.text import as_text
from discrete_ed.names import Z_95
from discrete_ed.states import enumerate_states

SPINS, EDGES, ROWS = 8, 12, 1500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=10, help="number of tables for each share")
    parser.add_argument("--first", type=int, default=0, help="seed of the first table")
    arguments = parser.parse_args()
    rows = [["missing", "cells", "bias of edges", "RMSE of pairs", "covered"]]
    for share in (0.03, 0.1, 0.3):
        found: dict[str, list[tuple[float, float, float]]] = {"expected": [], "listwise": []}
        for seed in range(arguments.first, arguments.first + arguments.tables):
            cells, true = table(share, seed)
            found["expected"].append(judged(cells, true))
            found["listwise"].append(judged(cells[~np.isnan(cells).any(1)], true))
        for way, values in found.items():
            bias, rmse, covered = np.mean(values, 0)
            rows.append([f"{share:.0%}", way, f"{bias:.3f}", f"{rmse:.3f}", f"{covered:.1%}"])
        print(as_text(rows), flush=True)


def table(share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells `(N, D)`, NaN where they are missing, and the true couplings."""
    rng = np.random.default_rng(seed)
    upper = np.stack(np.triu_indices(SPINS, 1), 1)
    pairs = upper[rng.choice(len(upper), EDGES, replace=False)]
    true = np.zeros((SPINS, SPINS))
    true[tuple(pairs.T)] = rng.uniform(0.3, 0.6, EDGES) * rng.choice([-1, 1], EDGES)
    true += true.T
    states = 2.0 * enumerate_states(SPINS).numpy() - 1
    law = np.exp(0.5 * ((states @ true) * states).sum(1))
    cells = (states[rng.choice(len(states), ROWS, p=law / law.sum())] > 0).astype(float)
    cells[rng.random(cells.shape) < share] = np.nan
    return cells, true


def judged(cells: np.ndarray, true: np.ndarray) -> tuple[float, float, float]:
    """The bias of the edges, the error of all pairs, and the share of pairs that their 95% intervals hold."""
    found = recover_couplings(cells, "single-site", "none", fields=False, block_length=1)
    upper = np.triu_indices(SPINS, 1)
    off, edges = (found.couplings - true)[upper], true[upper] != 0
    bias = (off * np.sign(true[upper]))[edges].mean()
    covered = np.abs(off) <= Z_95 * found.standard_errors[upper]
    return float(bias), float(np.sqrt(np.mean(off**2))), float(covered.mean())


if __name__ == "__main__":
    main()
