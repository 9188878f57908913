"""A density estimator with the interface of scikit-learn, which itself is optional."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from discrete_ed.density.losses import density_loss
from discrete_ed.density.models import density_energy
from discrete_ed.density.sampling import sample_states
from discrete_ed.energies import Energy
from discrete_ed.errors import InputError
from discrete_ed.likelihood import estimate_log_z, log_likelihood
from discrete_ed.names import EnergyName, LossName
from discrete_ed.training import FitConfig, fit, shuffled_batches

try:
    from sklearn.base import BaseEstimator, DensityMixin
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:  # replacements for the few parts of scikit-learn that are needed

    class BaseEstimator:  # type: ignore[no-redef]
        """Replacement for scikit-learn's class: parameters are the arguments of the constructor."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 part of the interface
            """The constructor's arguments, by name."""
            return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

        def set_params(self, **params: Any) -> BaseEstimator:
            """Set some of the constructor's arguments."""
            for name, value in params.items():
                if name not in self.get_params():
                    raise InputError(f"{name}: expected one of {', '.join(self.get_params())}")
                setattr(self, name, value)
            return self

    class DensityMixin:  # type: ignore[no-redef]
        """Replacement for scikit-learn's class, without content."""

    def check_is_fitted(estimator: Any) -> None:
        if not hasattr(estimator, "energy_"):
            raise InputError("estimator: expected a fitted one; call fit first")

    def validate_data(estimator: Any, X: Any, *, reset: bool, ensure_min_samples: int = 1) -> Any:
        values = np.asarray(X, dtype=float)
        if values.ndim != 2 or len(values) < ensure_min_samples or not np.isfinite(values).all():
            raise InputError(f"X: expected finite numbers (N, D), N >= {ensure_min_samples}, got shape {values.shape}")
        if not reset and values.shape[1] != estimator.n_features_in_:
            raise InputError(f"X: expected {estimator.n_features_in_} features, got {values.shape[1]}")
        if reset:
            estimator.n_features_in_ = values.shape[1]
        return values


class DensityEstimator(DensityMixin, BaseEstimator):  # type: ignore[misc]
    """An energy-based model of a binary table, as a scikit-learn density estimator.

    Args:
        energy: a name that `density_energy` accepts, or a function from the number of bits to an `Energy`.
        loss: a name that `density_loss` accepts, or any function of an energy and a batch.
        width: units of a hidden layer, see `density_energy`.
        layers: hidden layers, see `density_energy`.
        epsilon: ε, the probability that noise flips a bit, of `ed` and `block-ed`; None takes the default of
            `density_loss`.
        steps: training steps.
        batch_size: rows in a training step.
        learning_rate: peak learning rate of AdamW.
        weight_decay: decoupled weight decay.
        binarize: threshold above which values become ones, as in scikit-learn's `BernoulliNB`; with None the values
            must be zeros and ones.
        random_state: a seed, a `numpy.random.RandomState` or `Generator`, or None for a random seed.

    Attributes:
        energy_: the fitted energy, in float64.
        log_z_: its log partition function, a `LogPartition`: exact up to 20 bits and for small restricted Boltzmann
            machines, otherwise in a bracket, or refused.
        n_features_in_: number of columns.

    >>> X = (np.random.default_rng(0).random((200, 4)) < [0.9, 0.5, 0.1, 0.5]).astype(int)
    >>> model = DensityEstimator(steps=100, random_state=0).fit(X)
    >>> model.score_samples(X).shape, model.sample(5, random_state=0).shape
    ((200,), (5, 4))
    """

    def __init__(
        self,
        energy: EnergyName | Callable[[int], Energy] = "mlp",
        loss: LossName | Callable[[Energy, Tensor], Tensor] = "block-ed",
        *,
        width: int = 128,
        layers: int = 2,
        epsilon: float | None = None,
        steps: int = 1000,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        binarize: float | None = 0.0,
        random_state: Any = None,
    ) -> None:
        self.energy = energy
        self.loss = loss
        self.width = width
        self.layers = layers
        self.epsilon = epsilon
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.binarize = binarize
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> DensityEstimator:  # noqa: ARG002 part of the interface
        """Fit the energy to a table `(N, D)`; `y` is ignored.

        Raises:
            InputError: fewer than two rows, or cells that are not numbers (or not bits, with `binarize=None`).
            NumericalError: training diverged.
        """
        data = self._bits(X, reset=True)
        seed = self._seed(self.random_state)
        g = torch.Generator().manual_seed(seed)
        bits = data.shape[1]
        config = FitConfig(steps=self.steps, learning_rate=self.learning_rate, weight_decay=self.weight_decay)
        with torch.random.fork_rng(devices=[]):  # an energy or loss of the user may use torch's generator
            torch.default_generator.manual_seed(seed)
            if callable(self.energy):
                energy = self.energy(bits)
            else:
                energy = density_energy(self.energy, bits, width=self.width, layers=self.layers, data=data, seed=seed)
            if callable(self.loss):
                loss = deepcopy(self.loss)  # every fit starts with a fresh state of the loss
            else:
                loss = density_loss(self.loss, epsilon=self.epsilon, generator=g)
            fit(energy, loss, shuffled_batches(data, self.batch_size, generator=g), config)
        self.energy_ = energy.double().eval()
        self.log_z_ = estimate_log_z(self.energy_, data.double(), generator=g)
        self._start = data[torch.randperm(len(data), generator=g)[:1000]].to(torch.uint8)
        return self

    def score_samples(self, X: Any) -> np.ndarray[Any, Any]:
        """`log p(x)` of each row, `(N,)`, in nats; with the middle of the bracket if `log Z` is estimated.

        NaN if `log Z` was refused because the model has mass that no training row reaches; `fit` then warned of it.
        """
        check_is_fitted(self)
        return log_likelihood(self.energy_, self._bits(X, reset=False).double(), self.log_z_).values.numpy()

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002 part of the interface
        """The mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, *, random_state: Any = None, steps: int = 1000) -> np.ndarray[Any, Any]:
        """Sample rows of zeros and ones, `(n_samples, D)`: independent up to 16 bits, ends of chains above.

        Args:
            n_samples: number of rows.
            random_state: as in the constructor.
            steps: steps of the chains, which start at rows of the training data.
        """
        check_is_fitted(self)
        g = torch.Generator().manual_seed(self._seed(random_state))
        rows = torch.randint(len(self._start), (n_samples,), generator=g)
        start = self._start[rows].double()
        return sample_states(self.energy_, n_samples, start, steps=steps, generator=g).numpy().astype(int)

    def _bits(self, X: Any, *, reset: bool) -> Tensor:
        values = np.asarray(validate_data(self, X, reset=reset, ensure_min_samples=2 if reset else 1))
        if self.binarize is not None:
            values = values > self.binarize
        elif not ((values == 0) | (values == 1)).all():
            raise InputError("X: expected zeros and ones; set binarize to a threshold for other numbers")
        return torch.from_numpy(values.astype(np.float32))

    def _seed(self, random_state: Any) -> int:
        if isinstance(random_state, np.random.RandomState):
            return int(random_state.randint(2**31 - 1))
        if isinstance(random_state, np.random.Generator):
            return int(random_state.integers(2**31 - 1))
        return int(np.random.SeedSequence(random_state).generate_state(1)[0])
