"""Estimation of discrete densities."""

from discrete_ed.density.estimator import DensityEstimator
from discrete_ed.density.models import density_energy, density_loss

__all__ = ["DensityEstimator", "density_energy", "density_loss"]
