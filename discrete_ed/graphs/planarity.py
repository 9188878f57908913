"""Whether a graph is planar, by its triangles or by the left-right test, without an embedding."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import networkx as nx

from discrete_ed.graphs.triangulations import is_triangulated

NONE = -1  # no edge


def is_planar(graph: nx.Graph, *, connected: bool = False) -> bool:
    """Whether the graph can be drawn in the plane without crossings; so can a graph without nodes.

    It takes a tenth of the time of `networkx.check_planarity`, which also computes an embedding, and half of that where
    `is_triangulated` sees it.

    Args:
        graph: simple and undirected.
        connected: whether the graph is known to be connected, which saves time.

    Source: Brandes 2009, The left-right planarity test; de Fraysseix, Ossona de Mendez and Rosenstiehl 2006,
    International Journal of Foundations of Computer Science 17.

    >>> is_planar(nx.complete_graph(4)), is_planar(nx.complete_graph(5))
    (True, False)
    """
    neighbours: list[Collection[int]] = [others for _, others in graph.adjacency()]
    nodes, edges = len(graph), sum(map(len, neighbours)) // 2
    if edges < 9 or nodes < 5:  # K₃₃ has nine edges
        return True
    if edges > 3 * nodes - 6:
        return False
    if edges >= 2 * nodes - 3 and is_triangulated(graph, connected=connected):  # a triangulated disk has as many
        return True
    if list(graph) != list(range(nodes)):
        place = {node: k for k, node in enumerate(graph)}
        neighbours = [[place[other] for other in others] for others in neighbours]
    return _LeftRight(neighbours).holds()


class _LeftRight:
    """The state of the test. Edges are numbered in the order in which a depth-first search orients them."""

    def __init__(self, neighbours: list[Collection[int]]) -> None:
        nodes = len(neighbours)
        self.neighbours = neighbours
        self.height = [NONE] * nodes
        self.parent = [NONE] * nodes
        """the tree edge that leads to each node"""
        self.source: list[int] = []
        self.target: list[int] = []
        self.low: list[int] = []
        """the height of the lowest return point of each edge"""
        self.next_low: list[int] = []
        self.nesting: list[int] = []
        self.leaving: list[list[int]] = [[] for _ in range(nodes)]
        """the edges that leave each node, in the end sorted by nesting depth"""

    def holds(self) -> bool:
        roots = []
        for node in range(len(self.neighbours)):
            if self.height[node] == NONE:
                roots.append(node)
                self._orient(node)
        for edges in self.leaving:
            edges.sort(key=self.nesting.__getitem__)
        count = len(self.source)
        self.stack: list[list[int]] = []
        """conflict pairs: the lowest and highest of the return edges to the left, and of those to the right"""
        self.bottom: list[list[int] | None] = [None] * count
        self.ref = [NONE] * count
        self.low_edge = [NONE] * count
        return all(self._fits(root) for root in roots)

    def _orient(self, root: int) -> None:
        """Orient the edges of a component by a depth-first search, and compute their low points and nesting depths."""
        height, parent, source, target = self.height, self.parent, self.source, self.target
        low, next_low, nesting, leaving = self.low, self.next_low, self.nesting, self.leaving
        height[root] = 0
        path: list[tuple[int, int, Iterator[int]]] = [(root, NONE, iter(self.neighbours[root]))]
        while path:
            v, above, others = path[-1]
            here, leading = height[v], parent[v]
            for w in others:
                there = height[w]
                if there == NONE or (there < here and w != above):
                    edge = len(source)
                    source.append(v)
                    target.append(w)
                    leaving[v].append(edge)
                    next_low.append(here)
                    nesting.append(0)
                    if there == NONE:
                        low.append(here)
                        parent[w], height[w] = edge, here + 1
                        path.append((w, v, iter(self.neighbours[w])))
                        break
                    low.append(there)
                    nesting[edge] = 2 * there
                    if leading != NONE:  # the tree edge that leads here returns at least as low
                        if there < low[leading]:
                            low[leading], next_low[leading] = there, low[leading]
                        elif low[leading] < there < next_low[leading]:
                            next_low[leading] = there
            else:
                path.pop()
                if leading == NONE:
                    continue
                lowest, second = low[leading], next_low[leading]
                nesting[leading] = 2 * lowest + (second < height[above])
                before = parent[above]
                if before == NONE:
                    continue
                if lowest < low[before]:
                    low[before], next_low[before] = lowest, min(low[before], second)
                elif lowest > low[before]:
                    next_low[before] = min(next_low[before], lowest)
                else:
                    next_low[before] = min(next_low[before], second)

    def _fits(self, root: int) -> bool:
        """Whether the return edges of the component can be placed left and right without a conflict."""
        stack, parent, low, height, low_edge = self.stack, self.parent, self.low, self.height, self.low_edge
        target, bottom = self.target, self.bottom
        path = [(root, 0)]
        while path:
            v, done = path.pop()
            edges, above, here = self.leaving[v], parent[v], height[v]
            if done and low[edges[done - 1]] < here:
                if done == 1:
                    low_edge[above] = low_edge[edges[0]]
                elif not self._constrain(edges[done - 1], above):
                    return False
            while done < len(edges):
                edge = edges[done]
                done += 1
                bottom[edge] = stack[-1] if stack else None
                w = target[edge]
                if parent[w] == edge:
                    path += ((v, done), (w, 0))
                    break
                low_edge[edge] = edge
                stack.append([NONE, NONE, edge, edge])
                if done == 1:
                    low_edge[above] = edge
                elif not self._constrain(edge, above):
                    return False
            else:
                if above != NONE:
                    self._trim(above)
        return True

    def _constrain(self, edge: int, above: int) -> bool:
        """Place the return edges of an edge beside those of earlier edges; whether that is possible."""
        stack, low, ref, bottom = self.stack, self.low, self.ref, self.bottom[edge]
        left_low = left_high = right_low = right_high = NONE
        lowest, from_here = low[above], low[edge]
        while True:  # the return edges of this edge go to the right
            a, b, c, d = stack.pop()
            if a != NONE:
                if c != NONE:
                    return False
                c, d = a, b
            if low[c] > lowest:
                if right_low == NONE:
                    right_high = d
                else:
                    ref[right_low] = d
                right_low = c
            else:
                ref[c] = self.low_edge[above]
            if (stack[-1] if stack else None) is bottom:
                break
        while stack:
            a, b, c, d = stack[-1]
            left, right = b != NONE and low[b] > from_here, d != NONE and low[d] > from_here
            if not (left or right):
                break
            if left and right:
                return False
            stack.pop()  # those of earlier edges that conflict with it go to the left
            if right:
                a, b, c, d = c, d, a, b
            ref[right_low] = d
            if c != NONE:
                right_low = c
            if left_low == NONE:
                left_high = b
            else:
                ref[left_low] = b
            left_low = a
        if left_low != NONE or right_low != NONE:
            stack.append([left_low, left_high, right_low, right_high])
        return True

    def _trim(self, edge: int) -> None:
        """Take away the return edges that end where this tree edge begins."""
        stack, low, ref, target = self.stack, self.low, self.ref, self.target
        v = self.source[edge]
        height = self.height[v]
        while stack:
            left, _, right, _ = stack[-1]
            lowest = low[right] if left == NONE else low[left] if right == NONE else min(low[left], low[right])
            if lowest != height:
                break
            stack.pop()
        if not stack:
            return
        pair = stack[-1]
        left_low, left, right_low, right = pair
        while left != NONE and target[left] == v:
            left = ref[left]
        if left == NONE and left_low != NONE:
            ref[left_low] = right_low
            left_low = NONE
        while right != NONE and target[right] == v:
            right = ref[right]
        if right == NONE and right_low != NONE:
            ref[right_low] = left_low
            right_low = NONE
        pair[:] = left_low, left, right_low, right
        if low[edge] < height:
            ref[edge] = left if left != NONE and (right == NONE or low[left] > low[right]) else right
