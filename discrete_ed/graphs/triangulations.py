"""A quick proof that a graph is planar, for graphs of triangles only, such as Delaunay triangulations."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx


def is_triangulated(graph: nx.Graph, *, connected: bool = False) -> bool:
    """Whether the graph is seen to triangulate a disk or a sphere; then it is planar. Other planar graphs are not.

    First, nodes with three neighbours that are neighbours of each other are taken away. Their triangles are kept, since
    such a node can be put back into a face, but no two of them into the same. What is left is planar if its triangles
    form a disk or a sphere, that is, if it is connected, the neighbours of each node form a single path or cycle, and

        nodes − edges + triangles = 1 with a path, or 2 without.

    Sets of nodes are the bits of whole numbers, which makes this several times faster than a test of planarity.

    Args:
        graph: simple and undirected.
        connected: whether the graph is known to be connected, which then isn't tested.

    >>> is_triangulated(nx.complete_graph(4)), is_triangulated(nx.complete_graph(5)), is_triangulated(nx.cycle_graph(4))
    (True, False, False)
    """
    bits = [1 << place for place in range(len(graph))]
    bit_of = dict(zip(graph, bits, strict=True)).__getitem__
    near = [sum(map(bit_of, others)) for _, others in graph.adjacency()]
    left = _without_filled_triangles(near)
    if not left:
        return False
    near_of = dict(zip(bits, near, strict=True))
    degrees = ends = 0
    try:
        for others in filter(None, near):
            start = others & -others
            both = near_of[start] & others  # the neighbours of one neighbour on the path or cycle that they form
            before, at, passed = start, both & -both, 1
            last = both ^ at
            while at and at != start:  # towards one side
                before, at, passed = at, near_of[at] & others ^ before, passed + 1
            if not at:
                ends += 2  # of a path
                before, at = start, last
                while at:  # towards the other side
                    before, at, passed = at, near_of[at] & others ^ before, passed + 1
            degree = others.bit_count()
            if not both or passed != degree:
                return False
            degrees += degree
    except KeyError:  # two bits: a place with more than two neighbours among the others
        return False
    if left.bit_count() - degrees // 2 + (2 * degrees - ends) // 6 != (1 if ends else 2):
        return False
    if connected:  # as is what is left of it
        return True
    reached = waiting = left & -left
    while waiting:
        place = waiting.bit_length() - 1
        more = near[place] & ~reached
        reached |= more
        waiting = waiting ^ bits[place] | more
    return reached == left


def _without_filled_triangles(near: list[int]) -> int:
    """Take away, in place, the nodes that fill triangles; the nodes that are left, or 0 if two fill the same one."""
    left, filled = (1 << len(near)) - 1, set()
    waiting = [node for node, others in enumerate(near) if others.bit_count() == 3]
    while waiting:
        node = waiting.pop()
        others = near[node]
        if others.bit_count() != 3 or any(others & ~near[place] != 1 << place for place in _places(others)):
            continue
        if others in filled:
            return 0
        filled.add(others)
        left ^= 1 << node
        near[node] = 0
        for place in _places(others):
            near[place] ^= 1 << node
            if near[place].bit_count() == 3:
                waiting.append(place)
    return left


def _places(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
