"""Training: fitting by any loss, early stopping, contrastive divergence, learned proposals."""

from discrete_ed.training.batches import shuffled_batches
from discrete_ed.training.budget import TimeBudget, timed_optimizer
from discrete_ed.training.config import FitConfig
from discrete_ed.training.contrastive import ContrastiveDivergence
from discrete_ed.training.denoising import denoising_cross_entropy, noise_level_loss
from discrete_ed.training.fit import fit, fit_steps
from discrete_ed.training.held_out import HeldOutLoss
from discrete_ed.training.records import Record
from discrete_ed.training.selection import Selected, fit_selected

__all__ = [
    "ContrastiveDivergence",
    "FitConfig",
    "HeldOutLoss",
    "Record",
    "Selected",
    "TimeBudget",
    "denoising_cross_entropy",
    "fit",
    "fit_selected",
    "fit_steps",
    "noise_level_loss",
    "shuffled_batches",
    "timed_optimizer",
]
