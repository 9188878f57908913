"""Exact sums over Ising models: by their treewidth where couplings are sparse, by Gray code up to 26 spins."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.base import check_kind
from discrete_ed.errors import InputError
from discrete_ed.names import GRAY_BITS
from discrete_ed.samplers.interactions import loops

if TYPE_CHECKING:
    import networkx as nx

WIDEST = 18
"""the largest treewidth over which is summed: a table of 2^19 numbers"""
MOST_FILLED = 300
"""number of spins up to which the elimination order is chosen by least fill-in, which is slower than by degree"""

Table = NDArray[np.float64]
Factor = tuple[tuple[int, ...], Table]
"""spins in increasing order, and the logarithms of weights by their values, with an axis for each"""


def treewidth_log_z(energy: IsingEnergy) -> float | None:
    """`log Z` of an Ising model by variable elimination along a tree decomposition; None if it is too wide.

    The graph has an edge for each nonzero coupling. Each bag of the decomposition is summed over the spins that the
    bag above doesn't have, in time and memory `2^(w + 1)` for the treewidth `w` that is found: 1 for a tree, the
    shorter side for a lattice with open borders, and about twice that for a torus.

    Raises:
        InputError: an energy that isn't an `IsingEnergy`.

    Source: Lauritzen and Spiegelhalter 1988, Journal of the Royal Statistical Society B 50, 157–224.

    >>> import torch
    >>> chain = IsingEnergy(torch.diag(torch.full((99,), 0.5), 1) + torch.diag(torch.full((99,), 0.5), -1))
    >>> round(treewidth_log_z(chain), 4)  # log 2 + 99 log(2 cosh ½)
    81.2061
    """
    import networkx as nx

    check_kind(energy, IsingEnergy)
    i, j, value = (part.tolist() for part in energy.coupled_pairs())  # of a sparse model without a dense matrix
    couplings = dict(zip(zip(i, j, strict=True), value, strict=True))
    fields = energy.fields.detach().double().cpu().numpy()
    graph = nx.Graph(list(couplings))
    graph.add_nodes_from(range(len(fields)))
    if max(nx.core_number(graph).values(), default=0) > WIDEST:  # the treewidth is at least the degeneracy
        return None
    if len(graph) <= MOST_FILLED:
        width, decomposition = nx.approximation.treewidth_min_fill_in(graph)
    else:
        width, decomposition = _by_degree(graph)
    if width > WIDEST:
        return None
    total = 0.0
    homes: dict[Any, list[Factor]] = {bag: [] for bag in decomposition}
    for scope, table in _factors(couplings, fields):
        homes[next(bag for bag in decomposition if bag.issuperset(scope))].append((scope, table))
    for tree in nx.connected_components(decomposition):
        root = next(iter(tree))
        order = list(nx.dfs_postorder_nodes(decomposition, root))
        above = {child: parent for parent, child in nx.dfs_edges(decomposition, root)}
        for bag in order:
            parent = above.get(bag)
            kept = bag & parent if parent is not None else frozenset()
            scope, table = _sum_out(sorted(bag), homes[bag], kept)
            if parent is None:
                total += float(table)
            else:
                homes[parent].append((scope, table))
    return total


def _factors(couplings: dict[tuple[int, int], float], fields: Table) -> list[Factor]:
    """The logarithm of the weight of every spin and of every pair, as tables over the values −1 and 1."""
    spin = np.array([-1.0, 1.0])
    found: list[Factor] = [((i,), h * spin) for i, h in enumerate(fields.tolist())]
    found += [(pair, value * np.outer(spin, spin)) for pair, value in couplings.items()]
    return found


def _by_degree(graph: nx.Graph) -> tuple[int, nx.Graph]:
    """`treewidth_min_degree` of networkx, which would take minutes over a lattice of 256 × 256; here it ends at the
    first bag that is too wide, with a width that is too large."""
    from networkx.algorithms.approximation.treewidth import MinDegreeHeuristic, treewidth_decomp

    heuristic = MinDegreeHeuristic(graph)

    def node_of_least_degree(rest: nx.Graph) -> Any:
        node = heuristic.best_node(rest)
        if node is not None and len(rest[node]) > WIDEST:
            raise _TooWide
        return node

    try:
        return treewidth_decomp(graph, node_of_least_degree)
    except _TooWide:
        return WIDEST + 1, graph


class _TooWide(Exception):
    pass


def _sum_out(bag: list[int], factors: list[Factor], kept: frozenset[int]) -> Factor:
    """The sum of the product of factors over the spins of a bag that aren't kept; all as logarithms."""
    shapes = ([2 if i in scope else 1 for i in bag] for scope, _ in factors)
    tables = (table.reshape(shape) for (_, table), shape in zip(factors, shapes, strict=True))
    total = reduce(np.add, tables, np.zeros([2] * len(bag)))
    axes = tuple(k for k, i in enumerate(bag) if i not in kept)
    return tuple(i for i in bag if i in kept), np.logaddexp.reduce(total, axis=axes) if axes else total


def gray_log_z(energy: IsingEnergy) -> float | None:
    """`log Z` of an Ising model of at most 26 spins, whose states follow each other by single flips (Gray code).

    None if the compiled loops are missing. 24 spins take about a second.

    Raises:
        InputError: more spins, or an energy that isn't an `IsingEnergy`.

    >>> round(gray_log_z(IsingEnergy(10)), 4)  # 10 log 2
    6.9315
    """
    check_kind(energy, IsingEnergy)
    bits = energy.bits
    if bits > GRAY_BITS:
        raise InputError(f"bits: expected at most {GRAY_BITS} to visit all states, got {bits}")
    couplings, fields = (p.detach().double().cpu().numpy() for p in (energy.couplings, energy.fields))
    if loops() is None:
        return None
    from discrete_ed.likelihood import loops as own

    inner = min(bits, 14)
    parts = [own.gray(couplings, fields, high, inner) for high in range(2 ** (bits - inner))]
    return float(np.logaddexp.reduce(parts))
