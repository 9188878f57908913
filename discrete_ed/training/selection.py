"""Early stopping: fit, score the averaged weights on held-out data now and then, and keep the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from discrete_ed.energies.base import AnyEnergy
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.distributed import from_first_
from discrete_ed.training.fit import FitConfig, Record, _ema, columns_of, fit, records_of


@dataclass(frozen=True)
class Selected:
    """What a fit with selection came to."""

    step: int
    """The step whose averaged weights the energy now holds."""
    score: float
    """Their score."""
    scores: list[tuple[int, float]]
    """All steps at which a score was taken, with the score."""
    records: list[Record]
    """A record for each step, as `fit` gives them."""


class _Enough(Exception):
    """Raised out of `fit` when patience is at an end."""


def fit_selected(
    energy: AnyEnergy,
    loss: Callable[[AnyEnergy, Tensor], Tensor],
    batches: Iterable[Tensor | Sequence[Tensor]],
    config: FitConfig | None = None,
    *,
    score: Callable[[AnyEnergy], float],
    every: int = 200,
    patience: int | None = None,
    callback: Callable[[Record], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> Selected:
    """`fit`, and afterwards `energy` holds those averaged weights that scored best, not the last.

    Args:
        score: judges an energy (in its mode of evaluation), higher is better: such as the likelihood, or minus a loss,
            of validation data.
        every: steps between scores; the last step is scored as well.
        patience: scores in a row without a new best after which the fit stops; None never stops early.
        callback: called with the record of each step; one with a score has it as `score`.
        checkpoints: as in `fit`; the scores and the best weights so far are saved as well.

    Raises:
        InputError: `every` or `patience` below 1; whatever `fit` raises.
        NumericalError: a score is NaN; whatever `fit` raises.

    >>> import torch
    >>> from discrete_ed import IsingEnergy, log_likelihood, pseudo_likelihood, shuffled_batches
    >>> g = torch.Generator().manual_seed(0)
    >>> data = (torch.rand(200, 3, generator=g) < 0.8).float()
    >>> train, valid = data[:150], data[150:]
    >>> energy = IsingEnergy(3)
    >>> selected = fit_selected(
    ...     energy,
    ...     pseudo_likelihood,
    ...     shuffled_batches(train, 50, generator=g),
    ...     FitConfig(steps=60, learning_rate=0.1),
    ...     score=lambda energy: log_likelihood(energy, valid).mean,
    ...     every=20,
    ... )
    >>> [step for step, _ in selected.scores], selected.score == max(score for _, score in selected.scores)
    ([20, 40, 60], True)
    """
    if every < 1 or (patience is not None and patience < 1):
        raise InputError(f"every, patience: expected at least 1, got {every} and {patience}")
    config = config or FitConfig()
    selection = _Selection(energy, config, score, every, patience, callback)
    try:
        fit(energy, loss, batches, replace(config, ema=0.0), callback=selection, checkpoints=checkpoints)
    except _Enough:
        pass
    finally:
        if selection.records:
            best = selection.best
            energy.load_state_dict(selection.averaged.module.state_dict() if best is None else best[2])
    assert selection.best is not None
    return Selected(selection.best[1], selection.best[0], selection.scores, selection.records)


class _Selection:
    """Watches a fit: averages the weights, scores them, keeps the best. Its state is saved with the fit's."""

    def __init__(
        self,
        energy: AnyEnergy,
        config: FitConfig,
        score: Callable[[AnyEnergy], float],
        every: int,
        patience: int | None,
        callback: Callable[[Record], None] | None,
    ) -> None:
        self.energy, self.score, self.steps = energy, cast(Callable[[Any], float], score), config.steps
        self.every, self.patience, self.callback = every, patience, callback
        self.settings = [config.ema, every, patience]
        self.averaged = AveragedModel(energy, multi_avg_fn=_ema(config.ema)).eval()
        self.scores: list[tuple[int, float]] = []
        self.records: list[Record] = []
        self.best: tuple[float, int, dict[str, Tensor]] | None = None

    def __call__(self, record: Record) -> None:
        self.averaged.update_parameters(self.energy)
        number = int(record["step"])
        if number % self.every == 0 or number == self.steps:
            with torch.no_grad():
                value = float(self.score(self.averaged.module))
            value = from_first_(torch.tensor(value, dtype=torch.float64)).item()  # all ranks stop together
            if isnan(value):
                raise NumericalError(f"score: expected a number, got NaN at step {number}")
            record = {**record, "score": value}
            self.scores.append((number, value))
            if self.best is None or value > self.best[0]:
                weights = {name: part.clone() for name, part in self.averaged.module.state_dict().items()}
                self.best = value, number, weights
        self.records.append(record)
        if self.callback is not None:
            self.callback(record)
        if self.best is not None and self.patience is not None:
            best_step = self.best[1]
            if sum(number > best_step for number, _ in self.scores) >= self.patience:
                raise _Enough

    def state_dict(self) -> dict[str, Any]:
        return {
            "settings": self.settings,
            "averaged": self.averaged.state_dict(),
            "scores": self.scores,
            "records": columns_of(self.records),
            "best": self.best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state.get("settings", self.settings) != self.settings:  # checkpoints of old have none
            raise InputError(
                f"ema, every, patience: expected those of the checkpoint, {state['settings']}, got {self.settings}"
            )
        self.averaged.load_state_dict(state["averaged"])
        self.scores = [(step, score) for step, score in state["scores"]]
        scores = dict(self.scores)
        self.records = [
            {**record, "score": scores[int(record["step"])]} if record["step"] in scores else record
            for record in records_of(state["records"])
        ]
        self.best = None if state["best"] is None else tuple(state["best"])
