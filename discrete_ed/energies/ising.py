"""The Ising model in the physics convention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError
from discrete_ed.names import KernelName
from discrete_ed.states import to_spins

if TYPE_CHECKING:
    import networkx as nx


class IsingEnergy(Energy):
    """`E(s) = −½ sᵀ J s − hᵀ s` with spins `s = 2x − 1`, `J` symmetric with zero diagonal: each pair counts once.

    The convention `log p(s) = sᵀ J' s + const` of the energy-discrepancy literature counts each pair twice:
    `J = 2 J'`.

    Args:
        couplings: `J`, shape `(D, D)`, symmetric with zero diagonal; or the number of spins `D`, for couplings that
            start at zero.
        fields: `h`, shape `(D,)`; by default zero.

    >>> energy = IsingEnergy(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    >>> energy(torch.tensor([[1.0, 1.0], [1.0, 0.0]])).tolist()
    [-1.0, 1.0]
    """

    kernel_name: ClassVar[KernelName] = "gibbs-sweep"

    def __init__(self, couplings: Tensor | int, fields: Tensor | None = None) -> None:
        super().__init__()
        if isinstance(couplings, int):
            pairs = couplings = torch.zeros(couplings, couplings)
        elif not isinstance(couplings, Tensor) or not couplings.is_floating_point():
            got = couplings.dtype if isinstance(couplings, Tensor) else type(couplings).__name__
            raise InputError(f"couplings: expected a float tensor (D, D) or a number of spins, got {got}")
        elif couplings.ndim != 2 or couplings.shape[0] != couplings.shape[1]:
            raise InputError(f"couplings: expected shape (D, D), got {tuple(couplings.shape)}")
        elif not torch.equal(couplings, couplings.T) or couplings.diagonal().any():
            raise InputError("couplings: expected a symmetric matrix with zero diagonal")
        else:
            pairs = couplings.detach().clone().triu(1)  # the diagonal and the lower triangle stay unused
        d = len(couplings)
        if fields is None:
            fields = couplings.new_zeros(d)
        if fields.shape != (d,):
            raise InputError(f"fields: expected shape ({d},), got {tuple(fields.shape)}")
        self.pairs = nn.Parameter(pairs)
        self.fields = nn.Parameter(fields.detach().clone())
        self.bits = d

    def arguments(self) -> dict[str, Any]:
        return {"couplings": self.bits}

    @property
    def couplings(self) -> Tensor:
        """`J`, shape `(D, D)`, symmetric with zero diagonal."""
        upper = self.pairs.triu(1)
        return upper + upper.T

    def forward(self, x: Tensor) -> Tensor:
        s = to_spins(x)
        return -((s @ self.pairs.triu(1)) * s).sum(-1) - s @ self.fields

    def flip_delta(self, x: Tensor) -> Tensor:
        """`Δ_i = 2 s_i (h_i + Σ_j J_ij s_j)`."""
        s = to_spins(x)
        return 2 * s * (self.fields + s @ self.couplings)

    @classmethod
    def from_graph(cls, graph: nx.Graph, coupling: float = 1.0, field: float = 0.0) -> IsingEnergy:
        """The model on a networkx graph, node `k` in the order of `graph.nodes` being spin `k`.

        Args:
            coupling: coupling of edges without an attribute `coupling`.
            field: field of nodes without an attribute `field`.

        >>> import networkx as nx
        >>> IsingEnergy.from_graph(nx.path_graph(3), 0.5).couplings.tolist()
        [[0.0, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.0]]
        """
        if graph.is_directed() or graph.is_multigraph():
            raise InputError(f"graph: expected an undirected graph with single edges, got a {type(graph).__name__}")
        place = {node: k for k, node in enumerate(graph)}
        couplings = torch.zeros(len(place), len(place))
        for u, v, value in graph.edges(data="coupling", default=coupling):
            if u == v:
                raise InputError(f"graph: expected no self-loops, got one at {u}")
            couplings[place[u], place[v]] = couplings[place[v], place[u]] = float(value)
        return cls(couplings, torch.tensor([float(value) for _, value in graph.nodes(data="field", default=field)]))

    def to_networkx(self) -> nx.Graph:
        """A networkx graph with an edge, with attribute `coupling`, for each nonzero coupling, and `field` on its
        nodes.

        >>> IsingEnergy(torch.tensor([[0.0, 0.5], [0.5, 0.0]])).to_networkx().edges(data="coupling")
        EdgeDataView([(0, 1, 0.5)])
        """
        import networkx as nx

        graph = nx.Graph()
        graph.add_nodes_from((k, {"field": value}) for k, value in enumerate(self.fields.tolist()))
        upper = self.pairs.detach().triu(1)
        for i, j in upper.nonzero().tolist():
            graph.add_edge(i, j, coupling=upper[i, j].item())
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
        upper = self.pairs.detach().triu(1)
        quadratic = {(i, j): -upper[i, j].item() for i, j in upper.nonzero().tolist()}
        linear = {k: -value for k, value in enumerate(self.fields.tolist())}
        return dimod.BinaryQuadraticModel(linear, quadratic, 0.0, dimod.SPIN)

    @classmethod
    def from_bqm(cls, bqm: Any) -> IsingEnergy:
        """The energy of a `dimod.BinaryQuadraticModel` over spins or bits, less its constant.

        Variable `k` in the order of `bqm.variables` is spin `k`.
        """
        spins = bqm.change_vartype("SPIN", inplace=False)
        place = {variable: k for k, variable in enumerate(spins.variables)}
        couplings = torch.zeros(len(place), len(place))
        for (u, v), bias in spins.quadratic.items():
            couplings[place[u], place[v]] = couplings[place[v], place[u]] = -float(bias)
        return cls(couplings, torch.tensor([-float(spins.linear[variable]) for variable in spins.variables]))
