"""Ladders of replicas of an Ising model, whose temperatures swap, in pairs that run on threads."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from discrete_ed.errors import InputError
from discrete_ed.lattices.measuring import Measured
from discrete_ed.lattices.results import from_rank
from discrete_ed.lattices.simulation import Cache, thread_count
from discrete_ed.runtime.distributed import share
from discrete_ed.runtime.memory import check_fits
from discrete_ed.samplers.interactions import loops
from discrete_ed.samplers.thresholds import threshold

Array = NDArray[Any]
ENTRIES = 2**24  # numbers in the tables of all rungs, above which fields are summed up anew at each spin


class Ladders:
    """Pairs of ladders, one from order and one from disorder, run in pieces that a cache may keep.

    Args:
        model: what is measured; its temperature has no effect.
        temperatures: those of the rungs, rising.
        pairs: number of pairs of ladders.
        exchange_clusters: whether the ladders of a pair exchange clusters.
    """

    def __init__(
        self,
        model: Measured,
        temperatures: Sequence[float],
        pairs: int,
        exchange_clusters: bool,
        seed: int,
        threads: int | None,
        cache: Cache | None,
    ) -> None:
        self.model, self.temperatures, self.cache = model, list(temperatures), cache
        self.exchange_clusters, self.threads = exchange_clusters, thread_count(threads)
        rungs, bits = len(self.temperatures), model.bits
        check_fits(2 * rungs * pairs * bits, "chains", f"{rungs} temperatures of {2 * pairs} chains", "take fewer")
        self.bits = np.ones((pairs, rungs, 2, bits), np.uint8)
        for k in range(pairs):
            self.bits[k, :, 1] = model.start(rungs, [seed, k, 1])
        words = [np.random.SeedSequence([seed, k]).generate_state(1, np.uint64)[0] for k in range(pairs)]
        self.counters = [int(word >> np.uint64(1)) for word in words]
        self.heading = np.zeros((pairs, rungs, 2), np.int64)
        self.done, self.clock = 0, 0
        self.forget()
        self.tables = model.tables.by_state(ENTRIES // rungs)

    def _places(self) -> tuple[Any, ...]:
        """The places of a sweep's tables; of tables that would be too large only the order of the spins."""
        nothing = np.empty(0, np.uint32)
        return tuple(self.tables.places.values()) or (self.tables.order.astype(np.uint32), (nothing,), nothing)

    def forget(self) -> None:
        """Count swaps and round trips from here on."""
        self.accepted, self.tried = np.zeros(len(self.temperatures) - 1), np.zeros(len(self.temperatures) - 1)
        self._trips = np.zeros((len(self.bits), 2), np.int64)

    def rates(self) -> Array:
        """How often neighbouring rungs swapped when they tried, `(R − 1,)`."""
        return self.accepted / np.maximum(self.tried, 1)

    def trips(self) -> Array:
        """The round trips of each ladder, from order first, `(2 pairs,)`."""
        return self._trips.T.ravel()

    def states(self, rung: int) -> Array:
        """The bits of one rung, `(2 pairs, D)`, from order first."""
        return np.concatenate([self.bits[:, rung, 0], self.bits[:, rung, 1]])

    def piece(self, name: str, count: int) -> Array:
        """Further measurements, `(draw, R, chain, K)`."""

        def compute() -> dict[str, Any]:
            mine = range(len(self.bits))[share(len(self.bits))]
            with ThreadPoolExecutor(self.threads) as pool:
                done = dict(zip(mine, pool.map(lambda k: self._run(k, count), mine), strict=True))
            found = [from_rank(done.get(k)) for k in range(len(self.bits))]
            series = np.stack([each["out"] for each in found], 3)  # (draw, R, 2, pair, K)
            return {
                "bits": np.stack([each["bits"] for each in found]),
                "heading": np.stack([each["heading"] for each in found]),
                "counters": " ".join(each["counter"] for each in found),
                "accepted": sum(each["accepted"] for each in found) + self.accepted,
                "trips": np.stack([each["trips"] for each in found]) + self._trips,
                "temperatures": np.array(self.temperatures),
                "series": series.reshape(*series.shape[:2], -1, series.shape[-1]),
            }

        found = compute() if self.cache is None else self.cache(name, compute)
        if not np.array_equal(found["temperatures"], self.temperatures):
            raise InputError("resume: expected a run at the same temperatures, got another")
        self.bits, self.heading = np.array(found["bits"]), np.array(found["heading"])
        self.counters = [int(each) for each in found["counters"].split()]
        self.accepted, self._trips = np.array(found["accepted"]), np.array(found["trips"])
        pairs = np.arange(len(self.tried))
        even = (count + 1 - self.clock % 2) // 2  # sweeps after which the even pairs tried
        self.tried += 2 * len(self.bits) * np.where(pairs % 2 == 0, even, count - even)
        self.clock += count
        return np.asarray(found["series"])

    def _run(self, pair: int, count: int) -> dict[str, Any]:
        """Move one pair of ladders: measurements `(draw, R, 2, K)`, probabilities of swaps, round trips, and where the
        next piece goes on."""
        model, rungs = self.model, len(self.temperatures)
        betas = 1 / np.array(self.temperatures)
        field = self.tables.field
        out = np.empty((count, rungs, 2, model.columns["overlaps"].stop))
        accepted, trips = np.zeros(rungs - 1), np.zeros(2, np.int64)
        bits = self.bits[pair]
        energy = model.unit.energies(bits.reshape(-1, model.bits)).reshape(rungs, 2)
        counter = loops("tempered_loops").tempered_sweeps(
            bits,
            *self._places(),
            threshold(betas[:, None] * field),
            field,
            *model.unit.rows,
            model.unit.fields,
            betas,
            energy,
            self.heading[pair],
            self.clock,
            self.exchange_clusters,
            model.sizes,
            model.sublattice,
            model.plan,
            model.overlaps,
            out,
            accepted,
            trips,
            np.uint64(self.counters[pair]),
        )
        moved = {"bits": bits, "heading": self.heading[pair], "counter": str(counter)}
        return {"out": out, "accepted": accepted, "trips": trips, **moved}


def placed(temperatures: Sequence[float], rates: Array) -> list[float]:
    """As many temperatures between the same ends, at which neighbours would reject swaps equally often.

    Rejections of neighbours add up to a function of the inverse temperature that hardly depends on where the rungs are;
    the new rungs divide it into equal parts.

    >>> placed([1.0, 2.0, 4.0], np.array([0.2, 0.8]))[1] < 2.0
    True
    """
    betas = 1 / np.asarray(temperatures)
    barrier = np.concatenate([[0.0], np.cumsum(np.maximum(1 - rates, 1e-3))])
    inner = PchipInterpolator(barrier, betas)(np.linspace(0, barrier[-1], len(betas)))[1:-1]
    return [float(temperatures[0]), *(float(t) for t in 1 / inner), float(temperatures[-1])]
