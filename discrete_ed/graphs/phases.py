"""Long computations in phases, whose results can be kept so that a stopped computation continues."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

PhaseCache = Callable[[str, Callable[[], dict[str, Any]]], dict[str, Any]]
"""A function of the name and the computation of a phase that returns its result, either computed or cached.

Results contain only arrays and numbers, and do not depend on when they are computed.
"""

PhaseCallback = Callable[[str, int, int], None]
"""A function of the name of a phase, the number of phases done, and their total number."""


def compute_phase(name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG001
    """The phase cache that caches nothing: every phase is computed."""
    return compute()


class Phases:
    """Runs phases through a cache and reports their progress.

    Args:
        total: the number of phases.
        phase_cache: see `PhaseCache`.
        callback: called as each phase begins and as it ends, see `PhaseCallback`; None reports nothing.
    """

    def __init__(self, total: int, phase_cache: PhaseCache, callback: PhaseCallback | None = None) -> None:
        self._total, self._done = total, 0
        self._cache = phase_cache
        self._callback = callback or (lambda _name, _done, _total: None)

    def run(self, name: str, compute: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        """The result of `compute(*arguments)`, or the cached result of this name."""
        self._callback(name, self._done, self._total)
        result = self._cache(name, partial(compute, *arguments))
        self._done += 1
        self._callback(name, self._done, self._total)
        return result
