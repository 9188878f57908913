"""Energy discrepancy on real vectors: a small room of its own, where the theory's pictures come from.

Here a state is a float tensor `(B, D)` of real numbers and an energy any module `(..., D) → (...)`, with
`p(x) ∝ exp(−E(x))` as everywhere. Nothing of the discrete house is needed, and nothing there knows of this room.
"""

from discrete_ed.theory.continuous.energies import GaussianEnergy, MixtureEnergy, NeuralEnergy
from discrete_ed.theory.continuous.kernels import MALA, Langevin, State, langevin_mean, sample
from discrete_ed.theory.continuous.latent import LatentModel, NormalPrior, TiltedPrior
from discrete_ed.theory.continuous.losses import energy_discrepancy, score_matching

__all__ = [
    "MALA",
    "GaussianEnergy",
    "Langevin",
    "LatentModel",
    "MixtureEnergy",
    "NeuralEnergy",
    "NormalPrior",
    "State",
    "TiltedPrior",
    "energy_discrepancy",
    "langevin_mean",
    "sample",
    "score_matching",
]
