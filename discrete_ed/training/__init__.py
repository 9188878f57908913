"""Training: fitting by any loss, early stopping, contrastive divergence."""

from discrete_ed.training.contrastive import ContrastiveDivergence
from discrete_ed.training.fit import FitConfig, Record, fit, shuffled_batches
from discrete_ed.training.selection import Selected, fit_selected

__all__ = ["ContrastiveDivergence", "FitConfig", "Record", "Selected", "fit", "fit_selected", "shuffled_batches"]
