"""A permutation-invariant energy over graphs, by message passing on dense batches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.energies.levels import LevelEmbedding

# Typical sizes of sums over neighbours, with and without their triangles as weights.
EDGE_SCALE, TRIANGLE_SCALE = 4.0, 16.0


class GraphEnergy(DenseGraphEnergy):
    """An energy of graphs with at most `N` nodes, invariant under permutations of the nodes.

    With `A` the adjacency matrix and `C = A ∘ A²` the number of triangles on every edge, each node starts from its
    degree `Σ_j A_ij`, its triangles `Σ_j C_ij / 2`, and the common neighbours that it shares with the others,
    `Σ_j≠i (A²)_ij²`, from which its four-cycles follow. A layer adds `f(g_i, Σ_j A_ij g_j, Σ_j C_ij g_j)` to the
    features `h_i` of each node, with `g` the normalised `h` (without the normalisation, dense graphs dominate the
    others early in training). The energy is a sum over nodes plus a function of the summed features and the graph's
    size. It is smooth in the bits, so `Taylor` may be used.

    States hold the upper triangle of the adjacency matrix with the diagonal, `D = N (N + 1) / 2` bits; node bits are
    frozen, and an edge bit is free where both of its nodes exist. Edge bits of absent nodes have no effect.

    Args:
        max_nodes: the largest number of nodes `N`.
        width: node features.
        layers: rounds of message passing.
        noise_levels: whether the energy takes a noise level `t`, whose features are added in every layer; see
            `NoiseConditionalEnergy`.

    >>> energy = GraphEnergy(max_nodes=4)
    >>> path, same_path = torch.zeros(2, 4, 4)
    >>> path[[0, 1, 2, 0, 1], [0, 1, 2, 1, 2]] = 1  # nodes 0, 1, 2; edges 0-1 and 1-2
    >>> same_path[[1, 2, 3, 1, 1], [1, 2, 3, 2, 3]] = 1  # nodes 1, 2, 3; edges 1-2 and 1-3
    >>> from discrete_ed.states import from_matrix
    >>> torch.allclose(energy(from_matrix(path)), energy(from_matrix(same_path)))
    True
    """

    def __init__(self, max_nodes: int, *, width: int = 64, layers: int = 4, noise_levels: bool = False) -> None:
        super().__init__(max_nodes, noise_levels=noise_levels)
        self.width = width
        self.embed = nn.Sequential(nn.Linear(4, width), nn.SiLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(3 * width, width), nn.SiLU(), nn.Linear(width, width)) for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers + 1))
        self.node_energy = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))
        self.graph_energy = nn.Sequential(nn.Linear(width + 1, width), nn.SiLU(), nn.Linear(width, 1))
        if noise_levels:
            self.level = LevelEmbedding((layers + 1) * width)

    def memory(self, nodes: Tensor, *, with_gradient_of_states: bool) -> Tensor:
        """About how many bytes it takes to evaluate graphs with these numbers of nodes and one gradient, `(...)`.

        `4 (c n² + n w (a + b L))` with the width `w` and `L` layers; `a`, `b` and `c` were fitted to measured peaks,
        from which they are at most a quarter off. The tensors of matrices dominate for more than about `10 w L` nodes.

        Args:
            nodes: numbers of nodes `n`, `(...)`.
            with_gradient_of_states: whether the gradient is that of the states, as `Taylor` takes it, or that of the
                parameters, as training does.
        """
        n, layers = nodes.double(), len(self.layers)
        c, a, b = (20, 10, 10) if with_gradient_of_states else (8, 4, 8)
        return 4 * (c * n**2 + n * self.width * (a + b * layers))

    def dense(self, matrix: Tensor, level: Tensor | None) -> Tensor:
        node = matrix.diagonal(dim1=-2, dim2=-1)
        a = (matrix - torch.diag_embed(node)) * node.unsqueeze(-1) * node.unsqueeze(-2)
        a2 = a @ a
        c = a * a2
        shared = a2.square().sum(-1) - a2.diagonal(dim1=-2, dim2=-1).square()
        size = node.sum(-1, keepdim=True) / self.max_nodes
        features = torch.stack([a.sum(-1), c.sum(-1) / 2, shared, size.expand_as(node)], -1)
        h = self.embed(features.log1p())
        node = node.unsqueeze(-1)
        ac = torch.stack([a / EDGE_SCALE, c / TRIANGLE_SCALE], -1).flatten(-2)
        *before, last = self.norms
        shifts = None if level is None else level.unsqueeze(-2).chunk(len(self.norms), -1)
        for number, (norm, layer) in enumerate(zip(before, self.layers, strict=True)):
            g = norm(h) if shifts is None else norm(h) + shifts[number]
            h = h + _layer(layer, g, ac)
        h = last(h) if shifts is None else last(h) + shifts[-1]
        whole = torch.cat([(h * node).sum(-2) / self.max_nodes, size], -1)
        return ((self.node_energy(h) * node).sum(-2) + self.graph_energy(whole)).squeeze(-1)


def _layer(layer: nn.Module, g: Tensor, ac: Tensor) -> Tensor:
    """A layer on `(g, a g, c g)`, features of every node `(B, n, w)`: `(B, n, w)`.

    Its first linear map comes before the sums over neighbours, so that one product with `ac`, `(B, n, 2 n)`, whose
    columns are those of `a` and `c` in turn, makes both sums, and nothing is joined.
    """
    assert isinstance(layer, nn.Sequential)
    first, activation, second = layer
    assert isinstance(first, nn.Linear)
    batch, n, width = g.shape
    rows = g.reshape(-1, width)
    own, near, triangles = first.weight.split(width, 1)
    messages = (rows @ torch.cat([near, triangles]).t()).view(batch, 2 * n, width)
    total = torch.baddbmm(torch.addmm(first.bias, rows, own.t()).view(g.shape), ac, messages)
    result: Tensor = second(activation(total))
    return result
