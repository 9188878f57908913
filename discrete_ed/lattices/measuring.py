"""Chains of an Ising model that are measured as they run."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact
from discrete_ed.errors import InputError, check_temperature
from discrete_ed.lattices.builders import Lattice
from discrete_ed.lattices.state_observables import check_periodic
from discrete_ed.lattices.sublattices import sublattices
from discrete_ed.lattices.tables import ByState, Tables
from discrete_ed.names import ObservableName, UpdateName
from discrete_ed.samplers import SwendsenWang
from discrete_ed.samplers.compiled import UPDATES, Loop, sweep_loop
from discrete_ed.samplers.compiled_clusters import cluster_arrays, wolff_arrays
from discrete_ed.samplers.folding import Folded
from discrete_ed.samplers.interactions import loops
from discrete_ed.samplers.thresholds import threshold

Array = NDArray[Any]
ENTRIES = 2**16  # entries of the tables of `measured_sweeps`, which must stay in the processor's caches


class Advance(NamedTuple):
    """How chains move, and how fast."""

    loop: Callable[[Array, Array, int], int]
    """moves bits `(B, D)` and writes measurements `(draw, B, K)`, from one value of the counter to the next"""
    updates: int
    """updates of spins that take about a second"""


class Measured:
    """One Ising model at one temperature, and how its chains move and are measured.

    A measurement of a chain is a row whose parts are named in `columns`: `energy` (at β = 1); `ones`, the number of
    spins up; `waves`, for each direction of the lattice the squared amplitude of the magnetisation's smallest wave;
    and, where asked for, `sublattices`, the spins up on each; `correlations`, the mean of `s_i s_j` at 1, 2, … cells
    along the directions; `overlaps`, the overlap and the link overlap of chains `b` and `b + B/2`.

    Args:
        energy: the model at temperature 1.
        temperature: `T` in the units of the energy; the chains sample `exp(−E/T)`.
        update: "sweeps" of single spins by colour classes, "swendsen-wang" or "wolff" clusters; "auto" takes
            Swendsen–Wang where no coupling is frustrated, and sweeps elsewhere.
        sizes: the number of cells in each direction and, last, of sites in a cell; if the model is no lattice, its
            number of spins and 1.
        tables: those of the model and the sizes, if several temperatures share them.
        sublattice: the sublattice of each site, to measure sublattices.
        correlations: whether to measure correlations, which needs sizes.
        overlaps: whether to measure overlaps.

    Raises:
        InputError: a temperature below 1e-100 or above 1e100; clusters for a frustrated model; no numba.
    """

    def __init__(
        self,
        energy: IsingEnergy,
        temperature: float,
        *,
        update: UpdateName = "auto",
        sizes: tuple[int, ...] | None = None,
        tables: Tables | None = None,
        sublattice: Array | None = None,
        correlations: bool = False,
        overlaps: bool = False,
    ) -> None:
        check_temperature(temperature, "temperatures")
        if update not in get_args(UpdateName):
            raise InputError(f"update: expected one of {', '.join(get_args(UpdateName))}, got {update!r}")
        if loops("measured_loops") is None:
            raise InputError("simulate: expected numba, which compiles its loops, to be installed (pip install numba)")
        self.update = chosen_update(energy) if update == "auto" else update
        if update in ("swendsen-wang", "wolff"):
            check_clusters(energy)
        self.tables = Tables.of(energy, sizes) if tables is None else tables
        self.unit, self.sizes = self.tables.unit, self.tables.sizes
        self.sublattice = np.empty(0, np.int8) if sublattice is None else sublattice
        classes = int(self.sublattice.max(initial=-1)) + 1
        widths = {
            "energy": 1,
            "ones": 1,
            "waves": len(self.sizes) - 1 if sizes else 0,
            "sublattices": classes,
            "correlations": int(self.sizes[:-1].max()) // 2 if correlations else 0,
            "overlaps": 2 if overlaps else 0,
        }
        ends = accumulate(widths.values())
        self.columns = {name: slice(end - widths[name], end) for name, end in zip(widths, ends, strict=True)}
        self.plan = np.array([widths[name] for name in ("waves", "sublattices", "correlations")], np.int64)
        self.waves = widths["waves"]
        self.temperature, self.bits, self.overlaps = temperature, energy.bits, overlaps
        self.steps = 1  # of the kernel from one measurement to the next

    @property
    def measurements_at_once(self) -> int:
        """The number of measurements of a chain that take about a second; a loop can't be interrupted."""
        return max(1, self._advance.updates // (self.bits * self.steps))

    @cached_property
    def _advance(self) -> Advance:
        """Moves chains and writes measurements; what it holds is large, and made when it is needed."""
        return {"sweeps": self._sweeps, "swendsen-wang": self._clusters, "wolff": self._wolff}[self.update]()

    def start(self, chains: int, seed: int | list[int], *, ordered: bool = False) -> Array:
        """Bits `(B, D)` at which chains start: random ones, or if `ordered` all up."""
        if ordered:
            return np.ones((chains, self.bits), np.uint8)
        return np.random.default_rng(seed).integers(0, 2, (chains, self.bits), np.uint8)

    def groups(self, chains: int) -> list[Array]:
        """The numbers of the chains that must run together: pairs whose overlap is measured, otherwise each alone."""
        if self.overlaps:
            return [np.array([b, b + chains // 2]) for b in range(chains // 2)]
        return [np.array([b]) for b in range(chains)]

    def run(self, bits: Array, count: int, counter: int) -> tuple[Array, Array, int]:
        """Move chains, `(B, D)`, and measure them: the bits, `(draw, B, K)` and the counter, by which the next call
        goes on with other random numbers."""
        bits = np.ascontiguousarray(bits).copy()
        out = np.empty((count, len(bits), self.columns["overlaps"].stop))
        if not self.overlaps:
            return bits, out, self._advance.loop(bits, out, counter)
        j = self.unit.couplings
        for draw in range(count):  # all chains are at one draw when their overlaps are measured
            counter = self._advance.loop(bits, out[draw : draw + 1], counter)
            loops("measured_loops").overlaps(bits, j.indptr, j.indices, out[draw])
        return bits, out, counter

    def fit_steps(self, bits: Array, counter: int) -> None:
        """For Wolff's clusters: let so many steps pass between measurements that they flip about as many spins as there
        are, judged by 50 clusters."""
        if self.update == "wolff":
            arrays = wolff_arrays(self.unit, 1 / self.temperature)
            _, flipped, _ = loops("cluster_loops").wolff(bits.copy(), *arrays, 50, np.uint64(counter))
            self.steps = max(1, round(self.bits / max(1.0, flipped.mean() / 50)))

    @property
    def _described(self) -> tuple[Array, ...]:
        """What loops need to know of the things that are measured."""
        return self.sizes, self.sublattice, self.plan

    def _sweeps(self) -> Advance:
        words = self.tables.folded() if self.waves else None
        if words is not None:
            return self._in_words(words)
        by_state = self.tables.by_state(ENTRIES)
        if by_state.places:
            return self._tabled(by_state)
        return self._one_by_one(sweep_loop(self.unit.at_beta(1 / self.temperature), by_state.order, 1))

    def _in_words(self, words: Folded) -> Advance:
        unit, degree = self.unit, len(words.neighbour)
        coupling, field = float(abs(unit.couplings.data[0])), float(unit.fields[0])
        table = threshold((coupling * (2 * np.arange(degree + 1) - degree) + field) / self.temperature)

        def advance(bits: Array, out: Array, counter: int) -> int:
            x = words.pack(bits)
            described = coupling, field, *self._described
            run = loops("measured_words").measured_words
            layout, rest = words[:3], words[3:]
            counter = run(x, *layout, self.bits, *rest, table, *described, self.steps, out, np.uint64(counter))
            bits[:] = words.unpack(x)
            return int(counter)

        return Advance(advance, 2**31)

    def _tabled(self, by_state: ByState) -> Advance:
        run, places, pull = loops("measured_loops").measured_sweeps, by_state.places.values(), by_state.field
        table = threshold(pull / self.temperature)

        def advance(bits: Array, out: Array, counter: int) -> int:
            energy = self.unit.energies(bits)
            return int(run(bits, *places, table, pull, energy, *self._described, self.steps, out, np.uint64(counter)))

        return Advance(advance, 2**29)

    def _clusters(self) -> Advance:
        pairs = self.tables.pairs()
        arrays = *cluster_arrays(pairs, 1 / self.temperature), pairs.coupling, pairs.field
        return self._in_loop(loops("measured_clusters").measured_clusters, arrays)

    def _wolff(self) -> Advance:
        (held,) = self.unit.fields.nonzero()
        arrays = *wolff_arrays(self.unit, 1 / self.temperature), self.unit.values / 2, held, self.unit.fields[held]
        return self._in_loop(loops("measured_clusters").measured_wolff, arrays)

    def _in_loop(self, loop: Any, arrays: tuple[Array, ...]) -> Advance:
        def advance(bits: Array, out: Array, counter: int) -> int:
            return int(loop(bits, *arrays, *self._described, self.steps, out, np.uint64(counter)))

        return Advance(advance, UPDATES)

    def _one_by_one(self, loop: Loop) -> Advance:
        """Each measurement after a call of the loop."""
        describe = loops("measured_loops").describe_all

        def advance(bits: Array, out: Array, counter: int) -> int:
            word = np.uint64(counter)
            for row in out:
                bits[:], _, word = loop(bits, self.steps, np.uint64(word))
                row[:, 0] = self.unit.energies(bits)
                describe(bits, *self._described, row)
            return int(word)

        return Advance(advance, UPDATES)


def what_to_measure(
    energy: IsingEnergy, graph: Lattice | None, measure: Collection[ObservableName], chains: int
) -> dict[str, Any]:
    """The arguments of `Measured` for observables by name; of an antiferromagnet the sublattices are measured anyway.

    Raises:
        InputError: an unknown name; a model without a lattice, or one whose lattice hasn't got sublattices or
            isn't periodic in all directions, where these are needed; overlaps of an odd number of chains.
    """
    if isinstance(measure, str):
        raise InputError(f"measure: expected a list of names, got {measure!r}")
    unknown = [name for name in measure if name not in get_args(ObservableName)]
    if unknown:
        raise InputError(f"measure: expected names among {', '.join(get_args(ObservableName))}, got {unknown[0]!r}")
    if graph is None and {"sublattices", "correlations"} & set(measure):
        raise InputError("measure: expected a lattice (graph=…) for sublattices and correlations, got none")
    sublattice = None
    if graph is not None and ("sublattices" in measure or bool((energy.coupled_pairs()[2] < 0).all())):
        sublattice = sublattices(graph)
        if sublattice is None and "sublattices" in measure:
            raise InputError(
                "measure: sublattices expected a bipartite lattice, whose periodic sides are even, a triangular one "
                f"with sides that are multiples of 3, or kagome; got {graph.kind} of shape {graph.shape}"
            )
    if graph is not None and "correlations" in measure:
        check_periodic(graph)
    if "overlaps" in measure and chains % 2:
        raise InputError(f"chains: expected an even number to measure overlaps of pairs, got {chains}")
    return {"sublattice": sublattice, "correlations": "correlations" in measure, "overlaps": "overlaps" in measure}


def periodic_sizes(graph: Lattice | None) -> tuple[int, ...] | None:
    """The number of cells in each direction and of sites in a cell, if the lattice is periodic in all directions."""
    if graph is None or not all(graph.periodic):
        return None
    return (*graph.shape, graph.sites // int(np.prod(graph.shape)))


def chosen_update(energy: IsingEnergy) -> UpdateName:
    """Swendsen–Wang where no coupling is frustrated, otherwise sweeps."""
    try:
        check_clusters(energy)
    except InputError:
        return "sweeps"
    return "swendsen-wang"


def check_clusters(energy: IsingEnergy) -> None:
    """Raise `InputError` if the model is frustrated, so that clusters don't help."""
    pairs, fields = energy.pairs.detach(), energy.fields.detach()
    if energy.is_sparse and (pairs >= 0).all() and ((fields >= 0).all() or (fields <= 0).all()):
        return  # a ferromagnet, perhaps a large one, which needs no search
    SwendsenWang().init(Exact(energy), energy.fields.new_zeros(1, energy.bits))


def check_edges(energy: IsingEnergy, graph: Lattice) -> None:
    """Raise `InputError` unless the model lives on the lattice; a dense model may lack some of its edges."""
    i, j = energy.coupled_pairs()[:2] if energy.ends is None else energy.ends
    low, high = (np.sort(graph.edges, 1).astype(np.int64)).T
    wanted, there = low * graph.sites + high, i.cpu().numpy().astype(np.int64) * graph.sites + j.cpu().numpy()
    if np.array_equal(wanted, there):
        return  # as for a lattice of a kind, whose edges are in order
    wanted, there = np.sort(wanted), np.sort(there)
    same = np.isin(there, wanted).all() if energy.ends is None else np.array_equal(there, wanted)
    if not same:
        raise InputError(
            f"graph: expected the lattice of the model, with its {len(there)} edges, got one with others "
            f"({len(wanted)} edges of shape {graph.shape}); leave it out if the model is on no lattice"
        )
