"""The Ising model in the physics convention, with couplings that are dense or sparse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from discrete_ed.energies.base import Energy
from discrete_ed.energies.coupling_graphs import bqm_parameters, graph_parameters
from discrete_ed.energies.couplings import (
    Pairs,
    as_floats,
    check_dense,
    check_finite,
    check_pairs,
    dense_couplings,
    edge_couplings,
    is_sparse,
    sparse_couplings,
)
from discrete_ed.errors import InputError, check_count
from discrete_ed.names import KernelName
from discrete_ed.states import to_spins

if TYPE_CHECKING:
    import networkx as nx
    from scipy.sparse import csr_array

CHUNK_PAIRS = 2**24  # states × pairs of a sparse model that are evaluated at once, which bounds the memory


class IsingEnergy(Energy):
    """`E(s) = −½ sᵀ J s − hᵀ s` with spins `s = 2x − 1`, `J` symmetric with zero diagonal: each pair counts once.

    The convention `log p(s) = sᵀ J' s + const` of the energy-discrepancy literature counts each pair twice:
    `J = 2 J'`.

    The couplings are dense or sparse, as is what the model was built from. A dense matrix, or a number of spins, gives
    a model in which every pair has a coupling that can be learned. A sparse matrix, edges, a graph or a binary
    quadratic model give one with a coupling for each edge and nothing else, whose memory grows with the number of
    edges. Everything that takes the one takes the other.

    Args:
        couplings: `J`, shape `(D, D)`, symmetric with zero diagonal: a float tensor or a numpy array, or a sparse
            matrix of torch or scipy; or the number of spins `D`, for couplings that start at zero. Numbers from
            outside torch get torch's default precision.
        fields: `h`, shape `(D,)`; by default zero.
        edges: for a number of spins, the number of pairs of a sparse model whose pairs and couplings are loaded later.

    Raises:
        InputError: couplings that aren't finite or symmetric, a pair that is there twice, a diagonal that isn't zero,
            fields of another shape; a dense matrix that would not fit into memory. When evaluated: states of
            another width or type, or with the number −1, which are spins and not bits.

    >>> energy = IsingEnergy(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    >>> energy(torch.tensor([[1.0, 1.0], [1.0, 0.0]])).tolist()
    [-1.0, 1.0]
    """

    kernel_name: ClassVar[KernelName] = "gibbs-sweep"
    groupless = "its formulas are those of spins; PottsEnergy has those of variables with more values"
    ends: Tensor | None

    def __init__(
        self,
        couplings: Tensor | ArrayLike | csr_array | Pairs | int,
        fields: ArrayLike | None = None,
        *,
        edges: int | None = None,
    ) -> None:
        super().__init__()
        ends = None
        if isinstance(couplings, int) and edges is not None:
            spins, values = couplings, torch.zeros(edges)
            ends = torch.zeros(2, edges, dtype=torch.int32)
        elif isinstance(couplings, int):
            if torch.get_default_device().type != "meta":
                check_dense(check_count(couplings, "couplings", least=0))
            spins, values = couplings, torch.zeros(couplings, couplings)
        elif isinstance(couplings, Pairs):
            spins, ends, values = couplings
        elif is_sparse(couplings):
            spins, ends, values = sparse_couplings(couplings)
            if isinstance(couplings, Tensor):
                ends, values = ends.to(couplings.device), values.to(couplings.device)
        else:
            values = dense_couplings(couplings).detach().triu(1)  # the diagonal and the lower triangle stay unused
            spins = len(values)
        if fields is None:
            fields = values.new_zeros(spins)
        elif not isinstance(fields, Tensor):
            fields = as_floats(fields, "fields")
        if fields.shape != (spins,):
            raise InputError(f"fields: expected shape ({spins},), got {tuple(fields.shape)}")
        check_finite(fields, "fields")
        self.pairs = nn.Parameter(values.detach().clone())
        self.fields = nn.Parameter(fields.detach().clone())
        self.register_buffer("ends", ends)
        self.bits = spins

    def arguments(self) -> dict[str, Any]:
        return {"couplings": self.bits} if self.ends is None else {"couplings": self.bits, "edges": len(self.pairs)}

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *others: Any) -> None:
        if self.ends is not None and f"{prefix}ends" in state:
            check_pairs(self.bits, state[f"{prefix}ends"])
        super()._load_from_state_dict(state, prefix, *others)

    @property
    def is_sparse(self) -> bool:
        """Whether the model holds the couplings of its edges only, instead of a matrix."""
        return self.ends is not None

    @property
    def couplings(self) -> Tensor:
        """`J` as a dense matrix, `(D, D)`, symmetric with zero diagonal.

        Of a sparse model it is made when it is asked for; `coupled_pairs` and `to_scipy` need no such matrix.

        Raises:
            InputError: the matrix would not fit into memory.
        """
        if self.ends is None:
            upper = self.pairs.triu(1)
            return upper + upper.T
        check_dense(self.bits, self.pairs.dtype)
        both = torch.cat([self.ends, self.ends.flip(0)], 1).long()
        return self.pairs.new_zeros(self.bits, self.bits).index_put_(tuple(both), self.pairs.repeat(2))

    def coupled_pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """The edges: `i`, `j` and `J_ij` of the pairs `i < j` whose coupling is not zero, each `(E,)`; no gradients.

        >>> IsingEnergy.from_edges([(0, 1), (1, 2)], [0.5, -1.0]).coupled_pairs()
        (tensor([0, 1]), tensor([1, 2]), tensor([ 0.5000, -1.0000]))
        """
        if self.ends is None:
            upper = self.pairs.detach().triu(1)
            i, j = upper.nonzero(as_tuple=True)
            return i, j, upper[i, j]
        i, j, value = self._sparse_pairs()
        return i.long(), j.long(), value

    def _sparse_pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """`coupled_pairs` of a sparse model, with ends as they are stored."""
        assert self.ends is not None
        i, j = self.ends
        value = self.pairs.detach()
        if not value.all():
            i, j, value = i[value != 0], j[value != 0], value[value != 0]
        return i, j, value

    def to_scipy(self, *, shared: bool = False) -> csr_array:
        """`J`, symmetric, as a sparse matrix of scipy, `(D, D)`, float64.

        With `shared`, couplings that are all equal are one number, which can't be written to, and takes no memory.

        >>> IsingEnergy.from_edges([(0, 1)], 0.5).to_scipy().toarray().tolist()
        [[0.0, 0.5], [0.5, 0.0]]
        """
        from scipy.sparse import csr_array

        parts = self.coupled_pairs() if self.ends is None else self._sparse_pairs()
        i, j, value = (part.cpu().numpy() for part in parts)
        shape = (self.bits, self.bits)
        equal = len(value) > 0 and bool((value == value[0]).all())
        start = np.zeros(self.bits + 1, np.int32 if 2 * len(i) < 2**31 else np.int64)
        np.cumsum(np.bincount(i, minlength=self.bits), out=start[1:])
        upper = csr_array((np.ones(len(i), np.int8) if equal else value, j.astype(np.int32, copy=False), start), shape)
        upper.has_canonical_format = True  # the pairs are in order
        found = upper + upper.T.tocsr()  # in bytes or single precision, since large lattices leave little memory
        if equal and shared:
            found.data = np.broadcast_to(np.float64(value[0]), found.nnz)
        else:
            found.data = np.full(found.nnz, value[0], np.float64) if equal else found.data.astype(np.float64)
        return found

    def forward(self, x: Tensor) -> Tensor:
        s = self._spins_of_bits(x)
        if self.ends is None:
            return -((s @ self.pairs.triu(1)) * s).sum(-1) - s @ self.fields
        rows = s.reshape(-1, self.bits)
        i, j = self.ends
        # not a product with the couplings, since `sum` loses far less of float32 over millions of pairs
        parts = [
            (part.index_select(-1, i) * part.index_select(-1, j) * self.pairs).sum(-1) for part in self._chunks(rows)
        ]
        return -torch.cat(parts).view(s.shape[:-1]) - s @ self.fields

    def flip_delta(self, x: Tensor) -> Tensor:
        """`Δ_i = 2 s_i (h_i + Σ_j J_ij s_j)`."""
        s = self._spins_of_bits(x)
        return 2 * s * self.local_fields(s)

    def _spins_of_bits(self, x: Tensor) -> Tensor:
        """`2x − 1`, unless the states have another shape, or hold −1: those are spins, whose energy would be wrong."""
        if x.ndim < 1 or x.shape[-1] != self.bits:
            raise InputError(f"x: expected shape (..., {self.bits}), got {tuple(x.shape)}")
        if x.dtype != (own := self.fields.dtype):
            raise InputError(f"x: expected dtype {own}, got dtype {x.dtype}; call x.to({own})")
        if x.device.type != "meta" and not torch.compiler.is_compiling() and (x < -0.5).any():
            raise InputError(
                f"x: expected bits, zeros and ones, got {x.min().item():g} (spins s are states as (s + 1) / 2)"
            )
        return to_spins(x)

    def local_fields(self, s: Tensor) -> Tensor:
        """The field on every spin, `h_i + Σ_j J_ij s_j`, of spins `(..., D)`: `(..., D)`.

        >>> IsingEnergy.from_edges([(0, 1), (1, 2)], [0.5, -1.0]).local_fields(torch.ones(3)).tolist()
        [0.5, -0.5, -1.0]
        """
        if self.ends is None:
            return self.fields + s @ self.couplings
        i, j = self.ends
        rows = s.reshape(-1, self.bits)
        parts = [
            torch.zeros_like(part)
            .index_add(-1, i, part.index_select(-1, j) * self.pairs)
            .index_add(-1, j, part.index_select(-1, i) * self.pairs)
            for part in self._chunks(rows)
        ]
        return self.fields + torch.cat(parts).view(s.shape)

    def _chunks(self, rows: Tensor) -> Iterator[Tensor]:
        return iter(rows.split(max(1, CHUNK_PAIRS // max(len(self.pairs), 1))) if len(rows) else [rows])

    @classmethod
    def from_edges(
        cls,
        edges: ArrayLike,
        couplings: ArrayLike = 1.0,
        fields: ArrayLike | None = None,
        *,
        spins: int | None = None,
    ) -> IsingEnergy:
        """The sparse model with the given edges, `(E, 2)`.

        Args:
            couplings: one coupling, or one for each edge, `(E,)`.
            fields: one field, or one for each spin, `(D,)`.
            spins: the number of spins `D`; by default one more than the largest number among the edges.

        Raises:
            InputError: edges that aren't pairs of different spins from 0 to `D − 1`, an edge twice (in either
                direction); couplings or fields of another number, or that aren't finite.

        >>> IsingEnergy.from_edges([(0, 1), (1, 2)], 0.5, 0.1)(torch.ones(3)).item()
        -1.2999999523162842
        """
        pairs = edge_couplings(edges, couplings, spins)
        if fields is not None:
            fields = as_floats(fields, "fields")
            fields = fields.expand(pairs.spins) if fields.ndim == 0 else fields
        return cls(pairs, fields)

    @classmethod
    def from_graph(cls, graph: nx.Graph | Any, coupling: Any = None, field: Any = None) -> IsingEnergy:
        """The sparse model on a networkx graph, node `k` in the order of `graph.nodes` being spin `k`; or on a lattice.

        The coupling of an edge is its attribute `coupling`, or else its attribute `weight`; the field of a node is its
        attribute `field`.

        Args:
            graph: a networkx graph, or a lattice, which has the attributes `edges`, `(E, 2)`, and `sites`.
            coupling: coupling of edges without an attribute `coupling`, 1 by default; of a lattice also one for each
                edge, `(E,)`.
            field: field of nodes without an attribute `field`, 0 by default; of a lattice also one for each site.

        Raises:
            InputError: a directed graph, several edges of one pair, self-loops; an attribute that would be ignored: a
                `weight` that differs from `coupling`, whether attribute or argument, or a number of another name on
                edges without either; a graph with a coupling on some edges only, without the argument.

        >>> import networkx as nx
        >>> IsingEnergy.from_graph(nx.path_graph(3), 0.5).couplings.tolist()
        [[0.0, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.0]]
        """
        if hasattr(graph, "sites"):
            return cls.from_edges(graph.edges, 1.0 if coupling is None else coupling, field, spins=graph.sites)
        edges, couplings, fields = graph_parameters(graph, coupling, field)
        return cls.from_edges(edges, couplings, fields, spins=len(fields))

    def to_networkx(self) -> nx.Graph:
        """A networkx graph with an edge, with attribute `coupling`, for each nonzero coupling, and `field` on its
        nodes.

        >>> IsingEnergy(torch.tensor([[0.0, 0.5], [0.5, 0.0]])).to_networkx().edges(data="coupling")
        EdgeDataView([(0, 1, 0.5)])
        """
        import networkx as nx

        graph = nx.Graph()
        graph.add_nodes_from((k, {"field": value}) for k, value in enumerate(self.fields.tolist()))
        graph.add_weighted_edges_from(
            zip(*(part.tolist() for part in self.coupled_pairs()), strict=True), weight="coupling"
        )
        return graph

    def to_bqm(self) -> Any:
        """The same energy as a `dimod.BinaryQuadraticModel` over spins; needs dimod.

        dimod's energy is `Σ_i b_i s_i + Σ_{i<j} a_ij s_i s_j`, so its biases are `−h` and `−J`.

        Raises:
            InputError: dimod is not installed.
        """
        try:
            import dimod
        except ImportError:
            raise InputError("to_bqm: expected dimod to be installed (pip install dimod)") from None
        i, j, value = (part.cpu().numpy() for part in self.coupled_pairs())
        linear = -self.fields.detach().cpu().numpy().astype(float)
        return dimod.BinaryQuadraticModel.from_numpy_vectors(linear, (i, j, -value.astype(float)), 0.0, dimod.SPIN)

    @classmethod
    def from_bqm(cls, bqm: Any) -> IsingEnergy:
        """The sparse energy of a `dimod.BinaryQuadraticModel` over spins or bits, less its constant.

        Variable `k` in the order of `bqm.variables` is spin `k`.

        Raises:
            InputError: it isn't a binary quadratic model.
        """
        edges, couplings, fields = bqm_parameters(bqm)
        return cls.from_edges(edges, couplings, fields, spins=len(fields))
