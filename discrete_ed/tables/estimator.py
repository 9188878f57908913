"""An estimator of tables of any kind, in the style of scikit-learn: data frames in, data frames out."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from discrete_ed.density.scikit_learn import BaseEstimator, DensityMixin, check_is_fitted, seed_of
from discrete_ed.errors import InputError, check_count
from discrete_ed.likelihood import LogPartition, Mixture, estimate_log_z, log_likelihood
from discrete_ed.tables.columns import Cells
from discrete_ed.tables.encoding import TableEncoder
from discrete_ed.tables.energy import TableEnergy
from discrete_ed.tables.fitting import SCORES, train_energy
from discrete_ed.tables.law import RowLaw
from discrete_ed.tables.matching import CHAINS, distance_of_starts, match_table, number_of_chains, warn_of_starts
from discrete_ed.tables.missing import rows_in_turn, table_covariance
from discrete_ed.tables.mixture import column_shares
from discrete_ed.tables.optional import expect_frame, pandas
from discrete_ed.tables.pairs import ChosenPairs
from discrete_ed.tables.recognition import Types
from discrete_ed.tables.sweeps import column_law, log_conditionals, sweep_columns
from discrete_ed.training import FitConfig, Record

if TYPE_CHECKING:
    from pandas import DataFrame


class TableEstimator(DensityMixin, BaseEstimator):  # type: ignore[misc]
    """An energy-based model of a table with categories, ordinals, numbers and missing cells.

    Rows are encoded by `TableEncoder`, and the energy is a `TableEnergy`: a mixture finds kinds of rows, its couplings
    of pairs are those of a Gaussian law or are fitted by pseudo-likelihood, its network learns from blocks of columns
    (energy discrepancy with all values of a block summed), and at the end the laws of the columns are matched: exactly
    up to 2^16 joint values, otherwise by annealed chains. Rows that it doesn't train on choose which of these there
    are, see `train_energy`. Numbers are sampled inside their bins by a Gaussian copula, see `BinnedCopula`.

    Args:
        types: kinds of columns, see `recognise_columns`.
        bins: about how many bins a number has, see `TableEncoder.fit`.
        width: units of the hidden layer.
        block: k; a block of columns has at most 2^k joint values, or is a single column.
        steps: training steps.
        batch_size: rows in a training step.
        learning_rate: peak learning rate of AdamW.
        weight_decay: decoupled weight decay.
        random_state: a seed, a `numpy.random.RandomState` or `Generator`, or None for a random seed.

    Attributes:
        encoder_: how rows become states, with the columns in `encoder_.schema`.
        energy_: the fitted energy, in float64.
        rows_: the number of rows that it was fitted to.
        couplings_: how the couplings were fitted, a `ChosenPairs`; None in a model that was loaded.
        step_: the training step of the network that was chosen; 0 is no network.
        validation_scores_: for each step at which it was taken, the mean of `log p(cell | the other cells)` over
            validation rows, summed over known cells.
        distance_of_starts_: how much chains from training rows and annealed ones disagree, see
            `discrete_ed.tables.matching`; 0 up to 2^16 joint values, where all is exact.

    >>> import pandas as pd
    >>> x = np.random.default_rng(0).integers(3, size=200)
    >>> frame = pd.DataFrame({"colour": np.array(["red", "green", "blue"])[x], "price": 10.5 * x})
    >>> model = TableEstimator(steps=20, random_state=0).fit(frame)
    >>> model.sample(5, random_state=1).dtypes.equals(frame.dtypes)
    True
    """

    def __init__(
        self,
        types: Types | None = None,
        *,
        bins: int | None = None,
        width: int = 64,
        block: int = 5,
        steps: int = 300,
        batch_size: int = 256,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.1,
        random_state: Any = None,
    ) -> None:
        self.types = types
        self.bins = bins
        self.width = width
        self.block = block
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.random_state = random_state

    def fit(
        self,
        X: DataFrame,
        y: Any = None,  # noqa: ARG002 part of the interface
        *,
        callback: Callable[[Record], None] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> TableEstimator:
        """Fit the energy to a table; `y` is ignored.

        Missing cells are sampled again and again from the model that is being fitted, given the other cells of their
        row, which is right where it does not depend on a cell's own value whether it is missing. `callback` is called
        with the record of each training step on the rows that are not held out, and `progress` with the name of a
        phase (couplings, network, network with all rows) and the number of its steps done and to be done (at most).

        Raises:
            InputError: columns of a kind that can't be used, see `recognise_columns`; fewer than 20 rows; an argument
                of the constructor that can't be used.
            NumericalError: training diverged.

        Warns:
            UserWarning: as `recognise_columns`; chains from two starts disagree, see `sample`.
        """
        for name in ("width", "block", "steps", "batch_size"):
            check_count(getattr(self, name), name)
        expect_frame(X, "X")
        if len(X) < SCORES:
            raise InputError(f"X: expected at least {SCORES} rows, got {len(X)}")
        seed = seed_of(self.random_state)
        encoder = TableEncoder.fit(X, self.types, bins=self.bins)
        positions = encoder.positions(X)
        g = torch.Generator().manual_seed(seed)
        config = FitConfig(steps=self.steps, learning_rate=self.learning_rate, weight_decay=self.weight_decay, ema=0.99)
        trained = train_energy(
            encoder,
            positions,
            config,
            width=self.width,
            block=self.block,
            batch_size=self.batch_size,
            seed=seed,
            generator=g,
            callback=callback,
            progress=progress,
        )
        self.couplings_: ChosenPairs | None = trained.pairs
        energy, self.step_, self.validation_scores_ = trained.energy, trained.step, trained.scores
        shares, distance = column_shares(positions, encoder.sizes), 0.0
        covariance = table_covariance(energy, positions, g)
        if not RowLaw.is_small(encoder.sizes):
            chains = number_of_chains(len(positions))
            rows = rows_in_turn(positions, CHAINS, g)
            energy, annealed = match_table(energy, shares, covariance, rows, chains=chains, generator=g)
            distance = distance_of_starts(energy, rows, annealed, generator=g)
            warn_of_starts(distance, encoder.bits, "samples and log-likelihoods may be wrong")
        law = RowLaw.matched(energy.double(), shares, covariance)
        return self._fitted(encoder, energy, law, positions, shares, seed, distance)

    def _fitted(
        self,
        encoder: TableEncoder,
        energy: TableEnergy,
        law: RowLaw | None,
        rows: Cells,
        shares: list[Tensor],
        seed: int,
        distance: float,
    ) -> TableEstimator:
        self.encoder_, self.energy_, self.distance_of_starts_ = encoder, energy, distance
        self._law, self._rows, self._shares, self._seed_of_fit = law, rows, shares, seed
        self.rows_ = len(rows)
        self._log_z: LogPartition | None = None
        self.n_features_in_ = len(encoder.sizes)
        self.feature_names_in_ = np.array(encoder.schema.names, dtype=object)
        return self

    def sample(self, n_samples: int = 1, *, random_state: Any = None, sweeps: int = 60) -> DataFrame:
        """Sample rows, with the same columns, order and dtypes as the table.

        Up to 2^16 joint values, rows have the law of the model exactly, and `sweeps` has no effect. Otherwise chains
        start at training rows, so that no mode is missed, and sample each column given all others `sweeps` times;
        whether synthetic rows are too near to training rows is what `privacy` measures. The rows of one call are
        stratified, see `sweep_columns`: each has its law, while shares and means over all of them have less noise than
        those of independent rows.

        Warns:
            UserWarning: chains from training rows and annealed ones, which sample the same law, disagree.
        """
        check_is_fitted(self)
        count, sweeps = check_count(n_samples, "n_samples"), check_count(sweeps, "sweeps", least=0)
        seed = seed_of(random_state)
        g = torch.Generator().manual_seed(seed)
        so = "samples may be nearer to the training rows than the model is"
        warn_of_starts(self.distance_of_starts_, self.encoder_.bits, so)
        if self._law is not None:
            found = self._law.sample(count, generator=g)
        else:
            found = sweep_columns(
                self.energy_, rows_in_turn(self._rows, count, g), sweeps, stratified=True, generator=g
            )
        return self._decoded(found, seed)

    def impute(self, X: DataFrame, *, random_state: Any = None, sweeps: int = 60) -> DataFrame:
        """The rows with missing cells sampled from their law given the other cells, which stay exactly as they are."""
        check_is_fitted(self)
        seed = seed_of(random_state)
        g = torch.Generator().manual_seed(seed)
        cells = self.encoder_.positions(X)
        start, known = self._started(cells, g)
        found = self._sampled(start, known, check_count(sweeps, "sweeps"), g)
        states = self.encoder_.states(found.double().numpy())
        completed = self.encoder_.decode(states, seed=seed, known=self.encoder_.schema.codes(X))
        completed.index = X.index
        return completed

    def predict_proba(self, X: DataFrame, column: Hashable, *, random_state: Any = None, sweeps: int = 60) -> DataFrame:
        """`p(column | the other cells)` of each row: a column for each of its values, or for each bin of a number.

        What the rows hold in the column is ignored, and it may be absent. It is exact where no other cell is missing;
        otherwise it is exact up to 2^16 joint values, and else the mean over the last half of the sweeps of a chain
        over the missing cells.

        Raises:
            InputError: no such column; other columns that are absent or hold values that were not seen.
        """
        check_is_fitted(self)
        sweeps = check_count(sweeps, "sweeps")
        place = self.encoder_.schema.position(column)
        expect_frame(X, "X")
        cells = self.encoder_.positions(_without(X, column))
        g = torch.Generator().manual_seed(seed_of(random_state))
        current, known = self._started(cells, g)
        law = column_law(self.energy_, current, place).exp()
        gaps = ~known
        gaps[:, place] = False
        some = gaps.any(1)
        if some.any() and self._law is not None:
            law[some] = self._law.column_given(current[some], known[some], place).to(law)
        elif some.any():
            law[some] = 0.0
            part = current[some]
            for sweep in range(max(2, sweeps)):
                part = sweep_columns(self.energy_, part, 1, known=known[some], generator=g)
                if sweep >= max(2, sweeps) // 2:
                    law[some] += column_law(self.energy_, part, place).exp()
            law[some] /= law[some].sum(1, keepdim=True)
        found = pandas().DataFrame(law.numpy(), index=X.index)
        found.columns = self.encoder_.labels(column)
        return found

    def log_conditionals(self, X: DataFrame) -> DataFrame:
        """`log p(cell | the other cells)` of each cell, NaN where it is missing; exact where the row is complete.

        A low value names the column that makes a row improbable. Missing cells are sampled first, see `impute`.
        """
        check_is_fitted(self)
        cells = self.encoder_.positions(X)
        found = log_conditionals(self.energy_, self._completed(cells)).numpy()
        names = list(self.encoder_.schema.names)
        return pandas().DataFrame(np.where(np.isnan(cells), np.nan, found), index=X.index, columns=names)

    def independent_log_probabilities(self, X: DataFrame) -> DataFrame:
        """`log p(cell)` of each cell by the law of its column alone, the trivial model; NaN where it is missing."""
        check_is_fitted(self)
        cells = self.encoder_.positions(X)
        found = {
            name: np.where(np.isnan(column), np.nan, share.log().numpy()[np.nan_to_num(column).astype(int)])
            for name, column, share in zip(self.encoder_.schema.names, cells.T, self._shares, strict=True)
        }
        return pandas().DataFrame(found, index=X.index)

    def anomaly_scores(self, X: DataFrame) -> np.ndarray[Any, Any]:
        """`−Σ log p(cell | the other cells)` of each row, `(N,)`: the larger, the less expected; needs no log Z.

        Missing cells have no term, so rows with fewer cells have smaller scores.
        """
        return 0.0 - self.log_conditionals(X).sum(axis=1).to_numpy()  # no −0

    def score_samples(self, X: DataFrame) -> np.ndarray[Any, Any]:
        """`log p(row)` in nats, `(N,)`, of the values and bins of the cells; with the middle of the bracket of log Z.

        Raises:
            InputError: missing cells; `anomaly_scores` takes them.
        """
        check_is_fitted(self)
        states = self.encoder_.encode(X).double()
        if states.isnan().any():
            raise InputError("X: expected no missing cells; impute them, or take anomaly_scores")
        return log_likelihood(self.energy_, states, self.log_z_).values.numpy()

    def score(self, X: DataFrame, y: Any = None) -> float:  # noqa: ARG002 part of the interface
        """The mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    @property
    def log_z_(self) -> LogPartition:
        """The log partition function, estimated when it is first asked for: exact for few states, else a bracket."""
        check_is_fitted(self)
        warn_of_starts(self.distance_of_starts_, self.encoder_.bits, "log Z may miss a part of the model")
        if self._log_z is None and self._law is not None:
            self._log_z = self._law.log_partition
        elif self._log_z is None:
            g = torch.Generator().manual_seed(self._seed_of_fit)
            states = self.encoder_.states(self._completed(self._rows).double().numpy()).double()
            own = self.energy_.mixture
            law = Mixture(own.log_weights, own.logits().T, self.energy_.groups)
            base: Any = law if len(own.log_weights) > 1 else "auto"
            self._log_z = estimate_log_z(self.energy_, states, base=base, generator=g)
        return self._log_z

    def _started(self, cells: Cells, g: torch.Generator) -> tuple[Tensor, Tensor]:
        """Positions with missing ones sampled from the mixture of the energy, and which cells are known."""
        known = torch.from_numpy(~np.isnan(cells))
        positions = torch.from_numpy(np.nan_to_num(cells)).long()
        return self.energy_.mixture.filled(positions, known, generator=g), known

    def _completed(self, cells: Cells) -> Tensor:
        """Positions with missing ones sampled from the model."""
        g = torch.Generator().manual_seed(self._seed_of_fit)
        start, known = self._started(cells, g)
        return start if known.all() else self._sampled(start, known, 20, g)

    def _sampled(self, start: Tensor, known: Tensor, sweeps: int, g: torch.Generator) -> Tensor:
        """Rows whose cells that are not known are sampled given the others: exactly, or by chains."""
        if self._law is not None:
            return self._law.complete(start, known, generator=g)
        return sweep_columns(self.energy_, start, sweeps, known=known, generator=g)

    def _decoded(self, positions: Tensor, seed: int) -> DataFrame:
        return self.encoder_.decode(self.encoder_.states(positions.double().numpy()), seed=seed)


def _without(X: DataFrame, column: Hashable) -> DataFrame:
    frame = X.copy()
    frame[column] = np.nan
    return frame
