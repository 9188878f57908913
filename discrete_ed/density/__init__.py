"""Estimation of discrete densities: fit an energy to states, sample it, score it.

`DensityEstimator` is in `discrete_ed.density.estimator`, since it imports scikit-learn if that is installed.
"""

from discrete_ed.density.conditional import ConditionalLaw, complete, conditional_law, log_marginal, log_sites
from discrete_ed.density.fitting import Ensemble, fit_density, fit_ensemble, validation_score
from discrete_ed.density.losses import density_loss
from discrete_ed.density.missing import completed_batches
from discrete_ed.density.models import density_energy
from discrete_ed.density.sampling import DensitySamples, sample_density, sample_states
from discrete_ed.density.scores import DensityScores, independent_columns, score_density

__all__ = [
    "ConditionalLaw",
    "DensitySamples",
    "DensityScores",
    "Ensemble",
    "complete",
    "completed_batches",
    "conditional_law",
    "density_energy",
    "density_loss",
    "fit_density",
    "fit_ensemble",
    "independent_columns",
    "log_marginal",
    "log_sites",
    "sample_density",
    "sample_states",
    "score_density",
    "validation_score",
]
