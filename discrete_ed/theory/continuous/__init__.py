"""Energy discrepancy on real vectors, and three experiments that show the theory.

Here a state is a float tensor `(B, D)` of real numbers and an energy any module `(..., D) → (...)`, with
`p(x) ∝ exp(−E(x))` as everywhere. The discrete rooms and this one share no energies and no kernels.
"""

from discrete_ed.theory.continuous.energies import GaussianEnergy, MixtureEnergy, NeuralEnergy
from discrete_ed.theory.continuous.kernels import MALA, Langevin, VectorState, langevin_mean, sample
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
    "TiltedPrior",
    "VectorState",
    "energy_discrepancy",
    "langevin_mean",
    "sample",
    "score_matching",
]
