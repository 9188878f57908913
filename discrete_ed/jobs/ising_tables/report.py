"""The tables of Ising estimators as rows of text, each with a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from discrete_ed.ising.bounds import BOUND_STATES
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import as_text, finite, number

PUBLISHED = {
    "published: Gibbs with CD": (4.8, 4.7, 3.4, 2.6, 2.3, 4.8, 4.7),
    "published: ED-Bernoulli": (5.1, 4.0, 2.9, 2.6, 2.3, 5.1, 4.3),
    "published: EB-GFN": (6.1, 5.1, 3.3, 2.6, 2.3, 5.7, 5.1),
}
Table = list[list[str]]
"""rows of text, the first of which is the header"""


def write_table(folder: RunFolder, table: Table, note: str) -> None:
    """Print a table with its note, and write both to `table.txt`."""
    text = f"{as_text(table)}\n\n{note}"
    folder.write("table.txt", (text + "\n").encode())
    print(f"\n{text}\n\nwritten to {folder.path}")


def published_table(
    models: Sequence[tuple[int, float]],
    scores: Mapping[tuple[str, str], Sequence[Sequence[float]]],
    zeros: Sequence[float],
    bounds: Sequence[float],
    *,
    samples: int,
    seeds: int,
) -> tuple[Table, str]:
    """−log RMSE by estimator and penalty (rows) and model (columns), with J = 0, the bound, and published values.

    Args:
        models: side and σ of each column.
        scores: by estimator and penalty, for each column the value of each seed.
        zeros: for each column the value of J = 0.
        bounds: for each column the Cramér–Rao bound of an estimator that knows the edges.
    """
    table = [[f"−log RMSE, n = {samples}", *(f"{side}² σ {sigma:g}" for side, sigma in models)]]
    for row, cells in scores.items():
        table.append([" ".join(row), *(f"{np.mean(cell):.2f} ±{np.std(cell):.2f}" for cell in cells)])
    table.append(["J = 0", *(f"{value:.2f}" for value in zeros)])
    table.append(["bound, if the edges were known", *(number(finite(value), ".2f") for value in bounds)])
    table += [[name, *(f"{value:.1f}" for value in values)] for name, values in PUBLISHED.items()]
    note = (
        "Published convention (log p = sᵀJs, half the physics couplings), natural logarithm, all D² entries; mean ± sd "
        f"of {seeds} seeds; exact samples. Published rows are those reprinted in the literature, with samples of "
        "chains."
    )
    return table, note


def bias_table(results: Mapping[str, Mapping[str, Any]], *, side: int, sigma: float, samples: int) -> tuple[Table, str]:
    """Mean learned coupling of edges and of other pairs by estimator, where all pairs are free."""
    table = [["estimator, all pairs free", "mean edge", "sd of edges", "mean non-edge", "seconds", ""]]
    for name, result in results.items():
        numbers = [f"{result[key]:.4f}" for key in ("mean_edge", "sd_edge", "mean_other")]
        table.append([name, *numbers, f"{result['seconds']:.0f}", "separable" if result["separable"] else ""])
    note = (
        f"Published convention, truth {sigma:g}; {side}×{side} torus, {samples} exact samples, w = 1, noise sampled "
        "once. Separable: the energy can separate all data from all their copies; the loss then falls to its infimum, "
        "log(w / M), as the couplings grow, and the learned values depend on where prior and optimiser stop."
    )
    return table, note


def limits_table(
    measured: Mapping[str, tuple[Sequence[float], float]],
    shares: Sequence[float],
    *,
    side: int,
    sigma: float,
    seeds: int,
    samples: int,
    cover_samples: int,
) -> tuple[Table, str]:
    """Errors next to their Cramér–Rao bounds, and the coverage of 95% intervals.

    Args:
        measured: by case the RMSE of each seed, and the bound.
        shares: for each simulated data set, the share of edges whose interval contains the truth.
    """
    table = [["", "measured", "limit"]]
    for name, (errors, bound) in measured.items():
        together = float(np.sqrt(np.mean([error**2 for error in errors])))
        spread = np.std([error / bound for error in errors])
        table.append([f"RMSE of J at n = {samples}, {name}", f"{together:.6f}", f"{bound:.6f}"])
        table.append(["as a multiple of the Cramér–Rao bound", f"{together / bound:.3f} ±{spread:.3f}", "1"])
    coverage = f"{100 * np.mean(shares):.2f}%"
    table.append(
        [f"95% intervals of edges that hold the truth, {len(shares)} sets of {cover_samples}", coverage, "95%"]
    )
    note = (
        f"{side}×{side} torus, σ = {sigma:g}; root mean square over {seeds} seeds and sd of their ratios; Fisher "
        f"information from {BOUND_STATES:,} (all pairs, by wave vectors) and 100,000 exact samples; an edge that "
        "wasn't selected counts as an interval that misses the truth."
    )
    return table, note
