"""Fitting an energy: one loop for every loss, as a function or as an iterator over its steps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import cast

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from discrete_ed.energies.base import AnyEnergy
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.interrupts import deferred
from discrete_ed.training.config import FitConfig
from discrete_ed.training.loop import Training
from discrete_ed.training.records import Record


def fit(
    energy: AnyEnergy,
    loss: Callable[[AnyEnergy, Tensor], Tensor],
    batches: Iterable[Tensor | Sequence[Tensor]],
    config: FitConfig | None = None,
    *,
    optimizer: Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    stop: Callable[[], bool] | None = None,
    callback: Callable[[Record], None] | None = None,
    snapshot: Callable[[int, AnyEnergy], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> list[Record]:
    """Minimise `loss(energy, x)` over the batches; afterwards `energy` holds the averaged weights.

    During the fit the energy is in training mode (dropout is active), afterwards in evaluation mode, as samplers and
    likelihoods need it.

    Args:
        energy: trained in place.
        loss: any function of an energy and a batch that returns a scalar.
        batches: at least `config.steps` batches of data `(B, D)`, from `shuffled_batches`, a `DataLoader`, or any other
            source; they are moved to the energy's device and precision. When a training is resumed, an iterable without
            `state_dict` (such as a list) is read again up to the step that was reached; it must not be random.
        config: how to optimise.
        optimizer: an optimizer made for `energy.parameters()`, used instead of AdamW with the warm-up and decay of
            `config`; then `learning_rate`, `warmup` and `weight_decay` of `config` are not used. The learning rate
            stays as it is, unless a scheduler changes it.
        scheduler: a learning rate scheduler made for `optimizer`; it makes a step after each step of the optimizer
            (`ReduceLROnPlateau` is given the loss).
        stop: asked after each step whether to end the fit before `config.steps`, with the same answer on all ranks.
        callback: called with the record of each step of this call (not with those of earlier calls that it resumes).
        snapshot: called after each step of this call with its number and the energy with the averaged weights so far,
            in evaluation mode. It is one energy throughout, so save or copy what you want to keep.
        checkpoints: where to save, and from where to resume if there is a checkpoint. Saved are the weights and their
            average, the optimizer and the scheduler, the records, the position in the batches, torch's own generators,
            and the state of a loss or `callback` that has a `state_dict`; other generators must be among the things of
            `checkpoints`. A training that was stopped after any step and resumed equals an uninterrupted one, on a CPU
            bit for bit.

    Inside `processes()` every rank calls this with its share of the data and, if the loss is random, with a generator
    seeded by `rank_seed`; gradients are averaged over all rows, and each rank saves its own checkpoints.

    Returns:
        A record for each step: `step`, `loss`, `grad_norm` (before clipping) and `learning_rate`.

    Raises:
        NumericalError: the loss or its gradient is not finite. That step is not taken, no checkpoint is written, and
            `energy` holds the averaged weights so far. Or the last loss is a thousand times as large as the first.
        InputError: there are too few batches, the optimizer is for other parameters, or a checkpoint can't be written
            or belongs to another training.
        Interrupted: SIGINT or SIGTERM was received. The step is finished and saved, and `energy` holds the averaged
            weights so far; a second signal ends the program at once.

    >>> import torch
    >>> from discrete_ed import Bernoulli, IsingEnergy, energy_discrepancy, shuffled_batches
    >>> g = torch.Generator().manual_seed(0)
    >>> data = (torch.rand(500, 1, generator=g) < 0.9).expand(-1, 2)  # two spins that always agree
    >>> energy = IsingEnergy(2)
    >>> records = fit(
    ...     energy,
    ...     lambda energy, x: energy_discrepancy(energy, x, Bernoulli(epsilon=0.2), generator=g),
    ...     shuffled_batches(data, 100, generator=g),
    ...     FitConfig(steps=50, learning_rate=0.1),
    ... )
    >>> bool(energy.couplings[0, 1] > 0.5)
    True
    """
    training = Training(
        energy,
        loss,
        batches,
        config,
        optimizer=optimizer,
        scheduler=scheduler,
        checkpoints=checkpoints,
        things={"callback": callback},
    )
    with deferred() as pending:
        with closing(training.steps(pending)) as steps:
            for record in steps:
                if callback is not None:
                    callback(record)
                if snapshot is not None:
                    snapshot(len(training.records), cast(AnyEnergy, training.averaged.module))
                if stop is not None and stop():
                    break
        pending.check()
    return training.records


def fit_steps(
    energy: AnyEnergy,
    loss: Callable[[AnyEnergy, Tensor], Tensor],
    batches: Iterable[Tensor | Sequence[Tensor]],
    config: FitConfig | None = None,
    *,
    optimizer: Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    checkpoints: Checkpoints | None = None,
) -> Generator[Record]:
    """`fit` as an iterator: each step is taken when its record is requested, and leaving the loop stops the training.

    Between two steps `energy` holds the current weights and is in training mode. At the end, and when the loop is left
    early or the iterator is closed, it holds the averaged weights and is in evaluation mode. A checkpoint is written
    when the next record is asked for, so that it includes what the loop did with the last one.

    A SIGINT or SIGTERM during a step raises `Interrupted` when the step is finished and saved. The loop is not given
    the record of that step, so a resumed training begins with it. Between two steps signals have their usual effect.

    The arguments and errors are those of `fit`; errors in the arguments are raised by the call itself.

    >>> import torch
    >>> from discrete_ed import IsingEnergy, pseudo_likelihood, shuffled_batches
    >>> g = torch.Generator().manual_seed(0)
    >>> batches = shuffled_batches((torch.rand(500, 2, generator=g) < 0.9).float(), 100, generator=g)
    >>> for record in fit_steps(IsingEnergy(2), pseudo_likelihood, batches, FitConfig(learning_rate=0.1)):
    ...     if record["loss"] < 0.8:
    ...         break
    >>> record["step"] < 100
    True
    """
    return Training(
        energy, loss, batches, config, optimizer=optimizer, scheduler=scheduler, checkpoints=checkpoints
    ).steps()
