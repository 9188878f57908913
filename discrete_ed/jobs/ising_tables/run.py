"""Tables of the Ising job: all estimators on the published columns, the bias of energy discrepancy, and the limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from discrete_ed.energies import IsingEnergy
from discrete_ed.ising import Recovery, cramer_rao, cramer_rao_all_pairs, recover_couplings
from discrete_ed.ising.minimise import minimise
from discrete_ed.ising.objectives import Bernoulli, Block, Local, Objective, log_logistic
from discrete_ed.jobs.recover.config import RecoverConfig
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import as_text
from discrete_ed.lattices import lattice, sample_ising
from discrete_ed.names import EstimatorName as Estimator
from discrete_ed.names import PenaltyName as Penalty

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
COVER_SETS = 40  # for each seed
Table = list[list[str]]


def run(config: RecoverConfig) -> dict[str, Any]:
    """Print the table asked for, and keep it in a run folder; returns what `result.json` holds."""
    name = "published" if config.table else "bias" if config.bias else "limits"
    started = time.monotonic()
    work: Callable[[RecoverConfig, RunFolder], tuple[Table, str]] = {
        "published": published,
        "bias": bias,
        "limits": limits,
    }[name]
    with RunFolder(config.out, "recover", name, config) as folder:
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
    x, _ = sample_ising(energy, count, torus=(side, side), generator=torch.Generator().manual_seed(seed))
    return 2 * x.double().numpy() - 1


def score(learned: np.ndarray, true: np.ndarray) -> float:
    """`−log √(mean over D² entries of (J' − J'_true)²)` of the published couplings `J' = J / 2`; natural logarithm.

    Infinite where nothing differs.
    """
    with np.errstate(divide="ignore"):
        return float(-np.log(np.sqrt((((learned - true) / 2) ** 2).mean())))


def covered(found: Recovery, true: np.ndarray) -> np.ndarray:
    """Which true couplings lie in their 95% interval, `(D, D)`; one that was set to zero has none but zero."""
    return np.abs(found.couplings - true) <= 1.96 * found.standard_errors


def published(config: RecoverConfig, folder: RunFolder) -> tuple[Table, str]:
    """−log RMSE in the published convention of every estimator on the seven columns."""
    rows = ROWS
    if config.estimator != "auto" or config.penalty != "auto":
        rows = (("single-site" if config.estimator == "auto" else config.estimator, config.penalty),)
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
                    done = folder.cached(phase, partial(_cell, row, bits, true, seed))
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


def bias(config: RecoverConfig, folder: RunFolder) -> tuple[Table, str]:
    """Mean learned coupling of the edges, all pairs free, where every edge's is σ."""
    energy, edges = torus(config.side, config.sigma)
    s = spins(energy, config.side, BIAS_SAMPLES, config.seed)
    d = s.shape[1]
    all_pairs = np.stack(np.triu_indices(d, 1), 1)
    cases: dict[str, Callable[[np.random.Generator], Objective]] = {
        "single-site (pseudo-likelihood)": lambda _: Local(s, log_logistic)
    }
    for epsilon, m in product((0.01, 0.05, 0.1), (32, 256)):
        cases[f"bernoulli, ε = {epsilon:g}, M = {m}"] = partial(Bernoulli.drawn, s, epsilon=epsilon, m=m)
    for epsilon in (0.01, 0.1, 0.5):
        cases[f"blocks of 6, ε = {epsilon:g}"] = partial(Block.drawn, s, epsilon=epsilon)
    edge = np.zeros((d, d), dtype=bool)
    edge[tuple(edges.T)] = True
    table = [["estimator, all pairs free", "mean edge", "sd of edges", "mean non-edge", "seconds", ""]]
    for name, draw in tqdm(cases.items(), desc="bias", unit="estimator"):
        found = folder.cached(name, partial(_learned_edges, draw, config.seed, edge, all_pairs, len(s)))
        folder.log({"estimator": name, **found})
        row = [f"{found[key]:.4f}" for key in ("mean_edge", "sd_edge", "mean_other")]
        table.append([name, *row, f"{found['seconds']:.0f}", "separable" if found["separable"] else ""])
    note = (
        f"Published convention, truth {config.sigma:g}; {config.side}×{config.side} torus, {BIAS_SAMPLES} exact "
        "samples, w = 1, noise drawn once. Separable: all data are told from all their copies, the loss is at its "
        "least, log(w / M), for couplings ever larger, and what is learned is where the prior and the optimiser stop."
    )
    return table, note


