"""Comparison of recovered couplings with the true ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from discrete_ed.ising.parameters import Array, Parameters, Support
from discrete_ed.ising.result import Recovery
from discrete_ed.names import Z_95

Number = TypeVar("Number", float, Array)


def neg_log_rmse(learned: Array, true: Array) -> float:
    """`−log √(mean over D² entries of (J' − J'_true)²)` of the published couplings `J' = J / 2`; natural logarithm.

    Infinite if the couplings are equal.

    >>> round(neg_log_rmse(np.zeros((2, 2)), 0.4 * (1 - np.eye(2))), 4)  # −log(0.2 / √2)
    1.956
    """
    with np.errstate(divide="ignore"):
        return float(-np.log(np.sqrt((((learned - true) / 2) ** 2).mean())))


def rmse(learned: Array, true: Array) -> float:
    """Root mean square difference of two arrays.

    >>> rmse(np.zeros(2), np.array([3.0, 3.0]))
    3.0
    """
    return float(np.sqrt(((learned - true) ** 2).mean()))


def interval_95(value: Number, error: Number) -> tuple[Number, Number]:
    """The ends of the 95% interval of an estimate with a standard error."""
    return value - Z_95 * error, value + Z_95 * error


def covered(recovery: Recovery, true: Array) -> Array:
    """Whether each true coupling lies in its 95% interval, `(D, D)`; False for a pair without a bounded one."""
    middle, error = recovery.intervals
    return np.isfinite(error) & (np.abs(middle - true) <= Z_95 * error)


@dataclass(frozen=True)
class Comparison:
    """The errors of recovered couplings, and their edges, compared with the true ones.

    Errors are root mean squares over all `D²` entries; −log RMSE is that of published couplings, half the physics ones.
    """

    neg_log_rmse: float
    """−log RMSE of the couplings, higher is better; infinite if they are equal"""
    zero_neg_log_rmse: float
    """−log RMSE of J = 0, which the estimate should exceed"""
    rmse: float
    """RMSE of the couplings (physics)"""
    fields_rmse: float | None
    """RMSE of the fields (physics), if they were estimated"""
    true_edges: int
    """number of true edges"""
    found_edges: int
    """number of pairs that were found to interact"""
    right_edges: int
    """number of these that are true edges"""
    bounded_edges: int
    """number of true edges whose coupling has a bounded 95% interval: it was estimated, and the rows tell it apart"""
    covered_edges: int
    """number of these whose coupling lies in it"""

    @property
    def false_edges(self) -> int:
        """Number of pairs that were found to interact but do not."""
        return self.found_edges - self.right_edges


def compare_with_truth(recovery: Recovery, truth: Parameters, *, with_fields: bool) -> Comparison:
    """Compare recovered couplings, and fields if they were estimated, with those of the model that was sampled."""
    true = truth.couplings
    edges = Support.of(true, with_fields).pairs
    return Comparison(
        neg_log_rmse=neg_log_rmse(recovery.couplings, true),
        zero_neg_log_rmse=neg_log_rmse(np.zeros_like(true), true),
        rmse=rmse(recovery.couplings, true),
        fields_rmse=rmse(recovery.fields, truth.fields) if with_fields else None,
        true_edges=len(edges),
        found_edges=len(recovery.edges),
        right_edges=int((true[tuple(recovery.edges.T)] != 0).sum()),
        bounded_edges=int(np.isfinite(recovery.intervals[1])[tuple(edges.T)].sum()),
        covered_edges=int(covered(recovery, true)[tuple(edges.T)].sum()),
    )
