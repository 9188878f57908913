"""What a simulation found at one temperature."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.lattices.builders import Lattice
from discrete_ed.lattices.kinds import KINDS
from discrete_ed.lattices.measuring import Measured
from discrete_ed.lattices.observables import Estimate, Overlaps, Series, autocorrelation_of, estimates
from discrete_ed.runtime.distributed import rank_sum, ranks

Array = NDArray[Any]

DIFFERENT = 4.0  # standard errors by which chains from order and from disorder may differ by chance
LONG = 50  # autocorrelation times that a chain must last for its errors to be certain


@dataclass(frozen=True)
class AtTemperature:
    """What a simulation found at one temperature.

    The first half of the chains started with all spins up, the others at random.

    >>> from discrete_ed import IsingEnergy, lattice, simulate
    >>> (result,) = simulate(IsingEnergy.from_graph(lattice(4)), [5.0], measurements=200)
    >>> result.states.shape, result.update, result.thermal
    ((4, 16), 'swendsen-wang', True)
    """

    series: Series
    """measurements after thermalisation"""
    states: Array
    """the last bits of the chains, `(chain, D)`, uint8"""
    update: str
    """how the chains moved"""
    steps: int
    """steps of the kernel from one draw to the next: 1, or the number of Wolff's clusters"""
    dropped: int
    """number of draws of each chain that were dropped as thermalisation"""
    difference: float
    """difference of the mean energies of the chains from order and from disorder, in standard errors"""
    settled: bool = True
    """whether thermalisation ended by its rule, and not since it had taken the most stages"""
    overlaps: Overlaps | None = None
    """overlaps of each chain from order with one from disorder, where they were measured"""

    @property
    def temperature(self) -> float:
        """`T`."""
        return self.series.temperature

    @property
    def thermal(self) -> bool:
        """Whether thermalisation ended by its rule, and both kinds of start then had one mean energy."""
        return self.settled and abs(self.difference) < DIFFERENT

    @property
    def long(self) -> bool:
        """Whether each chain lasted for 50 autocorrelation times or more of all that is in `autocorrelation`."""
        return all(len(self.series.energy) >= LONG * time for time, _ in self.autocorrelation().values())

    def estimates(self) -> dict[str, Estimate]:
        """Every quantity with its error, see `estimates` and `Overlaps`."""
        return {**estimates(self.series), **({} if self.overlaps is None else self.overlaps.estimates())}

    def autocorrelation(self) -> dict[str, tuple[float, float]]:
        """Autocorrelation time in draws and effective sample size of the energy, of `|m|`, and of `|q|` where overlaps
        were measured, see `autocorrelation_of`."""
        return autocorrelation_of(self.series, self.overlaps)


def at_temperature(model: Measured, graph: Lattice | None, parts: dict[str, Any]) -> AtTemperature:
    """The result of measured chains.

    Args:
        graph: the lattice, if it is periodic in all directions.
        parts: `series`, the measurements `(draw, chain, K)` in the columns of the model, and the fields of the result.
    """
    sites = model.bits
    part = {name: parts["series"][..., where] for name, where in model.columns.items()}
    wave, number, sublattices, correlations, overlaps = None, None, None, None, None
    in_field = bool(np.any(model.unit.fields))
    if graph is not None and model.plan[0]:
        lengths = wave_numbers(graph)
        smallest = np.isclose(lengths, lengths.min())
        wave, number = part["waves"][..., smallest].mean(-1) / sites**2, float(lengths.min())
    if part["sublattices"].shape[-1]:
        sublattices = 2 * part["sublattices"] / np.bincount(model.sublattice) - 1
    if part["correlations"].shape[-1]:
        correlations = part["correlations"]
    if part["overlaps"].shape[-1]:
        q = part["overlaps"][:, : parts["series"].shape[1] // 2]  # both chains of a pair have it
        overlaps = Overlaps(q[..., 0], q[..., 1], sites, in_field)
    series = Series(
        part["energy"][..., 0] / sites,
        2 * part["ones"][..., 0] / sites - 1,
        sites,
        model.temperature,
        wave,
        number,
        in_field=in_field,
        # where all sites are alike, a symmetry of the lattice exchanges the sublattices
        staggered_in_field=in_field and not (graph is not None and model.unit.is_uniform),
        sublattices=sublattices,
        correlations=correlations,
    )
    names = ("states", "steps", "dropped", "difference", "settled")
    return AtTemperature(series, update=model.update, overlaps=overlaps, **{name: parts[name] for name in names})


def wave_numbers(graph: Lattice) -> Array:
    """The lengths `|k|` of the smallest wave vector along each direction of a periodic lattice, `(d,)`."""
    kind = KINDS.get(graph.kind, KINDS["hypercubic"])  # type: ignore[call-overload]
    vectors, _ = kind.geometry(len(graph.shape))
    reciprocal = 2 * np.pi * np.linalg.inv(vectors).T / np.array(graph.shape)[:, None]
    lengths = np.linalg.norm(reciprocal, axis=1)
    return np.where(np.array(graph.shape) > 1, lengths, np.inf)


def from_rank(mine: dict[str, Any] | None) -> dict[str, Any]:
    """The arrays and numbers of the one rank that has them, on every rank."""
    if ranks().size == 1:
        assert mine is not None
        return mine
    file = io.BytesIO()
    if mine is not None:
        np.savez(file, **{name: np.asarray(value) for name, value in mine.items()})  # type: ignore[arg-type]
    length = int(rank_sum(np.array([float(file.tell())]))[0])
    content = np.frombuffer(file.getvalue(), np.uint8) if mine is not None else np.zeros(length, np.uint8)
    with np.load(io.BytesIO(rank_sum(content).tobytes())) as arrays:
        return {name: arrays[name] if arrays[name].ndim else arrays[name].item() for name in arrays.files}
