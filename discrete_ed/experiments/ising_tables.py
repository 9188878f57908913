"""Tables of the Ising job: all estimators on the published columns, the bias of energy discrepancy, and the limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from discrete_ed.energies import IsingEnergy
from discrete_ed.experiments.configs import TrainIsing
from discrete_ed.experiments.run_folder import RunFolder
from discrete_ed.ising import Settings, cramer_rao, draw_states, lattice, recover_couplings
from discrete_ed.ising.minimise import minimise
from discrete_ed.ising.objectives import Bernoulli, Block, Local, log_logistic
from discrete_ed.ising.recovery import Estimator, Penalty
from discrete_ed.report.tables import as_text

COLUMNS = ((10, 0.1), (10, 0.2), (10, 0.3), (10, 0.4), (10, 0.5), (9, -0.1), (9, -0.2))
PUBLISHED = {
    "published: Gibbs with CD": (4.8, 4.7, 3.4, 2.6, 2.3, 4.8, 4.7),
    "published: ED-Bernoulli": (5.1, 4.0, 2.9, 2.6, 2.3, 5.1, 4.3),
    "published: EB-GFN": (6.1, 5.1, 3.3, 2.6, 2.3, 5.7, 5.1),
}
ROWS: tuple[tuple[Estimator, Penalty], ...] = (
    ("single-site", "auto"),
    ("single-site", "refit"),
    ("single-site", "l1"),
    ("single-site", "common"),
    ("single-site", "none"),
    ("block", "refit"),
    ("bernoulli", "refit"),
    ("interaction-screening", "refit"),
    ("ratio-matching", "refit"),
    ("contrastive-divergence", "refit"),
)
BIAS_SAMPLES, LIMIT_SAMPLES, COVER_SAMPLES = 30_000, 60_000, 5_000
Table = list[list[str]]


def run(config: TrainIsing) -> dict[str, Any]:
    """Print the table asked for, and keep it in a run folder; returns what `result.json` holds."""
    name = "published" if config.table else "bias" if config.bias else "limits"
    folder = RunFolder(config.out, "train-ising", name, config)
    started = time.monotonic()
    work: Callable[[TrainIsing, RunFolder], tuple[Table, str]] = {
        "published": published,
        "bias": bias,
        "limits": limits,
    }[name]
    table, note = work(config, folder)
    result = {"table": table, "note": note, "seconds": time.monotonic() - started}
    text = f"{as_text(table)}\n\n{note}"
    folder.write("table.txt", (text + "\n").encode())
    folder.finish(result)
    print(f"\n{text}\n\nwritten to {folder.path}")
    return result


def torus(side: int, sigma: float) -> tuple[IsingEnergy, np.ndarray]:
    """The model of a column, and its edges."""
    energy = IsingEnergy.from_graph(lattice(side), 2 * sigma)
    return energy, np.argwhere(np.triu(energy.couplings.detach().numpy(), 1))


def spins(energy: IsingEnergy, side: int, count: int, seed: int) -> np.ndarray:
    """Exact draws, −1 and +1, `(N, D)`."""
    x, _ = draw_states(energy, count, torus=(side, side), generator=torch.Generator().manual_seed(seed))
    return 2 * x.double().numpy() - 1


def score(learned: np.ndarray, true: np.ndarray) -> float:
    """`−log √(mean over D² entries of (J' − J'_true)²)` of the published couplings `J' = J / 2`; natural logarithm."""
    return float(-np.log(max(np.sqrt((((learned - true) / 2) ** 2).mean()), 1e-300)))


def published(config: TrainIsing, folder: RunFolder) -> tuple[Table, str]:
    """−log RMSE in the published convention of every estimator on the seven columns."""
    rows = ROWS if config.estimator == "auto" else ((config.estimator, config.penalty),)
    cells: dict[tuple[str, str], list[list[float]]] = {row: [] for row in rows}
    zeros, bounds = [], []
    with tqdm(total=len(COLUMNS) * config.seeds * len(rows), desc="table", unit="fit") as bar:
        for side, sigma in COLUMNS:
            energy, edges = torus(side, sigma)
            true = energy.couplings.detach().double().numpy()
            zeros.append(score(np.zeros_like(true), true))
            many = spins(energy, side, 20_000, config.seed + 1000)
            bounds.append(-np.log(cramer_rao(many, edges, config.samples, with_fields=False) / 2))
            for row in rows:
                cells[row].append([])
            for seed in range(config.seed, config.seed + config.seeds):
                bits = (spins(energy, side, config.samples, seed) + 1) / 2
                for row in rows:
                    bar.set_postfix_str(f"{side}² σ {sigma:g}, {' '.join(row)}")
                    phase = f"{side}-{sigma:g}-{seed}-{'-'.join(row)}"
                    done = folder.once(phase, partial(_cell, row, bits, true, seed))
                    cells[row][-1].append(done["neg_log_rmse"])
                    where = {"side": side, "sigma": sigma, "seed": seed, "estimator": row[0], "penalty": row[1]}
                    folder.log({**where, **done})
                    bar.update()
    header = [f"−log RMSE, n = {config.samples}", *(f"{side}² σ {sigma:g}" for side, sigma in COLUMNS)]
    table = [header]
    for row in rows:
        table.append([" ".join(row), *(f"{np.mean(cell):.2f} ±{np.std(cell):.2f}" for cell in cells[row])])
    table.append(["J = 0", *(f"{value:.2f}" for value in zeros)])
    table.append(
        ["bound, if the edges were known", *(f"{value:.2f}" if np.isfinite(value) else "–" for value in bounds)]
    )
    table += [[name, *(f"{value:.1f}" for value in values)] for name, values in PUBLISHED.items()]
    note = (
        "Published convention (log p = sᵀJs, half the physics couplings), natural logarithm, all D² entries; mean ± sd "
        f"of {config.seeds} seeds; exact samples. Published rows as reprinted in the literature, from chains."
    )
    return table, note


def _cell(row: tuple[Estimator, Penalty], bits: np.ndarray, true: np.ndarray, seed: int) -> dict[str, Any]:
    begun = time.monotonic()
    found = recover_couplings(bits, *row, fields=False, seed=seed)
    return {
        "choice": found.choice,
        "neg_log_rmse": score(found.couplings, true),
        "seconds": time.monotonic() - begun,
    }


def bias(config: TrainIsing, folder: RunFolder) -> tuple[Table, str]:
    """Mean learned coupling of the edges, all pairs free, where every edge's is σ."""
    energy, edges = torus(config.side, config.sigma)
    s = spins(energy, config.side, BIAS_SAMPLES, config.seed)
    d = s.shape[1]
    all_pairs = np.stack(np.triu_indices(d, 1), 1)
    rng = np.random.default_rng(config.seed)
    cases: list[tuple[str, Callable[[], Any]]] = [("single-site (pseudo-likelihood)", lambda: Local(s, log_logistic))]
    for epsilon in (0.01, 0.05, 0.1):
        for m in (32, 256):
            cases.append(
                (
                    f"bernoulli, ε = {epsilon:g}, M = {m}",
                    lambda epsilon=epsilon, m=m: Bernoulli.drawn(s, rng, epsilon=epsilon, m=m),  # type: ignore[misc]
                )
            )
    for epsilon in (0.01, 0.1, 0.5):
        cases.append(
            (f"block of 6, ε = {epsilon:g}", lambda epsilon=epsilon: Block.drawn(s, rng, epsilon=epsilon))  # type: ignore[misc]
        )
    table = [["estimator, all pairs free", "mean edge", "sd of edges", "mean non-edge", "seconds"]]
    edge = np.zeros((d, d), dtype=bool)
    edge[tuple(edges.T)] = True
    for name, make in tqdm(cases, desc="bias", unit="estimator"):
        begun = time.monotonic()
        couplings, _ = minimise(make(), all_pairs, np.zeros((d, d)), None, len(s))
        seconds = time.monotonic() - begun
        half, upper = couplings / 2, np.triu(np.ones((d, d), dtype=bool), 1)
        row = [half[edge].mean(), half[edge].std(), half[upper & ~edge].mean()]
        folder.log(
            {"estimator": name, "mean_edge": row[0], "sd_edge": row[1], "mean_other": row[2], "seconds": seconds}
        )
        table.append([name, *(f"{value:.4f}" for value in row), f"{seconds:.0f}"])
    note = (
        f"Published convention, truth {config.sigma:g}; {config.side}×{config.side} torus, {BIAS_SAMPLES} exact "
        "samples, w = 1, noise drawn once."
    )
    return table, note


