"""Parallel tempering of an Ising model with measurements, for spin glasses and what one temperature can't mix."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.energies import IsingEnergy
from discrete_ed.errors import InputError, check_seed
from discrete_ed.lattices.builders import Lattice
from discrete_ed.lattices.ladders import Ladders, placed
from discrete_ed.lattices.measuring import Measured, check_edges, periodic_sizes, what_to_measure
from discrete_ed.lattices.results import DIFFERENT, AtTemperature, at_temperature
from discrete_ed.lattices.simulation import LEAST_WARMUP, PIECES, Cache, Callback, Progress, difference_of, error_of
from discrete_ed.lattices.tables import Tables
from discrete_ed.metrics.time_series import thermalisation
from discrete_ed.names import ObservableName

OVERLAPS: tuple[ObservableName, ...] = ("overlaps",)
STAGES = 7  # stages of thermalisation, each twice as long as the one before
PLACINGS = 4  # stages after which temperatures are placed anew


@dataclass(frozen=True)
class Tempered:
    """What parallel tempering found.

    >>> from discrete_ed import IsingEnergy, lattice, temper
    >>> found = temper(IsingEnergy.from_graph(lattice(4)), [2.0, 3.0, 4.0], chains=2, measurements=50)
    >>> [each.temperature for each in found.results], found.swap_rates.shape
    ([2.0, 3.0, 4.0], (2,))
    """

    results: list[AtTemperature]
    """the result at each temperature, from the lowest to the highest"""
    swap_rates: NDArray[np.float64]
    """how often neighbouring temperatures swap when they try, `(R − 1,)`"""
    round_trips: NDArray[np.int64]
    """for each ladder, how often a replica went from the lowest temperature to the highest and back, `(chains,)`"""

    @property
    def thermal(self) -> bool:
        """Whether replicas from order and from disorder have one mean energy at all temperatures."""
        return all(each.thermal for each in self.results)


def temper(
    energy: IsingEnergy,
    temperatures: Sequence[float],
    *,
    graph: Lattice | None = None,
    place: bool = False,
    exchange_clusters: bool = False,
    chains: int = 8,
    measurements: int = 2000,
    error: float | None = None,
    measure: Collection[ObservableName] = OVERLAPS,
    seed: int = 0,
    threads: int | None = None,
    cache: Cache | None = None,
    callback: Callback | None = None,
) -> Tempered:
    """Simulate an Ising model by parallel tempering, and measure it at every temperature.

    Each chain is a ladder of replicas, one at each temperature. In half of the chains all spins start up, in the others
    at random. After a sweep of single spins, neighbouring temperatures swap their replicas, even and odd pairs in turn;
    this keeps the law at every temperature. Thermalisation is found as by `simulate`, over all temperatures. Everything
    runs in one compiled loop for a pair of chains, and pairs run on threads; inside `processes()` each rank takes its
    share of the pairs. The result is the same for any number of threads and ranks.

    Args:
        temperatures: at least two different positive numbers, in the units of the energy (k_B = 1).
        graph: the lattice of the model, see `simulate`.
        place: keep the lowest and the highest temperature, and place the others during thermalisation so that all
            neighbours swap equally often.
        exchange_clusters: after each sweep, exchange a cluster between a chain from order and one from disorder at each
            temperature, see `Houdayer`; for spin glasses in two dimensions, or diluted ones.
        chains: number of ladders, even; slow modes show only in the spread between ladders, so take several.
        measurements: number of measurements of each replica, one after each sweep, at least 20.
        error: stop where the standard error of the energy of a site is below this at all temperatures.
        measure: see `simulate`.
        seed, threads, cache, callback: see `simulate`.

    Raises:
        InputError: fewer than two temperatures, equal ones, or one that isn't positive; an odd number of chains; what
            `simulate` refuses.

    Source: Hukushima and Nemoto 1996, Journal of the Physical Society of Japan 65, 1604–1608; even and odd pairs in
    turn, and placing by rejections, from Syed, Bouchard-Côté, Deligiannidis and Doucet 2022, Journal of the Royal
    Statistical Society B 84, 321–350.

    >>> from discrete_ed import IsingEnergy, lattice, plus_minus_couplings
    >>> graph = lattice(4)
    >>> glass = IsingEnergy.from_graph(graph, plus_minus_couplings(graph))
    >>> found = temper(glass, [0.5, 1.0, 2.0], graph=graph, chains=2, measurements=400, place=True)
    >>> bool(found.swap_rates.min() > 0.2), found.results[0].overlaps.overlap.shape
    (True, (400, 1))
    """
    check_seed(seed)
    values = sorted(float(t) for t in temperatures)
    if len(values) < 2 or len(set(values)) < len(values):
        raise InputError(f"temperatures: expected at least two different ones for tempering, got {values}")
    if chains < 2 or chains % 2 or measurements < 20:
        raise InputError(
            f"chains, measurements: expected an even number, and at least 20, got {chains} and {measurements}"
        )
    if error is not None and not error > 0:
        raise InputError(f"error: expected a positive number, got {error}")
    if graph is not None and graph.sites != energy.bits:
        raise InputError(f"graph: expected a lattice of {energy.bits} sites, got {graph.sites}")
    if graph is not None:
        check_edges(energy, graph)
    sizes, more = periodic_sizes(graph), what_to_measure(energy, graph, measure, chains)
    tables = Tables.of(energy, sizes)

    def models(at: Sequence[float]) -> list[Measured]:
        return [Measured(energy, t, update="sweeps", sizes=sizes, tables=tables, **more) for t in at]

    progress = Progress(callback, chains * len(values) * measurements)
    ladders = Ladders(models(values)[0], values, chains // 2, exchange_clusters, seed, threads, cache)
    warm, dropped, settled = min(LEAST_WARMUP, measurements), 0, False
    where = ladders.model.columns
    for stage in range(STAGES):
        ladders.forget()  # swaps at the temperatures of earlier stages
        series = ladders.piece(f"warm{stage}", warm)
        dropped += warm
        moved = place and stage < PLACINGS
        settled = not moved and _is_settled({name: series[..., part] for name, part in where.items()}, energy.bits)
        if settled:
            break
        if moved:
            ladders.temperatures = placed(ladders.temperatures, ladders.rates())
        warm *= 2
    ladders.forget()
    pieces, size = [], -(-measurements // PIECES)
    for first in range(0, measurements, size):
        count = min(size, measurements - first)
        pieces.append(ladders.piece(f"draws{first}", count))
        progress.add(count * chains * len(values))
        whole = np.concatenate(pieces)
        if error is not None and first and _largest_error(whole) / energy.bits < error:
            progress.add((measurements - first - count) * chains * len(values))
            break
    results = []
    for r, each in enumerate(models(ladders.temperatures)):
        parts = {
            "series": whole[:, r],
            "states": ladders.states(r),
            "dropped": dropped,
            "difference": difference_of(whole[:, r, :, 0]),
            "settled": settled,
            "steps": 1,
        }
        results.append(at_temperature(each, graph if sizes else None, parts))
    return Tempered(results, ladders.rates(), ladders.trips())


def _is_settled(parts: dict[str, NDArray[Any]], bits: int) -> bool:
    """Whether a stage, whose parts are `(draw, R, chain, K)`, starts as it goes on, and both kinds of start agree in
    its second half.

    A ladder settles as one, so the rule is applied to sums over its temperatures, in which a common drift stands out.
    """
    energy, ones = parts["energy"][..., 0], parts["ones"][..., 0]
    slow = [energy, np.abs(2 * ones / bits - 1)]
    if parts["overlaps"].size:
        slow.append(np.abs(parts["overlaps"][..., 0]))
    cut = max(thermalisation(_joined(each)) for each in slow)
    halves = energy[len(energy) // 2 :]
    agree = all(abs(difference_of(halves[:, r])) < DIFFERENT for r in range(energy.shape[1]))
    return cut < 0.4 * len(energy) and agree


def _joined(values: NDArray[Any]) -> NDArray[Any]:
    """The sum over temperatures of `(draw, R, chain)` in units of their standard deviations, `(draw, chain)`."""
    spread = values.std((0, 2), keepdims=True)
    return np.asarray((values / np.where(spread, spread, 1)).sum(1))


def _largest_error(series: NDArray[Any]) -> float:
    return max(error_of(series[:, r, :, 0]) for r in range(series.shape[1]))
