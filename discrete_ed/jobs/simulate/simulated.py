"""All that a run of the simulation job results, and what is known exactly beside it."""

from __future__ import annotations

from dataclasses import dataclass, field

from discrete_ed.jobs.simulate.config import SimulateConfig
from discrete_ed.lattices import (
    CRITICAL_TEMPERATURES,
    AtTemperature,
    Lattice,
    Scaling,
    Tempered,
    kaufman,
    onsager_magnetisation,
)

LEAST_EXACT = 0.05  # temperature of `kaufman`, in units of the coupling


@dataclass(frozen=True)
class Simulated:
    """All that a run results."""

    config: SimulateConfig
    graphs: dict[int, Lattice]
    temperatures: list[float]
    results: dict[int, list[AtTemperature]]
    scaling: Scaling | str | None
    clusters_would_do: bool = False
    """whether single spins were asked for where clusters could move, since nothing is frustrated"""
    tempered: dict[int, Tempered] = field(default_factory=dict)
    """for each size the swaps of tempering, if there was one"""

    def has(self, name: str) -> bool:
        """Whether a quantity was measured."""
        return any(name in at.estimates() for ats in self.results.values() for at in ats)


def critical_temperature(config: SimulateConfig) -> float | None:
    """The known critical temperature of the model, in the units of the options; None if none is known."""
    kind = config.lattice
    if kind == "hypercubic":
        kind = {None: "square", 2: "square", 3: "cubic"}.get(config.dimension, kind)  # type: ignore[assignment]
    known = CRITICAL_TEMPERATURES.get(kind)
    bipartite = kind in ("square", "cubic", "honeycomb", "bcc")
    ordered = config.coupling > 0 or (bipartite and all(size % 2 == 0 for size in config.size))
    if known is None or config.disorder != "none" or config.field or not ordered:
        return None
    return known * abs(config.coupling)


def exact_of(done: Simulated, size: int, temperature: float) -> dict[str, float]:
    """Exact values of some quantities on this finite lattice, where they are known."""
    config, graph = done.config, done.graphs[size]
    unit = temperature / abs(config.coupling)
    if not _solved(config, graph) or size < 3 or unit < LEAST_EXACT or (config.coupling < 0 and size % 2):
        return {}
    exact = kaufman(size, size, unit)
    return {"energy": exact.energy * abs(config.coupling), "specific_heat": exact.specific_heat}


def why_not_exact(done: Simulated, size: int) -> str:
    """Why a size has no exact values beside it at some temperature, where larger, even or warmer ones have them."""
    config, lowest = done.config, min(at.temperature for at in done.results[size]) / abs(done.config.coupling)
    if not _solved(config, done.graphs[size]) or exact_of(done, size, lowest * abs(config.coupling)):
        return ""
    if size < 3:
        return (
            f"size {size}: Kaufman's formula counts two bonds between the sites of a periodic direction of two cells, "
            "and here there is one"
        )
    if config.coupling < 0 and size % 2:
        return f"size {size}: with an odd side the antiferromagnet is frustrated, and not the ferromagnet's mirror"
    return f"size {size} below T = {LEAST_EXACT * abs(config.coupling):g}, where they aren't computed"


def infinite_magnetisation(done: Simulated, size: int, temperature: float) -> float | None:
    """Onsager's magnetisation of the infinite lattice, where it is one of the solution; finite ones come near it below
    the critical temperature."""
    if not _solved(done.config, done.graphs[size]) or done.config.coupling < 0:
        return None
    return onsager_magnetisation(temperature / done.config.coupling)


def _solved(config: SimulateConfig, graph: Lattice) -> bool:
    """Whether the model is that of the exact solution: on a periodic square lattice, without a field."""
    flat = config.lattice in ("square", "hypercubic") and len(graph.shape) == 2
    return flat and config.disorder == "none" and not config.field and not config.open
