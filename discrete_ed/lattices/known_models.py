"""Known Ising models, to be sampled and recovered: on a lattice, a random graph, or a given graph."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.coupling_graphs import has_couplings
from discrete_ed.ising.parameters import Parameters
from discrete_ed.lattices.builders import lattice
from discrete_ed.lattices.sampling import Callback, SampledStates, sample_ising
from discrete_ed.names import TORUS_SIDE


@dataclass(frozen=True, eq=False)
class KnownModel:
    """An Ising model whose couplings are known, with a label for reports."""

    energy: IsingEnergy
    """The model."""
    label: str
    """name of the model in reports"""
    sigma: float | None
    """coupling of every edge (published convention: half the physics one), or None if the edges differ"""
    field: float | None
    """field on every spin (physics), or None if the spins differ"""
    torus: tuple[int, int] | None = None
    """rows and columns, if transfer matrices can sample the model"""

    @property
    def parameters(self) -> Parameters:
        """Couplings and fields."""
        return Parameters(self.energy.couplings.detach().double().numpy(), self.energy.fields.detach().double().numpy())

    def sample(
        self,
        count: int,
        *,
        sweeps: int | None = None,
        generator: torch.Generator | None = None,
        callback: Callback | None = None,
    ) -> SampledStates:
        """Sample the model, see `sample_ising`."""
        return sample_ising(self.energy, count, torus=self.torus, sweeps=sweeps, generator=generator, callback=callback)


def known_lattice(
    side: int, dimension: int = 2, *, periodic: bool = True, sigma: float, field: float = 0.0
) -> KnownModel:
    """The hypercubic lattice of `side^dimension` spins with one coupling and one field.

    >>> known_lattice(4, sigma=0.2).label
    '4x4'
    """
    torus = (side, side if dimension == 2 else 1) if dimension <= 2 and side <= TORUS_SIDE else None
    graph = lattice(side, dimension, periodic=periodic)
    return KnownModel(
        IsingEnergy.from_graph(graph, 2 * sigma, field), "x".join([str(side)] * dimension), sigma, field, torus
    )


def known_random_graph(nodes: int, degree: float, *, sigma: float, field: float = 0.0, seed: int = 0) -> KnownModel:
    """An Erdős–Rényi graph of mean degree `degree` with one coupling and one field.

    >>> known_random_graph(20, 3.0, sigma=0.2).label
    'random-graph-20'
    """
    graph = nx.fast_gnp_random_graph(nodes, degree / (nodes - 1), seed=seed)
    return KnownModel(IsingEnergy.from_graph(graph, 2 * sigma, field), f"random-graph-{nodes}", sigma, field)


def known_graph(graph: nx.Graph, label: str, *, sigma: float, field: float = 0.0) -> KnownModel:
    """A graph whose edges may have a number `coupling` or `weight` and whose nodes a number `field` (physics).

    If they have, these numbers replace `sigma` and `field`.

    >>> import networkx
    >>> known_graph(networkx.path_graph(3), "path", sigma=0.2).sigma
    0.2
    """
    own_sigma = None if has_couplings(graph) else sigma
    own_field = None if nx.get_node_attributes(graph, "field") else field
    energy = IsingEnergy.from_graph(graph, None if own_sigma is None else 2 * sigma, field)
    return KnownModel(energy, label, own_sigma, own_field)
