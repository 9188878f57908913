"""Long computations in phases, whose results can be kept so that a stopped computation continues."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tqdm import tqdm

PhaseCache = Callable[[str, Callable[[], dict[str, Any]]], dict[str, Any]]
"""A function of the name and the computation of a phase that returns its result, either computed or cached.

Results contain only arrays and numbers, and do not depend on when they are computed.
"""


def compute_phase(name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG001
    """The phase cache that caches nothing: every phase is computed."""
    return compute()


class Phases:
    """Runs phases through a cache and shows them on a progress bar; a context manager.

    Args:
        total: the number of phases.
        phase_cache: see `PhaseCache`.
        progress: whether to show the bar.
    """

    def __init__(self, total: int, phase_cache: PhaseCache, *, progress: bool) -> None:
        hidden = {} if progress else {"disable": True}  # `disable=False` would overrule TQDM_DISABLE
        self._bar = tqdm(total=total, desc="score", leave=False, **hidden)
        self._cache = phase_cache

    def __enter__(self) -> Phases:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def run(self, name: str, compute: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        """The result of `compute(*arguments)`, or the cached result of this name."""
        self._bar.set_postfix_str(name)
        result = self._cache(name, partial(compute, *arguments))
        self._bar.update()
        return result
