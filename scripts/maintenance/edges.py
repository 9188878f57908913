"""False edges and the coverage of intervals where couplings are penalised, over fresh tables.

    python scripts/maintenance/edges.py [--case torus-0.3 torus-0.4 torus-0.5 few-rows] [--tables 10] [--first 1000]

`torus-σ` is the 6 × 6 torus with the coupling σ of the published convention, 2,000 exact samples; `few-rows` has 100
rows of 200 spins and 200 edges of ±.4 to ±.8. Printed are sums over the tables, of the pairs that have a bounded
interval how many hold the truth, and means of errors and of the seconds of a table.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.ising import covered as hold_truth
from discrete_ed.ising import recover_couplings
from discrete_ed.jobs.text import as_text
from discrete_ed.lattices import known_lattice, sample_ising

HEAD = ["case", "called edges", "of", "false", "share", "largest share"]
HEAD += ["pairs with an interval", "edges covered", "other pairs", "called ones", "RMSE of J", "J = 0", "seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="+", default=["torus-0.3", "torus-0.4", "torus-0.5", "few-rows"])
    parser.add_argument("--tables", type=int, default=10, help="number of tables of each case")
    parser.add_argument("--first", type=int, default=1000, help="seed of the first table")
    arguments = parser.parse_args()
    rows = [HEAD]
    for case in arguments.case:
        rows.append([case, *measured(case, range(arguments.first, arguments.first + arguments.tables))])
        print(as_text(rows), flush=True)


def table(case: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The true couplings and a table of bits, `(N, D)`."""
    generator = torch.Generator().manual_seed(seed)
    name, _, sigma = case.partition("-")
    if name == "torus":
        known = known_lattice(6, sigma=float(sigma))
        return known.parameters.couplings, known.sample(2000, generator=generator).states.numpy()
    rng = np.random.default_rng(seed)
    upper = np.stack(np.triu_indices(200, 1), 1)
    pairs = upper[rng.choice(len(upper), 200, replace=False)]
    true = np.zeros((200, 200))
    true[tuple(pairs.T)] = rng.uniform(0.4, 0.8, 200) * rng.choice([-1, 1], 200)
    true += true.T
    energy = IsingEnergy(torch.from_numpy(true).float(), torch.zeros(200))
    return true, sample_ising(energy, 100, sweeps=300, generator=generator).states.numpy()


def measured(case: str, seeds: range) -> list[str]:
    """The cells of one row of the table."""
    called, false, shares, rmse, zero = [], [], [], [], []
    bounded, covered, others, own = [], [], [], []
    true_edges, started = 0, time.process_time()
    for seed in seeds:
        true, bits = table(case, seed)
        upper = np.triu_indices(len(true), 1)
        found = recover_couplings(bits, fields=case == "few-rows", block_length=1, seed=seed)
        right = true[tuple(found.edges.T)] != 0
        called.append(len(right))
        false.append(int((~right).sum()))
        shares.append(false[-1] / max(called[-1], 1))
        has_interval, holds, edges = np.isfinite(found.intervals[1]), hold_truth(found, true), true != 0
        bounded += has_interval[upper].tolist()
        covered += holds[upper][(edges & has_interval)[upper]].tolist()
        others += holds[upper][(~edges & has_interval)[upper]].tolist()
        own += holds[tuple(found.edges.T)].tolist()
        rmse.append(np.sqrt(np.mean((found.couplings - true)[upper] ** 2)))
        zero.append(np.sqrt(np.mean(true[upper] ** 2)))
        true_edges += int(edges[upper].sum())
    return [
        f"{sum(called)}",
        f"{true_edges}",
        f"{sum(false)}",
        f"{sum(false) / max(sum(called), 1):.3f}",
        f"{max(shares):.2f}",
        f"{np.mean(bounded):.1%}",
        *(f"{np.mean(part):.1%}" if part else "–" for part in (covered, others, own)),
        f"{np.mean(rmse):.4f}",
        f"{np.mean(zero):.4f}",
        f"{(time.process_time() - started) / len(seeds):.1f}",
    ]


if __name__ == "__main__":
    main()