def limits(config: TrainIsing, folder: RunFolder) -> tuple[Table, str]:
    """The error against the Cramér–Rao bound, and the coverage of 95% intervals."""
    energy, edges = torus(config.side, config.sigma)
    true = energy.couplings.detach().double().numpy()
    many = spins(energy, config.side, 100_000, config.seed + 1000)
    table = [["", "measured", "limit"]]
    squares = []
    for seed in _bar(range(config.seed, config.seed + config.seeds), "efficiency"):
        bits = (spins(energy, config.side, LIMIT_SAMPLES, seed) + 1) / 2
        found = recover_couplings(bits, "single-site", "refit", fields=False, settings=Settings(), seed=seed)
        squares.append(((found.couplings - true) ** 2).mean())
        folder.log({"what": "efficiency", "seed": seed, "rmse": float(np.sqrt(squares[-1])), "choice": found.choice})
    rmse = float(np.sqrt(np.mean(squares)))
    bound = cramer_rao(many, edges, LIMIT_SAMPLES, with_fields=False)
    table.append([f"RMSE of J at n = {LIMIT_SAMPLES}, edges selected", f"{rmse:.6f}", f"{bound:.6f}"])
    table.append(["ratio to the Cramér–Rao bound of known edges", f"{rmse / bound:.3f}", "1"])
    covered, total = 0, 0
    place = tuple(edges.T)
    sets = 40 * config.seeds
    for seed in _bar(range(config.seed, config.seed + sets), "coverage"):
        bits = (spins(energy, config.side, COVER_SAMPLES, seed + 10_000) + 1) / 2
        found = recover_couplings(bits, "single-site", "refit", fields=False, seed=seed)
        off = np.abs(found.couplings - true)[place]
        covered += int((off <= 1.96 * found.standard_errors[place]).sum())
        total += len(edges)
    share = covered / total
    folder.log({"what": "coverage", "covered": covered, "total": total})
    table.append([f"95% intervals that cover, edges, {sets} sets of {COVER_SAMPLES}", f"{100 * share:.2f}%", "95%"])
    note = (
        f"{config.side}×{config.side} torus, σ = {config.sigma:g}; root mean square over {config.seeds} seeds; Fisher "
        "information from 100,000 exact draws; an edge that wasn't selected counts as not covered."
    )
    return table, note


def _bar(seeds: Iterable[int], name: str) -> Iterable[int]:
    return tqdm(list(seeds), desc=name, unit="set")
