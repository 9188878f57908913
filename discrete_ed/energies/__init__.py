"""Energies: models, the local evaluation through which samplers see them, and how they are saved.

To add an energy, touch four places: its module with a subclass of `Energy` that defines `forward` and knows its `bits`
and `arguments` (see `Energy`), the list below, which makes it loadable, `discrete_ed/__init__.pyi`, and an entry in
`tests/energies/test_saving.py`. In your own program the class is enough.
"""

from discrete_ed.energies.base import Energy
from discrete_ed.energies.clamped import Clamped
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.energies.graph import GraphEnergy
from discrete_ed.energies.ising import IsingEnergy
from discrete_ed.energies.local import Evaluation, Exact, LocalEvaluation, Taylor
from discrete_ed.energies.mixture import BernoulliMixtureEnergy
from discrete_ed.energies.network import NetworkEnergy
from discrete_ed.energies.neural import ConvEnergy, MLPEnergy, ResidualMLPEnergy
from discrete_ed.energies.noise import NoiseConditionalEnergy, NoiseLevels
from discrete_ed.energies.pairs import PairGraphEnergy
from discrete_ed.energies.potts import PottsEnergy
from discrete_ed.energies.rbm import RBMEnergy
from discrete_ed.energies.saving import load_energy, save_energy
from discrete_ed.energies.sums import BernoulliEnergy, SumEnergy
from discrete_ed.names import GraphNetworkName

__all__ = [
    "BernoulliEnergy",
    "BernoulliMixtureEnergy",
    "Clamped",
    "ConvEnergy",
    "Energy",
    "Evaluation",
    "Exact",
    "GraphEnergy",
    "IsingEnergy",
    "LocalEvaluation",
    "MLPEnergy",
    "NetworkEnergy",
    "NoiseConditionalEnergy",
    "NoiseLevels",
    "PairGraphEnergy",
    "PottsEnergy",
    "RBMEnergy",
    "ResidualMLPEnergy",
    "SumEnergy",
    "Taylor",
    "load_energy",
    "save_energy",
]

GRAPH_NETWORKS: dict[GraphNetworkName, type[DenseGraphEnergy]] = {"messages": GraphEnergy, "pairs": PairGraphEnergy}
"""The energies of graphs that the job `generate` offers by name."""