def _learned_edges(
    draw: Callable[[np.random.Generator], Objective], seed: int, edge: np.ndarray, pairs: np.ndarray, samples: int
) -> dict[str, Any]:
    begun, d = time.monotonic(), len(edge)
    objective = draw(np.random.default_rng(seed))
    couplings, fields = minimise(objective, pairs, np.zeros((d, d)), None, samples)
    seconds = time.monotonic() - begun
    least = np.log(objective.w / objective.m) if isinstance(objective, Bernoulli) else -np.inf
    half, other = couplings / 2, np.triu(~edge, 1)
    return {
        "mean_edge": float(half[edge].mean()),
        "sd_edge": float(half[edge].std()),
        "mean_other": float(half[other].mean()),
        "separable": bool(objective(couplings, fields).value < least + 1e-3),
        "seconds": seconds,
    }


def limits(config: RecoverConfig, folder: RunFolder) -> tuple[Table, str]:
    """The error against the Cramér–Rao bounds of all pairs and of known edges, and the coverage of 95% intervals."""
    side = config.side
    energy, edges = torus(side, config.sigma)
    true = energy.couplings.detach().double().numpy()
    edge = tuple(edges.T)

    def errors(count: int, seed: int, penalty: Penalty) -> dict[str, Any]:
        bits = (spins(energy, side, count, seed) + 1) / 2
        found = recover_couplings(bits, "single-site", penalty, fields=False, seed=seed)
        rmse = float(np.sqrt(((found.couplings - true) ** 2).mean()))
        return {"rmse": rmse, "covered": int(covered(found, true)[edge].sum()), "choice": found.choice}

    def repeated(penalty: Penalty, count: int, seeds: range, name: str) -> list[dict[str, Any]]:
        found = []
        for seed in tqdm(seeds, desc=name, unit="set"):
            found.append(folder.cached(f"{penalty}-{count}-{seed}", partial(errors, count, seed, penalty)))
            folder.log({"what": name, "seed": seed, **found[-1]})
        return found

    seeds = range(config.seed, config.seed + config.seeds)
    draws = spins(energy, side, 100_000, config.seed + 1000)
    table = [["", "measured", "limit"]]
    bounds = {
        "none": ("all pairs free", cramer_rao_all_pairs(draws[:20_000], (side, side), LIMIT_SAMPLES)),
        "refit": ("edges selected; known", cramer_rao(draws, edges, LIMIT_SAMPLES, with_fields=False)),
    }
    for penalty, (what, bound) in bounds.items():
        found = repeated(penalty, LIMIT_SAMPLES, seeds, what)  # type: ignore[arg-type]
        rmse = float(np.sqrt(np.mean([one["rmse"] ** 2 for one in found])))
        ratios = [one["rmse"] / bound for one in found]
        table.append([f"RMSE of J at n = {LIMIT_SAMPLES}, {what}", f"{rmse:.6f}", f"{bound:.6f}"])
        table.append(["as a multiple of the Cramér–Rao bound", f"{rmse / bound:.3f} ±{np.std(ratios):.3f}", "1"])
    sets = range(config.seed + 10_000, config.seed + 10_000 + COVER_SETS * config.seeds)
    share = np.mean([one["covered"] / len(edges) for one in repeated("refit", COVER_SAMPLES, sets, "coverage")])
    table.append(
        [f"95% intervals that cover, edges, {len(sets)} sets of {COVER_SAMPLES}", f"{100 * share:.2f}%", "95%"]
    )
    note = (
        f"{side}×{side} torus, σ = {config.sigma:g}; root mean square over {config.seeds} seeds and sd of their "
        "ratios; Fisher information from 20,000 (all pairs, by wave vectors) and 100,000 exact draws; an edge that "
        "wasn't selected counts as not covered."
    )
    return table, note
