"""Early stopping: fit, score the averaged weights on held-out data now and then, and keep the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import cast

from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from discrete_ed.errors import InputError
from discrete_ed.training import AnyEnergy, FitConfig, Record, _ema, fit


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
    batches: Iterable[Tensor],
    config: FitConfig | None = None,
    *,
    score: Callable[[AnyEnergy], float],
    every: int = 200,
    patience: int | None = None,
    watch: Callable[[Record], None] | None = None,
) -> Selected:
    """`fit`, and afterwards `energy` holds those averaged weights that scored best, not the last.

    Args:
        score: judges an energy, higher is better: such as the likelihood, or minus a loss, of validation data.
        every: steps between scores; the last step is scored as well.
        patience: scores in a row without a new best after which the fit stops; None never stops early.
        watch: called with the record of each step; one with a score has it as `score`.

    Raises:
        InputError: `every` or `patience` below 1; whatever `fit` raises.

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
    averaged = AveragedModel(energy, multi_avg_fn=_ema(config.ema))
    scores: list[tuple[int, float]] = []
    records: list[Record] = []
    best: tuple[float, int, dict[str, Tensor]] | None = None

    def step(record: Record) -> None:
        nonlocal best
        averaged.update_parameters(energy)
        number = int(record["step"])
        if number % every == 0 or number == config.steps:
            value = score(cast(AnyEnergy, averaged.module))
            record = {**record, "score": value}
            scores.append((number, value))
            if best is None or value > best[0]:
                best = value, number, {name: part.clone() for name, part in averaged.module.state_dict().items()}
        records.append(record)
        if watch is not None:
            watch(record)
        if best is not None and patience is not None and sum(number > best[1] for number, _ in scores) >= patience:
            raise _Enough

    try:
        fit(energy, loss, batches, replace(config, ema=0.0), watch=step)
    except _Enough:
        pass
    finally:
        if records:
            energy.load_state_dict(averaged.module.state_dict() if best is None else best[2])
    assert best is not None
    return Selected(best[1], best[0], scores, records)
