"""Triangles and cliques of four nodes at each pair of nodes of a graph."""

from __future__ import annotations

import torch
from torch import Tensor

from discrete_ed.energies.triangles import triangle_places

FEATURES = 2
"""the number of features of each pair"""


def clique_features(adjacency: Tensor) -> Tensor:
    """How two nodes are connected through their common neighbours, for each pair `i ≤ j`: `(B, T, 2)`.

    - `log(1 + c_ij)` with `c_ij = Σ_k A_ik A_jk`, the number of common neighbours: of triangles at an edge;
    - `log(1 + q_ij)` with `q_ij = ½ Σ_kl A_ik A_jk A_kl A_il A_jl`, the number of edges among common neighbours: of
      cliques of four nodes at an edge. Products of features of pairs can't count these.

    Neither depends on the pair's own bit, both are smooth in the weights. In a planar triangulation nearly all edges
    have two common neighbours, and an edge that crosses another makes a clique of four nodes. They take `O(n⁴)`
    operations.

    Args:
        adjacency: symmetric weights `A` in [0, 1] without loops, zero for absent nodes, `(B, n, n)`.

    >>> square = torch.tensor([[0.0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    >>> square[1, 3] = square[3, 1] = 1  # with one diagonal
    >>> clique_features(square[None]).expm1()[0, 2]  # the nodes 0 and 2, which the other diagonal joins
    tensor([2., 1.])
    """
    n = adjacency.shape[-1]
    upper = triangle_places(n, adjacency.device).upper
    rows, columns = upper // n, upper % n
    common = adjacency.index_select(1, rows) * adjacency.index_select(1, columns)
    edges = (common @ adjacency * common).sum(-1) / 2
    return torch.stack([common.sum(-1), edges], -1).log1p()
