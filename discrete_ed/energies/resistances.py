"""Global features of graphs as electrical networks: resistances between nodes, communities, components and cycles."""

from __future__ import annotations

import torch
from torch import Tensor

SHIFTS = (1e-3, 0.03, 0.3)
"""ε of each resolvent, in units of a node's degree: nearly none, for components and cycles, and two for communities"""
FEATURES = 4 * len(SHIFTS)


def resistance_features(adjacency: Tensor, node: Tensor) -> Tensor:
    """Features of each pair of nodes that depend on the whole graph: `(B, n, n, 4 E)` for `E` shifts ε.

    An edge of weight `A_ij` is a resistor of conductance `A_ij`, and each node leaks with conductance ε. With the
    Laplacian `L` and `K = (L + ε I)^(−1)`, these are, for each ε,

    - `log(1 + r_ij)`, where `r_ij = R_ij / (1 − A_ij R_ij)` with `R_ij = K_ii + K_jj − 2 K_ij` is the resistance
      between `i` and `j` without the edge between them. For small ε it is the length of the path between two nodes of a
      tree, `c − 1` for the edges of a cycle of `c` edges, and at least `4 / (n ε)` for a bridge and for nodes in
      different components. It does not depend on the pair's own bit;
    - `log(1 + n ε K_ij)`, where `ε K_ij` is the probability that a random walk from `i` leaks out at `j`. For small ε
      that is 1 over the size of the component for nodes of one component; for larger ε it shows communities;
    - `log(1 + ε Σ_i K_ii)`, for small ε the number of components;
    - `log(1 + Σ_{i<j} A_ij − n + ε Σ_i K_ii)`, for small ε the number of independent cycles; 0 for forests.

    They are smooth in the weights, and permute as the nodes do. They are computed in double precision, since `1 − R_ij`
    of a bridge is as small as ε; this takes `O(n³)` operations for each ε.

    Args:
        adjacency: symmetric weights `A` in [0, 1] without loops, zero for absent nodes, `(B, n, n)`.
        node: 1 for nodes that exist, 0 for absent ones, `(B, n)`. Features of absent nodes mean nothing.

    Source: Klein and Randić 1993, J. Math. Chem. 12, 81–95 (resistance distances).

    >>> path = torch.diag_embed(torch.ones(1, 2), 1)
    >>> features = resistance_features(path + path.mT, torch.ones(1, 3))
    >>> features[0, 0, 2, 0].expm1()  # the resistance between the ends of a path of two edges
    tensor(1.9980)
    """
    a, exists = adjacency.double(), node.double()
    shifts = torch.tensor(SHIFTS, dtype=a.dtype, device=a.device)[:, None]
    n = exists.sum(-1)[:, None]
    laplacian = torch.diag_embed(a.sum(-1)) - a
    leaks = shifts * exists.unsqueeze(1) + (1 - exists).unsqueeze(1)  # those of absent nodes only keep them solvable
    k = torch.cholesky_inverse(torch.linalg.cholesky(laplacian.unsqueeze(1) + torch.diag_embed(leaks)))
    own = k.diagonal(dim1=-2, dim2=-1)
    resistance = own.unsqueeze(-1) + own.unsqueeze(-2) - 2 * k
    rest = resistance / (1 - a.unsqueeze(1) * resistance)
    components = (own * exists.unsqueeze(1)).sum(-1) * shifts[:, 0]
    cycles = a.sum((-1, -2))[:, None] / 2 - n + components
    of_pairs = torch.cat([rest, (n * shifts[:, 0])[..., None, None] * k], 1).permute(0, 2, 3, 1)
    of_graph = torch.cat([components, cycles], 1)[:, None, None]
    of_pairs, of_graph = (value.to(adjacency.dtype).clamp(min=0).log1p() for value in (of_pairs, of_graph))
    return torch.cat([of_pairs, of_graph.expand(*of_pairs.shape[:3], -1)], -1)
