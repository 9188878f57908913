"""Potts models: pairwise couplings between the values of categorical variables, dense or sparse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from discrete_ed.energies.base import Energy
from discrete_ed.energies.coupling_graphs import graph_parameters
from discrete_ed.energies.couplings import Pairs, as_floats, check_finite, check_pairs, edge_couplings
from discrete_ed.errors import InputError, check_count
from discrete_ed.groups import Groups
from discrete_ed.names import KernelName

if TYPE_CHECKING:
    import networkx as nx

CHUNK_PAIRS = 2**24  # states × pairs of a sparse model that are evaluated at once, which bounds the memory


class PottsEnergy(Energy):
    """`E(x) = −Σ_{i<j} J_ij x_i x_j − bᵀx` over bits that are tied into groups: the Potts model in its general form.

    With equal couplings between equal values of neighbours, as `from_edges` makes them, it is the model of Potts,
    `E(s) = −Σ_{⟨uv⟩} J_uv δ(s_u, s_v) − Σ_u b_{u, s_u}` with `s_u` one of q states. The square lattice has its
    transition at `T_c = J / ln(1 + √q)`. With q = 2, `J = 2 J_Ising`.

    The couplings are dense, one for each pair of bits of different variables, which start at zero and can be learned;
    or sparse, which `from_edges` and `from_graph` make.

    Args:
        groups: the variables.
        fields: `b`, `(D,)`; by default zero.
        pairs: the coupled bits of a sparse model.
        edges: the number of pairs of a sparse model whose pairs are loaded later.

    Raises:
        InputError: what is given is no `Groups`; fields of another shape, or not finite; pairs of bits that are values
            of one variable.

    Source: Wu 1982, Reviews of Modern Physics 54, 235–268.

    >>> energy = PottsEnergy.from_edges([(0, 1), (1, 2)], states=3)
    >>> energy(energy.groups.encode(torch.tensor([[2, 2, 0], [1, 1, 1]]))).tolist()
    [-1.0, -2.0]
    """

    kernel_name: ClassVar[KernelName] = "gibbs-sweep"
    fixed_groups: ClassVar[bool] = True
    ends: Tensor | None
    apart: Tensor | None
    """for a dense model, 1 above the diagonal for bits of different variables, `(D, D)`"""

    def __init__(
        self, groups: Groups, fields: ArrayLike | None = None, *, pairs: Pairs | None = None, edges: int | None = None
    ) -> None:
        super().__init__()
        if not isinstance(groups, Groups):
            raise InputError(
                f"groups: expected Groups, got {type(groups).__name__}; Groups.one_hot([3, 2]) is a variable of three "
                "values and one of two"
            )
        self.bits = groups.bits
        self.groups = groups
        variable = groups.layout(torch.device("cpu")).variable
        if fields is None:
            fields = torch.zeros(groups.bits)
        elif not isinstance(fields, Tensor):
            fields = as_floats(fields, "fields")
        if fields.shape != (groups.bits,):
            raise InputError(f"fields: expected shape ({groups.bits},), got {tuple(fields.shape)}")
        check_finite(fields, "fields")
        if pairs is None and edges is None:
            ends, values = None, fields.new_zeros(groups.bits, groups.bits)
            apart = (variable.unsqueeze(1) != variable).to(fields.dtype).triu(1)
        else:
            ends = torch.zeros(2, edges or 0, dtype=torch.int32) if pairs is None else pairs.ends
            values = torch.zeros(edges or 0) if pairs is None else pairs.couplings
            apart = None
            if pairs is not None and (variable[ends[0].long()] == variable[ends[1].long()]).any():
                raise InputError("pairs: expected bits of different variables, got two values of one variable")
        self.pairs = nn.Parameter(values.detach().clone())
        self.fields = nn.Parameter(fields.detach().clone())
        self.register_buffer("ends", ends)
        self.register_buffer("apart", apart, persistent=False)

    def arguments(self) -> dict[str, Any]:
        return {"edges": None if self.ends is None else self.pairs.numel()}  # groups are saved for every energy

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *others: Any) -> None:
        if self.ends is not None and f"{prefix}ends" in state:
            check_pairs(self.bits, state[f"{prefix}ends"])
        super()._load_from_state_dict(state, prefix, *others)

    @property
    def couplings(self) -> Tensor:
        """`J`, `(D, D)`, symmetric; a matrix also for a sparse model."""
        if self.ends is None:
            upper = self._upper
        else:
            i, j, value = self.coupled_pairs()
            upper = value.new_zeros(self.bits, self.bits).index_put((i, j), value)
        return upper + upper.T

    @property
    def _upper(self) -> Tensor:
        """The couplings of a dense model above the diagonal, zero inside variables."""
        assert self.apart is not None
        return self.pairs * self.apart

    def coupled_pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """The bits `i < j` with a coupling that isn't zero, and these couplings, `(E,)` each."""
        if self.ends is None:
            upper = self._upper.detach()
            i, j = upper.nonzero(as_tuple=True)
            return i, j, upper[i, j]
        i, j = self.ends.long()
        kept = self.pairs.detach() != 0
        return i[kept], j[kept], self.pairs.detach()[kept]

    def forward(self, x: Tensor) -> Tensor:
        if self.ends is None:
            return -((x @ self._upper) * x).sum(-1) - x @ self.fields
        i, j = self.ends
        rows = x.reshape(-1, self.bits)
        parts = [
            (part.index_select(-1, i) * part.index_select(-1, j) * self.pairs).sum(-1) for part in self._chunks(rows)
        ]
        return -torch.cat(parts).view(x.shape[:-1]) - x @ self.fields

    def local_fields(self, x: Tensor) -> Tensor:
        """`f_i = b_i + Σ_j J_ij x_j` of states `(..., D)`: given all other variables, `p(bit i is on) ∝ exp(f_i)`."""
        if self.ends is None:
            return self.fields + x @ self.couplings
        i, j = self.ends
        rows = x.reshape(-1, self.bits)
        parts = [
            torch.zeros_like(part)
            .index_add(-1, i, part.index_select(-1, j) * self.pairs)
            .index_add(-1, j, part.index_select(-1, i) * self.pairs)
            for part in self._chunks(rows)
        ]
        return self.fields + torch.cat(parts).view(x.shape)

    def flip_delta(self, x: Tensor) -> Tensor:
        """`−(1 − 2 x_i) f_i`."""
        return (2 * x - 1) * self.local_fields(x)

    def move_delta(self, x: Tensor) -> Tensor:
        """`f_j − f_i`, with `j` the bit that is on; for a free bit the flip."""
        groups = self.groups
        assert groups is not None
        return -groups.changes(x, self.local_fields(x))

    def _chunks(self, rows: Tensor) -> Iterator[Tensor]:
        return iter(rows.split(max(1, CHUNK_PAIRS // max(self.pairs.numel(), 1))) if len(rows) else [rows])

    @classmethod
    def from_edges(
        cls,
        edges: ArrayLike,
        states: int,
        couplings: ArrayLike = 1.0,
        fields: ArrayLike | None = None,
        *,
        sites: int | None = None,
    ) -> PottsEnergy:
        """The sparse model of sites with q states, `−Σ_{⟨uv⟩} J_uv δ(s_u, s_v)`, on the given edges, `(E, 2)`.

        Args:
            states: q, at least 2.
            couplings: one coupling, or one for each edge, `(E,)`.
            fields: `b`, one for each state, `(q,)`, or for each site and state, `(N, q)`.
            sites: the number of sites N; by default one more than the largest number among the edges.

        Raises:
            InputError: as `IsingEnergy.from_edges`; fewer than two states.
        """
        q = check_count(states, "states", least=2)
        _, ends, value = edge_couplings(edges, couplings, sites)
        sites = int(ends.max()) + 1 if sites is None else sites
        state = torch.arange(q)
        bit_ends = (ends.long().unsqueeze(-1) * q + state).flatten(1)
        pairs = edge_couplings(bit_ends.T.numpy(), value.repeat_interleave(q), sites * q)
        if fields is not None:
            fields = as_floats(fields, "fields")
            if fields.shape not in ((q,), (sites, q)):
                raise InputError(f"fields: expected shape ({q},) or ({sites}, {q}), got {tuple(fields.shape)}")
            fields = fields.expand(sites, q).flatten()
        return cls(Groups.one_hot([q] * sites), fields, pairs=pairs)

    @classmethod
    def from_graph(cls, graph: nx.Graph | Any, states: int, coupling: float | None = None) -> PottsEnergy:
        """The sparse model on a networkx graph, node `k` in the order of `graph.nodes` being site `k`; or on a lattice.

        The coupling of an edge is its attribute `coupling`, or else `weight`, or else the argument, by default 1.

        >>> from discrete_ed import lattice
        >>> PottsEnergy.from_graph(lattice(4), states=3).bits
        48
        """
        if hasattr(graph, "sites"):
            ends, number = np.asarray(graph.edges), graph.number_of_nodes()
            return cls.from_edges(ends, states, 1.0 if coupling is None else coupling, sites=number)
        ends, values, fields = graph_parameters(graph, coupling, None)
        if fields.any():
            raise InputError("graph: expected nodes without fields, whose state isn't known, got some; take from_edges")
        return cls.from_edges(ends, states, values, sites=len(fields))
