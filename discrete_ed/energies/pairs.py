"""A permutation-invariant energy over graphs that keeps features of every pair of nodes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from discrete_ed.energies.cliques import FEATURES as CLIQUE_FEATURES
from discrete_ed.energies.cliques import clique_features
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.energies.levels import LevelEmbedding
from discrete_ed.energies.resistances import FEATURES as RESISTANCE_FEATURES
from discrete_ed.energies.resistances import resistance_features
from discrete_ed.energies.triangles import to_square, to_triangle, triangle_places
from discrete_ed.errors import InputError

# Typical size of n (S^k)_ij, which is near 1 between far nodes and n / (1 + degree) between neighbours.
WALK_SCALE = 4.0


class PairGraphEnergy(DenseGraphEnergy):
    """An energy of graphs with at most `N` nodes, invariant under permutations, with features of all pairs of nodes.

    Each pair `(i, j)` starts from its bit `A_ij`, whether `i = j`, the degrees of both nodes, the graph's size, and the
    random-walk features `n (S^k)_ij / 4` for `k = 1 … K`, where `S = D^(−½) (A + I) D^(−½)` is the symmetric form
    of a walk that may also stay, with `D` the degrees plus 1. They are close to linear in each bit, so that `Taylor` is
    close to the exact differences. With `resistances` it also starts from features of the whole graph, which show
    components, cycles, bridges and communities; see `resistance_features`. With `cliques` it also starts from the
    numbers of triangles and of cliques of four nodes at the pair, which the layers can't count; see `clique_features`.

    A layer multiplies the feature matrices, `P_c = G_c G_c` for each of `C` linear combinations `G_c` of the normalised
    features, and adds `f(g_ij, P_ij / √n)` to the features of each pair: the step of the 2-dimensional
    Weisfeiler–Leman test in its "folklore" form, which sees triangles, cycles and distances that sums over neighbours
    can't. The energy is `½ Σ_ij (A_ij α_ij + β_ij / n)` with two functions α, β of a pair's features, plus a function
    of the features' mean and the graph's size. It is smooth in the bits, so `Taylor` may be used.

    All features are symmetric, so those of the pairs `i ≤ j` are kept, and both halves of a matrix only for products.
    An evaluation takes `O(C n³ + C² n²)` operations for each layer, where `GraphEnergy` takes `O(C n²)`: the price for
    what it tells apart.

    Args:
        max_nodes: the largest number of nodes `N`.
        width: features `C` of each pair.
        layers: rounds of products.
        walks: K, the longest random walk among the features; 0 for none.
        resistances: whether there are features of the graph as an electrical network.
        cliques: whether there are features of triangles and cliques of four nodes, see `clique_features`.
        noise_levels: whether the energy takes a noise level `t`; see `NoiseConditionalEnergy`.
        denoiser: whether the features also predict the edges of the data from a noisy graph, see `predict`; only with
            noise levels.

    Raises:
        InputError: fewer than one node, or a denoiser without noise levels.

    Source: Maron et al. 2019, arXiv 1905.11136 (products of pair features); random-walk features: Ma et al. 2023,
    arXiv 2305.17589.

    >>> energy = PairGraphEnergy(max_nodes=4, width=8, layers=1)
    >>> path, same_path = torch.zeros(2, 4, 4)
    >>> path[[0, 1, 2, 0, 1], [0, 1, 2, 1, 2]] = 1  # nodes 0, 1, 2; edges 0-1 and 1-2
    >>> same_path[[1, 2, 3, 1, 1], [1, 2, 3, 2, 3]] = 1  # nodes 1, 2, 3; edges 1-2 and 1-3
    >>> from discrete_ed.states import from_matrix
    >>> torch.allclose(energy(from_matrix(path)), energy(from_matrix(same_path)))
    True
    """

    growth, group_cost = 2, 2000

    def __init__(
        self,
        max_nodes: int,
        *,
        width: int = 16,
        layers: int = 3,
        walks: int = 8,
        resistances: bool = False,
        cliques: bool = False,
        noise_levels: bool = False,
        denoiser: bool = False,
    ) -> None:
        super().__init__(max_nodes, noise_levels=noise_levels)
        if denoiser and not noise_levels:
            raise InputError("denoiser: expected noise_levels=True with it, since it predicts data from noisy graphs")
        self.denoiser = denoiser
        self.width, self.walks, self.resistances, self.cliques = width, walks, resistances, cliques
        self.pair_values = 2 * width
        inputs = 4 + walks + resistances * RESISTANCE_FEATURES + cliques * CLIQUE_FEATURES
        self.embed = nn.Sequential(nn.Linear(inputs, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers + 1))
        self.factors = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
            for _ in range(layers)
        )
        self.pair_energy = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))
        self.graph_energy = nn.Sequential(nn.Linear(width + 1, 2 * width), nn.SiLU(), nn.Linear(2 * width, 1))
        if noise_levels:
            self.level = LevelEmbedding((layers + 1) * width)
        if denoiser:
            self.edge_log_odds = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def memory(self, nodes: Tensor, *, with_gradient_of_states: bool) -> Tensor:
        each = self.width * (10 + (13 if with_gradient_of_states else 11) * len(self.layers)) + 3 * self.walks + 10
        each += (80 if with_gradient_of_states else 12) * self.resistances  # in double precision, and as features
        thirds = (5 if with_gradient_of_states else 3) * self.cliques * nodes.double()  # of each third node
        return 0.6 * 4 * (each + thirds) * nodes.double() ** 2  # of pairs `i ≤ j`, and both halves of the factors

    def dense(self, matrix: Tensor, level: Tensor | None) -> Tensor:
        node, a, pair, h = self._pairs(matrix, level)
        size = node.sum(-1, keepdim=True).clamp(min=1)
        alpha, beta = self.pair_energy(h).unbind(-1)
        share = pair * triangle_places(matrix.shape[-1], matrix.device).share.to(pair.dtype)  # of Σ_ij / 2
        mean = 2 * (h * share.unsqueeze(-1)).sum(1) / size**2
        of_graph = self.graph_energy(torch.cat([mean, size / self.max_nodes], -1)).squeeze(-1)
        return (a * alpha + share * beta / size).sum(1) + of_graph

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        """For noisy graphs `(..., D)` at levels `(...)`, by how much the log odds of every bit of the data exceed those
        of the noise's density: `(..., D)`. Only those of edges between existing nodes mean something."""

        def edges(matrix: Tensor, level: Tensor | None) -> Tensor:
            *_, h = self._pairs(matrix, level)
            odds, n = self.edge_log_odds(h).squeeze(-1), matrix.shape[-1]
            bits = triangle_places(self.max_nodes, x.device).cells[:n, :n].flatten()
            bits = bits.index_select(0, triangle_places(n, x.device).upper)
            return odds.new_zeros(len(odds), self.bits).index_copy(1, bits, odds)

        return self._by_size(x, t, edges).view(x.shape)

    def _pairs(self, matrix: Tensor, level: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Nodes `(B, n)`; and for the `T` pairs `i ≤ j` their edges and whether both nodes exist, `(B, T)`, and their
        features after all layers, `(B, T, C)`."""
        node = matrix.diagonal(dim1=-2, dim2=-1)
        exist = node.unsqueeze(-1) * node.unsqueeze(-2)
        adjacency = (matrix - torch.diag_embed(node)) * exist
        n = node.sum(-1).clamp(min=1)[:, None, None]
        a, pair = to_triangle(torch.stack([adjacency, exist], -1)).unbind(-1)
        features = to_triangle(self._features(adjacency, node, n))
        if self.cliques:
            features = torch.cat([features, clique_features(adjacency)], -1)
        h = self.embed(features)
        mask = pair.unsqueeze(-1)
        shifts = None if level is None else level[:, None].chunk(len(self.norms), -1)
        *before, last = self.norms
        for number, (norm, factor, layer) in enumerate(zip(before, self.factors, self.layers, strict=True)):
            g = norm(h) if shifts is None else norm(h) + shifts[number]
            factors = to_square(factor(g) * mask, node.shape[-1]).permute(0, 3, 1, 2)
            product = to_triangle((factors @ factors).permute(0, 2, 3, 1)) / n.sqrt()
            h = h + layer(torch.cat([g, product], -1))
        return node, a, pair, last(h) if shifts is None else last(h) + shifts[-1]

    def _features(self, a: Tensor, node: Tensor, n: Tensor) -> Tensor:
        """Features of each pair before the first layer: `(B, n, n, F)`."""
        same = torch.diag_embed(node)
        degree = a.sum(-1)
        scale = node / (1 + degree).sqrt()
        step = (a + same) * scale.unsqueeze(-1) * scale.unsqueeze(-2)
        walks = [step] if self.walks else []
        while len(walks) < self.walks:
            walks.append(walks[-1] @ step)
        degrees = degree.log1p()
        both = degrees.unsqueeze(-1) + degrees.unsqueeze(-2)
        size = (n / self.max_nodes).expand_as(a)
        features = torch.stack([a, same, both, size, *(n * walk / WALK_SCALE for walk in walks)], -1)
        return torch.cat([features, resistance_features(a, node)], -1) if self.resistances else features
