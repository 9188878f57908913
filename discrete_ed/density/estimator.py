"""A density estimator with the interface of scikit-learn, which itself is optional."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from discrete_ed.density.arguments import check_arguments, check_threshold, groups_of, positions, with_groups
from discrete_ed.density.conditional import ConditionalLaw, complete, conditional_law, log_marginal
from discrete_ed.density.encoding import Code, check_encoding, encode, refuse_words, warn_of_one_hot
from discrete_ed.density.losses import density_loss
from discrete_ed.density.missing import check_whole_groups, completed_batches, filled
from discrete_ed.density.models import density_energy
from discrete_ed.density.sampling import SNAPSHOTS, sample_density
from discrete_ed.density.scikit_learn import (
    BaseEstimator,
    DensityMixin,
    available_if,
    check_is_fitted,
    seed_of,
    validate_data,
)
from discrete_ed.density.scores import warn_if_useless
from discrete_ed.energies import Energy, RBMEnergy
from discrete_ed.errors import InputError, check_count
from discrete_ed.groups import Groups
from discrete_ed.likelihood import estimate_log_z, log_likelihood
from discrete_ed.names import EnergyName, LossName, usual_components
from discrete_ed.perturbations import Erasure
from discrete_ed.training import FitConfig, fit, shuffled_batches


def _has_hidden_bits(estimator: DensityEstimator) -> bool:
    """Whether it fits a restricted Boltzmann machine, the only energy with features; an error otherwise."""
    if estimator.energy == "rbm" or isinstance(getattr(estimator, "energy_", None), RBMEnergy):
        return True
    raise AttributeError("transform, reconstruct: expected energy='rbm', the only one with hidden bits")


class DensityEstimator(DensityMixin, BaseEstimator):  # type: ignore[misc]
    """An energy-based model of a binary table, as a scikit-learn density estimator.

    Tables are arrays, data frames or sparse matrices `(N, D)`; cells may be missing (NaN).

    Args:
        energy: a name that `density_energy` accepts, or a function from the number of bits to an `Energy`.
        loss: a name that `density_loss` accepts, or any function of an energy and a batch; None takes `erasure` for an
            energy with a mixture, and `block-ed` otherwise.
        width: units of a hidden layer, see `density_energy`.
        layers: hidden layers, see `density_energy`.
        components: components of the mixture to which a network is added, see `density_energy`; None takes 20 for more
            than 16 columns (at most one for every 50 rows), and otherwise 1, independent bits.
        epsilon: ε, the probability that noise flips a bit, of `ed` and `block-ed`; None takes the default of
            `density_loss`.
        steps: training steps.
        batch_size: rows in a training step.
        learning_rate: peak learning rate of AdamW.
        weight_decay: decoupled weight decay.
        categories: for categorical variables in one-hot columns, the number of columns of each, from the first column
            on (columns after them are bits), or `Groups`. Every row that is sampled then has one value of each, and
            missing cells are those of whole variables.
        binarize: threshold above which values become ones, as in scikit-learn's `BernoulliNB`; with None the values
            must be zeros and ones.
        random_state: a seed, a `numpy.random.RandomState` or `Generator`, or None for a random seed.

    Attributes:
        energy_: the fitted energy, in float64.
        log_z_: its log partition function, a `LogPartition`: exact up to 20 bits and for small restricted Boltzmann
            machines, otherwise in a bracket, or refused.
        loss_curve_: the loss in each training step, `(steps,)`.
        n_features_in_: number of columns.

    >>> X = (np.random.default_rng(0).random((200, 4)) < [0.9, 0.5, 0.1, 0.5]).astype(int)
    >>> model = DensityEstimator(steps=100, random_state=0).fit(X)
    >>> model.score_samples(X).shape, model.sample(5, random_state=0).shape
    ((200,), (5, 4))
    """

    def __init__(
        self,
        energy: EnergyName | Callable[[int], Energy] = "mlp",
        loss: LossName | Callable[[Energy, Tensor], Tensor] | None = None,
        *,
        width: int = 128,
        layers: int = 2,
        components: int | None = None,
        epsilon: float | None = None,
        steps: int = 1000,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        categories: Groups | Sequence[int] | None = None,
        binarize: float | None = 0.0,
        random_state: Any = None,
    ) -> None:
        self.energy = energy
        self.loss = loss
        self.width = width
        self.layers = layers
        self.components = components
        self.epsilon = epsilon
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.categories = categories
        self.binarize = binarize
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> DensityEstimator:  # noqa: ARG002 part of the interface
        """Fit the energy to a table `(N, D)`; `y` is ignored.

        Missing cells are sampled again and again from the model that is being fitted (see `completed_batches`).

        Raises:
            InputError: an argument of the constructor that can't be used; fewer than two rows; cells that are
                not numbers (or not bits, with `binarize=None`); two different numbers on one side of `binarize`; a
                column without any cell.
            NumericalError: training diverged.

        Warns:
            UserWarning: `binarize` doesn't seem to suit the numbers, a column is constant, or columns look like one-hot
                codes that `categories` doesn't declare.
            RuntimeWarning: training seems to diverge, or learned nothing; `log_z_` is uncertain.
        """
        check_arguments(self.get_params(deep=False))
        data = self._bits(X, reset=True)
        self._seed_of_fit = seed_of(self.random_state)
        with self._seeded(self._seed_of_fit) as g:
            table = filled(data, groups=self._groups, generator=g) if data.isnan().any() else data
            self._train(self._build(table), data, g)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> DensityEstimator:  # noqa: ARG002 part of the interface
        """Train the fitted energy for `steps` more steps, on these rows; the first call is `fit`.

        The optimizer starts anew, and rows of earlier calls are not seen again. If it fails or is interrupted, the
        estimator is as before.

        Raises, Warns: as `fit`.
        """
        if not hasattr(self, "energy_"):
            return self.fit(X)
        check_arguments(self.get_params(deep=False))
        data = self._bits(X, reset=False, least=2)
        seed = self._seed_of_fit + 1
        with self._seeded(seed) as g:
            self._train(deepcopy(self.energy_).float(), data, g)
        self._seed_of_fit = seed
        return self

    def score_samples(self, X: Any) -> np.ndarray[Any, Any]:
        """`log p(x)` of each row, `(N,)`, in nats; with the middle of the bracket if `log Z` is estimated.

        A row with missing cells (NaN, at most 16 in a row) has the marginal probability of the others.

        NaN if `log Z` was refused because the model has mass that no training row reaches; `fit` then warned of it.
        """
        check_is_fitted(self)
        data = self._bits(X, reset=False).double()
        if not data.isnan().any():
            return log_likelihood(self.energy_, data, self.log_z_).values.numpy()
        return log_marginal(self.energy_, data.nan_to_num(), ~data.isnan(), self.log_z_).numpy()

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002 part of the interface
        """The mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    def conditional(self, X: Any, columns: Sequence[int]) -> ConditionalLaw:
        """`p(columns | the other columns)` of each row, exact: `most_probable` predicts them as a classifier does.

        Args:
            X: rows with all columns; what they hold in `columns` is ignored, and may be NaN.
            columns: positions of at most 16 columns, such as `[-1]` for the last one.

        Raises:
            InputError: columns that are no positions, repeat or don't exist; missing cells in other columns.

        >>> X = np.repeat([[0, 0], [1, 1]], 100, axis=0)
        >>> model = DensityEstimator(steps=100, random_state=0).fit(X)
        >>> model.conditional([[0, np.nan], [1, np.nan]], columns=[-1]).most_probable.tolist()
        [[0.0], [1.0]]
        """
        check_is_fitted(self)
        data = self._bits(X, reset=False).double()
        places = positions(columns, data.shape[1], self.energy_.groups)
        others = torch.ones(data.shape[1], dtype=torch.bool)
        others[places] = False
        if data[:, others].isnan().any():
            raise InputError("X: expected missing cells in the columns that are asked for only; impute fills in others")
        return conditional_law(self.energy_, data.nan_to_num(), places)

    def impute(self, X: Any, *, random_state: Any = None, steps: int = 1000) -> np.ndarray[Any, Any]:
        """The rows with missing cells (NaN) sampled from their law given the other cells, `(N, D)` zeros and ones.

        Args:
            X: rows, with any number of missing cells; up to 10 in a row are sampled exactly, more by chains.
            random_state: as in the constructor.
            steps: steps of the chains.
        """
        check_is_fitted(self)
        steps = check_count(steps, "steps", least=0)
        data = self._bits(X, reset=False).double()
        g = torch.Generator().manual_seed(seed_of(random_state))
        found = complete(self.energy_, data.nan_to_num(), ~data.isnan(), steps=steps, generator=g)
        return found.numpy().astype(int)

    def sample(self, n_samples: int = 1, *, random_state: Any = None, steps: int = 400) -> np.ndarray[Any, Any]:
        """Sample rows of zeros and ones, `(n_samples, D)`, as `sample_density` does: by enumeration up to 16 bits,
        above by weighting and annealing states of a simple law that is fitted to training rows.

        Args:
            n_samples: number of rows.
            random_state: as in the constructor.
            steps: inverse temperatures of the annealing.

        Warns:
            RuntimeWarning: rows (from some 50 on) differ from ends of chains from training rows, or descend from few.
        """
        check_is_fitted(self)
        n_samples, steps = check_count(n_samples, "n_samples"), check_count(steps, "steps")
        seed, count = seed_of(random_state), -(-n_samples // SNAPSHOTS) * SNAPSHOTS
        g = torch.Generator().manual_seed(seed)
        found = sample_density(self.energy_, self._start.double(), count, steps=steps, seed=seed, generator=g)
        return found.states[:n_samples].numpy().astype(int)

    @available_if(_has_hidden_bits)  # type: ignore[untyped-decorator]
    def transform(self, X: Any) -> np.ndarray[Any, Any]:
        """Features of each row under a restricted Boltzmann machine, `p(h_j = 1|x)`, `(N, H)`; with `energy="rbm"`."""
        return self._machine().transform(self._whole(X)).detach().numpy()

    @available_if(_has_hidden_bits)  # type: ignore[untyped-decorator]
    def reconstruct(self, X: Any) -> np.ndarray[Any, Any]:
        """The probability of a one in each cell, as the features of its row suggest, `(N, D)`; with `energy="rbm"`."""
        return self._machine().reconstruct(self._whole(X)).detach().numpy()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags

    def _build(self, data: Tensor) -> Energy:
        """An untrained energy for a table of bits."""
        if callable(self.energy):
            return with_groups(self.energy(data.shape[1]), self._groups)
        return density_energy(
            self.energy,
            data.shape[1],
            width=self.width,
            layers=self.layers,
            components=self.components or usual_components(self.energy, data.shape[1], len(data), self._groups),
            data=data,
            seed=self._seed_of_fit,
            groups=self._groups,
        )

    def _train(self, energy: Energy, data: Tensor, g: torch.Generator) -> None:
        """Train an energy on a table of bits and NaN, and estimate its log Z."""
        config = FitConfig(steps=self.steps, learning_rate=self.learning_rate, weight_decay=self.weight_decay)
        if callable(self.loss):
            loss = deepcopy(self.loss)  # every fit starts with a fresh state of the loss
        else:
            usual: LossName = "erasure" if Erasure.mixture_inside(energy) else "block-ed"
            loss = density_loss(self.loss or usual, epsilon=self.epsilon, generator=g)
        batches: Iterator[Tensor]
        if data.isnan().any():
            batches = completed_batches(energy, data, self.batch_size, generator=g)
        else:
            batches = shuffled_batches(data, self.batch_size, generator=g)
        records = fit(energy, loss, batches, config)
        if data.isnan().any():
            data = complete(energy, data.nan_to_num(), ~data.isnan(), generator=g)
        energy = energy.double().eval()
        log_z = estimate_log_z(energy, data.double(), generator=g)
        self.energy_, self.log_z_ = energy, log_z  # only now, so that a failure leaves the earlier fit
        self.loss_curve_ = np.array([record["loss"] for record in records])
        self._start = data[torch.randperm(len(data), generator=g)[:1000]].to(torch.uint8)
        warn_if_useless(self.energy_, self._start.double(), self.log_z_)

    def _bits(self, X: Any, *, reset: bool, least: int | None = None) -> Tensor:
        """The table as bits, float32 with NaN for missing cells."""
        least = least or (2 if reset else 1)
        check_threshold(self.binarize)
        try:
            given = validate_data(
                self, X, reset=reset, ensure_min_samples=least, accept_sparse=True, ensure_all_finite="allow-nan"
            )
        except ValueError as error:
            refuse_words(X, error)
            raise
        values = np.asarray(given.toarray() if hasattr(given, "toarray") else given, dtype=float)
        if reset:
            self._groups = groups_of(self.categories, values.shape[1])
            check_encoding(values, self.binarize)
            self._code = Code.of(values, self.binarize)
        elif self.binarize is not None:
            self._code.check(values, self.binarize)
        bits = torch.from_numpy(encode(values, self.binarize).astype(np.float32))
        if self._groups is not None:
            check_whole_groups(self._groups, bits)
        elif reset and not callable(self.energy):
            warn_of_one_hot(bits.numpy())
        return bits

    def _machine(self) -> RBMEnergy:
        check_is_fitted(self)
        if not isinstance(self.energy_, RBMEnergy):
            got = type(self.energy_).__name__
            raise InputError(f"energy: expected a fitted RBMEnergy, got {got}; call fit again after set_params")
        return self.energy_

    def _whole(self, X: Any) -> Tensor:
        data = self._bits(X, reset=False).double()
        if data.isnan().any():
            raise InputError("X: expected no missing cells here; impute fills them in")
        return data

    @contextmanager
    def _seeded(self, seed: int) -> Iterator[torch.Generator]:
        """A block with a generator of that seed, in which torch's own generator has it too."""
        with torch.random.fork_rng(devices=[]):  # an energy or loss of the user may use torch's generator
            torch.default_generator.manual_seed(seed)
            yield torch.Generator().manual_seed(seed)
