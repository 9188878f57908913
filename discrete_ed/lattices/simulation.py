"""Simulation of an Ising model at many temperatures: thermalisation, measurement until an error is reached, results."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.energies import IsingEnergy
from discrete_ed.errors import InputError, check_seed
from discrete_ed.lattices.builders import Lattice
from discrete_ed.lattices.measuring import Measured, check_edges, periodic_sizes, what_to_measure
from discrete_ed.lattices.results import DIFFERENT, AtTemperature, at_temperature, from_rank
from discrete_ed.lattices.tables import Tables
from discrete_ed.metrics.time_series import BLOCKS, autocorrelation_time, jackknife, thermalisation
from discrete_ed.names import ObservableName, UpdateName
from discrete_ed.runtime.distributed import share
from discrete_ed.runtime.memory import check_fits

Array = NDArray[Any]
Cache = Callable[[str, Callable[[], dict[str, Any]]], dict[str, Any]]
Callback = Callable[[int, int], None]

LEAST_WARMUP = 200  # draws of the first stage of thermalisation, if there are as many draws in all
STAGES = 5  # stages of thermalisation, each twice as long as the one before
BYTES_OF_PAIR, BYTES_OF_SPIN = 32, 16  # of the tables while they are made
PIECES = 10  # pieces in which the draws are made, after each of which the error is looked at


def simulate(
    energy: IsingEnergy,
    temperatures: Sequence[float] | float,
    *,
    graph: Lattice | None = None,
    update: UpdateName = "auto",
    chains: int = 4,
    measurements: int = 2000,
    error: float | None = None,
    measure: Collection[ObservableName] = (),
    seed: int = 0,
    threads: int | None = None,
    cache: Cache | None = None,
    callback: Callback | None = None,
) -> list[AtTemperature]:
    """Simulate an Ising model at several temperatures, `p(s) ∝ exp(−E(s)/T)`, and measure it on the fly.

    At each temperature, half of the chains start with all spins up and half at random. Stages of thermalisation, each
    twice as long as the one before, are dropped until the rule MSER (see `thermalisation`) finds the start of a stage
    no different from its rest, and both halves have one mean energy. Then the chains are measured after every sweep.

    Temperatures, and the chains of each, run on threads, and inside `processes()` each rank takes its share of the
    temperatures. Every chain has its own seed, so the result is the same for any number of threads and ranks.

    Args:
        temperatures: positive numbers, or one, in the units of the energy (k_B = 1): with couplings `J`, `T_c` of the
            square lattice is 2.269 `J`.
        graph: the lattice of the model, for the correlation length, which needs one that is periodic in all directions.
        update: "sweeps", "swendsen-wang", "wolff", or "auto", which takes Swendsen–Wang where nothing is frustrated.
        chains: number of chains at each temperature, at least 2.
        measurements: number of measurements of each chain, at most; at least 20.
        error: stop where the standard error of the energy of a site is below this.
        measure: what is measured besides energy, magnetisation and the correlation length: "sublattices" (of
            antiferromagnets always), "correlations" along the directions of a periodic lattice, "overlaps" of each
            chain from order with one from disorder.
        seed: the source of all randomness.
        threads: number of threads; by default one for each processor that this process may use.
        cache: called with the name of a piece and the function that computes it; to resume a run.
        callback: called with the number of draws made, by all chains of this process, and the number planned.

    Raises:
        InputError: no temperatures or one below 1e-100 or above 1e100, fewer chains or draws than above, clusters for a
            frustrated model, a lattice of another number of sites or with other edges, something that can't be
            measured; a model that would not fit into memory.

    >>> from discrete_ed import lattice
    >>> square = lattice(8)
    >>> (found,) = simulate(IsingEnergy.from_graph(square), [3.0], graph=square, measurements=400)
    >>> abs(found.estimates()["energy"].value + 0.8168) < 0.1
    True
    """
    check_seed(seed)
    values = [float(t) for t in ([temperatures] if isinstance(temperatures, int | float) else temperatures)]
    if not values:
        raise InputError("temperatures: expected at least one, got none")
    if chains < 2 or measurements < 20:
        raise InputError(f"chains, measurements: expected at least 2 and 20, got {chains} and {measurements}")
    if graph is not None and graph.sites != energy.bits:
        raise InputError(f"graph: expected a lattice of {energy.bits} sites, got {graph.sites}")
    if graph is not None:
        check_edges(energy, graph)
    if error is not None and not error > 0:
        raise InputError(f"error: expected a positive number, got {error}")
    count = thread_count(threads)
    pairs = len(energy.pairs) if energy.is_sparse else energy.bits**2
    at_once = min(count, len(values)) * chains  # chains whose states are held, some of them twice
    needed = BYTES_OF_PAIR * pairs + (BYTES_OF_SPIN + 4 * at_once) * energy.bits
    check_fits(needed, "energy", f"a simulation of {energy.bits:,} spins", "take a smaller model or fewer chains")
    sizes = periodic_sizes(graph)
    tables, more = Tables.of(energy, sizes), what_to_measure(energy, graph, measure, chains)

    def model_at(k: int, kind: UpdateName) -> Measured:
        return Measured(energy, values[k], update=kind, sizes=sizes, tables=tables, **more)

    models = [model_at(0, update)]  # what is large and depends on the temperature is made in `at`, and dropped after it
    models += [model_at(k, models[0].update) for k in range(1, len(values))]
    mine = range(len(values))[share(len(values))]
    progress = Progress(callback, len(mine) * chains * measurements)

    with ThreadPoolExecutor(count) as pool:  # in which the chains of all temperatures run

        def at(k: int) -> dict[str, Any]:
            model = model_at(k, models[0].update)
            return Chains(model, chains, [seed, k], f"T{k}", cache, progress, pool).run(measurements, error)

        found = dict(zip(mine, in_threads(at, mine, count, progress), strict=True))
    return [at_temperature(each, graph if sizes else None, from_rank(found.get(k))) for k, each in enumerate(models)]


class Progress:
    """Draws made by all threads, and whether they should stop."""

    def __init__(self, callback: Callback | None, total: int) -> None:
        self.callback, self.total, self.done = callback, total, 0
        self.lock, self.stop = threading.Lock(), threading.Event()

    def add(self, measurements: int) -> None:
        with self.lock:
            self.done += measurements
            if self.callback is not None:
                self.callback(min(self.done, self.total), self.total)


class Stopped(Exception):
    pass


class Chains:
    """The chains at one temperature, run in pieces that a cache may keep, and side by side in the threads of a pool,
    since the slowest temperature may need longer than all others together."""

    def __init__(
        self,
        model: Measured,
        chains: int,
        seed: list[int],
        name: str,
        cache: Cache | None,
        progress: Progress,
        pool: Executor,
    ) -> None:
        self.model, self.name, self.cache, self.progress, self.pool = model, name, cache, progress, pool
        half = chains // 2
        random = model.start(chains - half, [*seed, 1])
        self.bits = np.concatenate([model.start(half, 0, ordered=True), random])
        self.groups = model.groups(chains)
        words = np.random.SeedSequence(seed).generate_state(len(self.groups), np.uint64)
        self.counters = [int(word >> np.uint64(1)) for word in words]

    def piece(self, name: str, measurements: int, *, fit: bool = False) -> Array:
        """Further measurements, `(draw, chain, K)`."""

        def compute() -> dict[str, Any]:
            if fit:
                self.model.fit_steps(self.bits, self.counters[0])
            most = self.model.measurements_at_once

            def move(bits: Array, counter: int) -> tuple[Array, Array, int]:
                parts = []
                for first in range(0, measurements, most):
                    if self.progress.stop.is_set():
                        raise Stopped
                    bits, part, counter = self.model.run(bits, min(most, measurements - first), counter)
                    parts.append(part)
                return bits, np.concatenate(parts), counter

            bits, counters = np.empty_like(self.bits), []
            series = np.empty((measurements, len(bits), self.model.columns["overlaps"].stop))
            parts = [self.bits[group] for group in self.groups]
            for group, moved in zip(self.groups, self.pool.map(move, parts, self.counters), strict=True):
                bits[group], series[:, group], counter = moved
                counters.append(str(counter))
            # JSON holds whole numbers up to 2^53 for certain, so the counters are kept as text
            return {"bits": bits, "series": series, "counters": " ".join(counters), "steps": self.model.steps}

        found = compute() if self.cache is None else self.cache(f"{self.name}-{name}", compute)
        if "counters" not in found:
            raise InputError("resume: expected a run of this version, got one of an earlier version; begin it again")
        self.bits, self.model.steps = found["bits"], found["steps"]
        self.counters = [int(each) for each in found["counters"].split()]
        return np.asarray(found["series"])

    def run(self, measurements: int, error: float | None) -> dict[str, Any]:
        """Thermalise and measure."""
        warm = min(LEAST_WARMUP, measurements)
        dropped, settled = 0, False
        for stage in range(STAGES):
            series = self.piece(f"warm{stage}", warm, fit=True)
            dropped += warm
            energy, ones = series[..., 0], np.abs(2 * series[..., 1] / self.model.bits - 1)
            cut = max(thermalisation(energy), thermalisation(ones))
            settled = cut < 0.4 * warm and abs(difference_of(energy[len(energy) // 2 :])) < DIFFERENT
            if settled:
                break
            warm *= 2
        pieces = []
        size = -(-measurements // PIECES)
        for first in range(0, measurements, size):
            count = min(size, measurements - first)
            pieces.append(self.piece(f"draws{first}", count, fit=first == 0))
            self.progress.add(count * len(self.bits))
            if error is not None and first and error_of(np.concatenate(pieces)[..., 0]) / self.model.bits < error:
                self.progress.add((measurements - first - count) * len(self.bits))
                break
        whole = np.concatenate(pieces)
        return {
            "series": whole,
            "states": self.bits,
            "dropped": dropped,
            "difference": difference_of(whole[..., 0]),
            "settled": settled,
            "steps": self.model.steps,
        }


def error_of(energy: Array) -> float:
    """The standard error of a mean; that of too short a series isn't known, and infinite."""
    if autocorrelation_time(energy).ess <= BLOCKS:
        return np.inf
    return float(jackknife(lambda mean: mean[..., 0], energy[..., None])[1])


def difference_of(energy: Array) -> float:
    """The difference of the means of the two halves of the chains, in standard errors, which are the larger ones of
    those from autocorrelation within the chains of a half and from the spread of these chains."""
    half = energy.shape[1] // 2
    parts = energy[:, :half], energy[:, half:]
    within = [part.std() / autocorrelation_time(part - part.mean(0)).ess ** 0.5 for part in parts]
    between = [part.mean(0).std(ddof=1) / part.shape[1] ** 0.5 if part.shape[1] > 1 else 0.0 for part in parts]
    errors = np.maximum(within, between)
    apart, size = float(parts[0].mean() - parts[1].mean()), float(np.hypot(*errors))
    return apart / size if size else float(np.copysign(np.inf, apart)) if apart else 0.0


def thread_count(threads: int | None) -> int:
    """The number of threads; if None, one for each processor that this process may use."""
    if threads is not None:
        return max(1, threads)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def in_threads(simulate_at: Callable[[int], Any], items: range, threads: int, progress: Progress) -> list[Any]:
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(simulate_at, k) for k in items]
        try:
            return [future.result() for future in futures]
        except BaseException:  # the other threads end with their piece
            progress.stop.set()
            for future in futures:
                future.cancel()
            raise
