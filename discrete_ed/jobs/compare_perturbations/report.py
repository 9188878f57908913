"""The comparison of perturbations as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

COLUMNS: dict[str, Callable[[Mapping[str, float]], str]] = {
    "bias of σ": lambda row: f"{row['bias']:+.4f} ± {row['bias_error']:.4f}",
    "noise of σ": lambda row: f"{row['noise']:.4f}",
    "σ among errors": lambda row: f"{row['among_errors']:.3f}",
    "mean edge": lambda row: f"{row['mean_edge']:.3f}",
    "RMSE of edges": lambda row: f"{row['rmse_edges']:.4f}",
    "of others": lambda row: f"{row['rmse_others']:.4f}",
    "time/step": lambda row: f"{row['relative_time']:.1f}",
}
"""the columns: for each header, how its cell is written from the numbers of a loss"""


def comparison_table(rows: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """One row of text for each loss: bias, noise, learned couplings, time; the first row is the header.

    >>> comparison_table({})
    [['loss', 'bias of σ', 'noise of σ', 'σ among errors', 'mean edge', 'RMSE of edges', 'of others', 'time/step']]
    """
    return [["loss", *COLUMNS]] + [[name, *(cell(row) for cell in COLUMNS.values())] for name, row in rows.items()]
