"""What recovery of couplings reaches on models of many kinds, beside L1 logistic regressions with EBIC.

    python scripts/maintenance/reach.py [--rows 2000] [--seeds 1]

The models have 64 spins: a ferromagnet on a torus, couplings of random sign with random fields on a random graph, a
glass in three dimensions, and couplings of very different strength. Samples on tori are exact, others come from
parallel tempering. The yardstick is the usual one of psychometrics (van Borkulo et al. 2014): one logistic regression
of each spin on all others with scikit-learn, the strength of L1 chosen by the extended BIC (γ = ¼), pairs kept that
both regressions select, couplings averaged.
"""

from __future__ import annotations

import argparse
import time
import warnings

import networkx as nx
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from discrete_ed.energies import IsingEnergy
from discrete_ed.ising import recover_couplings
from discrete_ed.ising.comparison import covered, rmse
from discrete_ed.jobs.text import as_text
from discrete_ed.lattices import sample_ising

SPINS, SIDE = 64, 8
STRENGTHS = np.geomspace(0.3, 0.005, 10)
"""candidates for the strength of L1, per row"""
GAMMA = 0.25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    table = [["model", "true edges", "found", "false", "RMSE", "covered", "EBIC-L1: found", "false", "RMSE"]]
    for name in MODELS:
        cells = [row_of(name, arguments.rows, seed) for seed in range(arguments.seeds)]
        mean = np.mean(cells, axis=0)
        counts = [f"{value:g}" for value in mean[[0, 1, 2]]]
        table.append(
            [name, *counts, f"{mean[3]:.3f}", f"{mean[4]:.1%}", f"{mean[5]:g}", f"{mean[6]:g}", f"{mean[7]:.3f}"]
        )
        print(as_text(table), flush=True)


def row_of(name: str, rows: int, seed: int) -> list[float]:
    """True edges; those found, false ones, RMSE and coverage of this package; and of EBIC-L1 all but the coverage."""
    rng, started = np.random.default_rng(seed), time.process_time()
    true, fields = MODELS[name](rng)
    energy = IsingEnergy(torch.from_numpy(true).float(), torch.from_numpy(fields).float())
    torus = (SIDE, SIDE) if "torus" in name else None
    with torch.no_grad():
        x = sample_ising(energy, rows, torus=torus, generator=torch.Generator().manual_seed(seed)).states.numpy()
    is_edge = np.triu(true, 1) != 0
    found = recover_couplings(x, "single-site")
    called = tuple(found.edges.T)
    holds = covered(found, true)[is_edge & np.isfinite(found.intervals[1])].mean()
    other = ebic_lasso(x)
    there = np.triu(other, 1) != 0
    print(f"{name}, seed {seed}: {found.choice}, {time.process_time() - started:.0f} s", flush=True)
    ours = [is_edge[called].sum(), (~is_edge[called]).sum(), rmse(found.couplings, true), holds]
    return [is_edge.sum(), *ours, (there & is_edge).sum(), (there & ~is_edge).sum(), rmse(other, true)]


def ebic_lasso(x: np.ndarray) -> np.ndarray:
    """Couplings by L1 logistic regressions with EBIC, `(D, D)`."""
    rows, d = x.shape
    spins, halves = 2 * x - 1, np.zeros((d, d))
    for i in range(d):
        others = np.delete(np.arange(d), i)
        best = np.inf
        for strength in STRENGTHS:
            model = LogisticRegression(l1_ratio=1, C=1 / (rows * strength), solver="liblinear", tol=1e-3)
            model.fit(spins[:, others], x[:, i])
            chosen = np.count_nonzero(model.coef_)
            margin = spins[:, i] * model.decision_function(spins[:, others])
            loss = np.logaddexp(0, -margin).sum()
            price = 2 * loss + chosen * np.log(rows) + 2 * GAMMA * chosen * np.log(d - 1)
            if price < best:
                best, halves[i, others] = price, model.coef_[0] / 2
    both = (halves != 0) & (halves.T != 0)
    return np.where(both, (halves + halves.T) / 2, 0)


def symmetric(pairs: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The matrix of couplings of these pairs."""
    couplings = np.zeros((SPINS, SPINS))
    couplings[tuple(pairs.T)] = values
    return couplings + couplings.T


def grid(*sides: int) -> np.ndarray:
    """The pairs of neighbours on a torus."""
    graph = nx.convert_node_labels_to_integers(nx.grid_graph(sides, periodic=True), ordering="sorted")
    return np.sort(np.array(graph.edges), axis=1)


def signs(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random signs."""
    return rng.choice([-1.0, 1.0], count)


def ferromagnet(_: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """All couplings .4."""
    return symmetric(grid(SIDE, SIDE), np.full(2 * SPINS, 0.4)), np.zeros(SPINS)


def random_signs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random graph of 128 edges with couplings of ±.2 to ±.6, and fields up to ±.3."""
    pairs = np.stack(np.triu_indices(SPINS, 1), 1)[rng.choice(SPINS * (SPINS - 1) // 2, 2 * SPINS, replace=False)]
    return symmetric(pairs, rng.uniform(0.2, 0.6, len(pairs)) * signs(rng, len(pairs))), rng.uniform(-0.3, 0.3, SPINS)


def glass(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Couplings ±.5 in three dimensions."""
    pairs = grid(4, 4, 4)
    return symmetric(pairs, 0.5 * signs(rng, len(pairs))), np.zeros(SPINS)


def heterogeneous(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Couplings of random sign whose strengths are exponential with mean .4, on a torus."""
    pairs = grid(SIDE, SIDE)
    return symmetric(pairs, rng.exponential(0.4, len(pairs)) * signs(rng, len(pairs))), np.zeros(SPINS)


MODELS = {
    "ferromagnet, torus 8²": ferromagnet,
    "±.2 to ±.6 and fields, random graph": random_signs,
    "±.5 glass, 4³": glass,
    "exponential strengths, ±, torus 8²": heterogeneous,
}

if __name__ == "__main__":
    main()
