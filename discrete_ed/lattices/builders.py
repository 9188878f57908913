"""Lattices of any size, as lists of their edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.lattices.kinds import KINDS
from discrete_ed.names import LatticeName
from discrete_ed.runtime.memory import check_fits

if TYPE_CHECKING:
    import networkx as nx

Boundary = Literal["periodic", "open"]
Offset = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Lattice:
    """The sites and the edges of a lattice.

    Cell `c = (c_1, …, c_d)` of the shape has the number `c` in row-major order, and its `k`-th site of a basis of `b`
    has the number `b · c + k`; most lattices have one site in each cell.

    >>> square = lattice((3, 4), boundary="open")
    >>> square.sites, square.edges.shape
    (12, (17, 2))
    """

    kind: str
    """name of the kind, or `offsets`"""
    shape: tuple[int, ...]
    """number of cells in each direction"""
    periodic: tuple[bool, ...]
    """whether each direction is periodic"""
    sites: int
    """number of sites"""
    edges: NDArray[np.int32]
    """pairs of neighbours, `(E, 2)`, the smaller number first, each once, in order"""
    edge_kinds: NDArray[np.int8]
    """for each edge the number of the offset, or of the list of offsets, that it belongs to, `(E,)`"""

    def __len__(self) -> int:
        return self.sites

    def number_of_nodes(self) -> int:
        """The number of sites."""
        return self.sites

    def number_of_edges(self) -> int:
        """The number of pairs of neighbours."""
        return len(self.edges)

    def neighbors(self, site: int) -> list[int]:
        """The neighbours of a site, in order."""
        i, j = self.edges.T
        return sorted([*j[i == site].tolist(), *i[j == site].tolist()])

    def positions(self) -> NDArray[np.float64]:
        """Where the sites lie, `(sites, d)`, with edges of length 1 for lattices of a kind."""
        kind = KINDS[self.kind] if self.kind in KINDS else KINDS["hypercubic"]
        cells = np.stack(np.unravel_index(np.arange(int(np.prod(self.shape))), self.shape), 1).astype(float)
        vectors, basis = kind.geometry(len(self.shape))
        return ((cells @ vectors)[:, None, :] + basis).reshape(-1, len(self.shape))

    def to_networkx(self) -> nx.Graph:
        """The lattice as a networkx graph, sites numbered from 0."""
        import networkx as nx

        graph = nx.Graph()
        graph.add_nodes_from(range(self.sites))
        graph.add_edges_from(self.edges.tolist())
        return graph


def lattice(
    shape: int | Sequence[int],
    dimension: int | None = None,
    *,
    kind: LatticeName = "hypercubic",
    boundary: Boundary | Sequence[Boundary] | None = None,
    periodic: bool | None = None,
    offsets: Sequence[Offset | Sequence[Offset]] | None = None,
) -> Lattice:
    """A lattice, with its sites numbered row by row.

    In a periodic direction of two cells, two sites that would have two bonds, one on either side, have a single one,
    where textbooks count two; a direction of one cell has no bonds along itself.

    Args:
        shape: the number of cells in each direction, or one number for all of them.
        dimension: the number of directions, if `shape` is one number; by default that of the kind (2 for hypercubic).
        kind: "hypercubic" (any dimension: chain, square, cubic), "chain", "square", "cubic", "triangular",
            "honeycomb", "kagome", "bcc", "fcc".
        boundary: "periodic" or "open", for all directions or one for each; periodic by default.
        periodic: the same as a bool for all directions.
        offsets: instead of a kind, the neighbours of a site as steps of cells, such as `[(1, 0), (0, 1)]` for the
            square lattice; each step also means its reverse. A list of lists gives each inner list a number in
            `edge_kinds`: `[[(1, 0), (0, 1)], [(1, 1), (1, -1)]]` has J1 and J2.

    Raises:
        InputError: a size below 1, a shape that doesn't fit the kind or the offsets, a lattice of one site without
            bonds, an offset twice; a lattice that would not fit into memory.

    >>> lattice(4).number_of_edges(), lattice(4, periodic=False).number_of_edges()
    (32, 24)
    >>> lattice((6, 6), kind="triangular").number_of_edges(), lattice(4, kind="honeycomb").sites
    (108, 32)
    """
    if kind not in get_args(LatticeName):
        raise InputError(f"kind: expected one of {', '.join(get_args(LatticeName))}, got {kind!r}")
    if offsets is not None and kind != "hypercubic":
        raise InputError(f"offsets: expected no kind of lattice beside them, got {kind}")
    flat = None if offsets is None else _flat(offsets)
    sizes = _shape(shape, dimension, kind, flat)
    open_or_not = _periodic(boundary, periodic, len(sizes))
    for step in flat or []:
        if not any(by % size if around else by for by, size, around in zip(step, sizes, open_or_not, strict=True)):
            raise InputError(f"offsets: expected steps that lead to another cell, got {step} on a shape of {sizes}")
    if offsets is None:
        plan = KINDS[kind]
        bonds = [(a, b, step, 0) for a, b, step in plan.bonds(len(sizes))]
        basis, name = plan.basis_size, str(kind)
    else:
        groups = [[each] if _is_step(each) else list(each) for each in offsets]
        bonds = [(0, 0, tuple(step), k) for k, group in enumerate(groups) for step in group]  # type: ignore[arg-type]
        basis, name = 1, "offsets"
    sites = basis * int(np.prod(sizes, dtype=object))
    check_fits(40 * sites * max(len(bonds), 1), "shape", f"a lattice of {sites:,} sites", "take a smaller one")
    edges, kinds = _edges(sizes, open_or_not, basis, bonds)
    return Lattice(name, sizes, open_or_not, sites, edges, kinds)


def _whole(number: object) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def _is_step(each: object) -> bool:
    return isinstance(each, Sequence) and len(each) > 0 and all(map(_whole, each))


def _flat(offsets: Sequence[Offset | Sequence[Offset]]) -> list[Offset]:
    if not isinstance(offsets, Sequence):
        raise InputError(f"offsets: expected steps such as [(1, 0), (0, 1)], got {offsets!r}")
    flat: list[Offset] = []
    for each in offsets:
        steps = [each] if _is_step(each) else each
        if not isinstance(steps, Sequence) or not steps or not all(map(_is_step, steps)):
            raise InputError(f"offsets: expected steps of whole numbers such as (1, 0), or lists of them, got {each!r}")
        flat += steps  # type: ignore[arg-type]
    seen: set[Offset] = set()
    for step in map(tuple, flat):
        back = tuple(-part for part in step)
        if not any(step) or len(step) != len(flat[0]):
            raise InputError(f"offsets: expected steps of one length that lead to another cell, got {step}")
        if step in seen or back in seen:
            raise InputError(f"offsets: expected each step once, since it also means its reverse, got {step} twice")
        seen.add(step)
    if not flat:
        raise InputError("offsets: expected at least one step, got none")
    return flat


def _shape(
    shape: int | Sequence[int], dimension: int | None, kind: LatticeName, flat: list[Offset] | None
) -> tuple[int, ...]:
    if not all(map(_whole, shape if isinstance(shape, Sequence) else [shape])):
        raise InputError(f"shape: expected whole numbers of cells, got {shape!r}")
    if dimension is not None and not _whole(dimension):
        raise InputError(f"dimension: expected a whole number, got {dimension!r}")
    own = len(flat[0]) if flat else KINDS[kind].dimension
    if isinstance(shape, int | np.integer):
        dimensions = dimension if dimension is not None else own or 2
        if dimensions < 1:
            raise InputError(f"side, dimension: expected a dimension of at least 1, got {dimensions}")
        sizes = (int(shape),) * dimensions
    elif dimension is not None and dimension != len(shape):
        raise InputError(f"dimension: expected {len(shape)}, the length of the shape, got {dimension}")
    else:
        sizes = tuple(int(size) for size in shape)
    if own is not None and len(sizes) != own:
        raise InputError(f"shape: expected {own} sizes, got {len(sizes)}")
    if not sizes or min(sizes) < 1 or max(sizes) < 2:
        raise InputError(f"shape: expected sides of at least 1, one of them at least 2, got {sizes}")
    return sizes


def _periodic(boundary: Boundary | Sequence[Boundary] | None, periodic: bool | None, d: int) -> tuple[bool, ...]:
    if periodic is not None:
        if boundary is not None:
            raise InputError("periodic: expected only one of boundary and periodic, got both")
        return (bool(periodic),) * d
    each = [boundary or "periodic"] * d if boundary is None or isinstance(boundary, str) else list(boundary)
    if len(each) != d or not all(name in get_args(Boundary) for name in each):
        raise InputError(f"boundary: expected 'periodic' or 'open', or one of them for each of {d} directions, got "
                         f"{boundary!r}")  # fmt: skip
    return tuple(name == "periodic" for name in each)


def _edges(
    sizes: tuple[int, ...], periodic: tuple[bool, ...], basis: int, bonds: list[tuple[int, int, Offset, int]]
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """All edges in order, and their kinds; bonds `(a, b, step, kind)` join site `a` of a cell to `b` of another one."""
    cells = np.arange(int(np.prod(sizes)), dtype=np.int64 if basis * np.prod(sizes) > 2**31 - 1 else np.int32)
    cells = cells.reshape(sizes)
    starts, ends, kinds = [], [], []
    for a, b, step, kind in bonds:
        here, there = cells, cells
        for axis, (size, by, around) in enumerate(zip(sizes, step, periodic, strict=True)):
            if around:
                there = np.roll(there, -by, axis)
            elif by:
                keep = np.arange(max(0, -by), max(max(0, -by), min(size, size - by)))
                here, there = here.take(keep, axis), there.take(keep + by, axis)
        one, other = basis * here.ravel() + a, basis * there.ravel() + b
        starts.append(np.minimum(one, other))
        ends.append(np.maximum(one, other))
        kinds.append(np.full(len(one), kind, np.int8))
    low, high, which = np.concatenate(starts), np.concatenate(ends), np.concatenate(kinds)
    del starts, ends, kinds
    if (low == high).any():  # around a periodic direction of one cell
        low, high, which = (part[low != high] for part in (low, high, which))
    key = low.astype(np.int64) * (basis * cells.size) + high
    order = np.argsort(key, kind="stable")
    key = key[order]
    keep = np.ones(len(order), bool)
    np.not_equal(key[1:], key[:-1], out=keep[1:])
    del key
    mixed = ~keep & np.r_[False, which[order][1:] != which[order][:-1]]
    if mixed.any():
        pair = int(low[order][mixed][0]), int(high[order][mixed][0])
        raise InputError(f"shape: expected sides on which no edge has two kinds, got {sizes}, where {pair} has")
    order = order[keep]
    return np.stack([low[order], high[order]], 1).astype(np.int32), which[order]
