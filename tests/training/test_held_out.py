"""Early stopping by held-out data, and training for a time."""

import pytest
import torch
from torch import nn

from discrete_ed import BernoulliEnergy, Energy, FitConfig, InputError, fit, shuffled_batches
from discrete_ed.training import HeldOutLoss, TimeBudget, budget, timed_optimizer


class Number(Energy):
    """An energy with one weight."""

    def __init__(self, bits=2):
        super().__init__()
        self.bits, self.weight = bits, nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.weight * x.sum(-1)


def watched(losses, patience=3):
    """A watch that was given these losses in turn; the weight is the number of the look."""
    energy, rows = Number(), iter(losses)
    watch = HeldOutLoss(lambda _: torch.as_tensor(next(rows)), every=10, patience=patience)
    for step in range(1, 10 * len(losses) + 1):
        energy.weight.data.fill_(step // 10)
        watch(step, energy)
    return watch, energy


CLEAR, UNCLEAR = [1.1, 1.2, 1.1], [1.5, 0.7, 1.0]


@pytest.mark.parametrize(
    ("losses", "kept"),
    [
        ([[2.0, 2.0, 2.0], [1.0, 1.1, 1.0], CLEAR], 20),
        ([[2.0, 2.0, 2.0], [1.0, 1.1, 1.0], UNCLEAR], 30),  # worse on average, but within the error
        ([[2.0, 2.0, 2.0], [1.0, 1.1, 1.0], [0.9, 1.0, 0.9]], 30),
    ],
)
def test_the_last_weights_are_kept_unless_they_are_clearly_worse(losses, kept):
    watch, energy = watched(losses)
    assert [step for step, _ in watch.course] == [10, 20, 30]
    assert watch.choose(energy) == kept
    assert energy.weight == kept // 10
    assert not watch.stop()


def test_training_stops_when_the_loss_stays_clearly_above_the_least():
    watch, _ = watched([[1.0, 1.1, 1.0], CLEAR, CLEAR], patience=2)
    assert watch.stop()
    watch, _ = watched([[1.0, 1.1, 1.0], CLEAR, [1.0, 1.1, 1.0], CLEAR], patience=2)
    assert not watch.stop()


def test_what_was_seen_survives_a_checkpoint():
    watch, energy = watched([[1.0, 1.1, 1.0], CLEAR])
    again = HeldOutLoss(watch.losses, every=10)
    again.load_state_dict(watch.state_dict())
    assert again.course == watch.course
    assert again.choose(energy) == 10
    assert energy.weight == 1


def test_fit_ends_when_it_is_told_to():
    energy, seen = BernoulliEnergy(3), []
    x = torch.eye(3)
    records = fit(
        energy,
        lambda energy, x: energy(x).mean(),
        shuffled_batches(x, 3),
        FitConfig(steps=50),
        stop=lambda: len(seen) == 4,
        callback=seen.append,
    )
    assert len(records) == len(seen) == 4


def test_the_learning_rate_falls_to_zero_within_the_time_and_a_resumed_training_has_the_rest(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    clock = TimeBudget(60.0)
    optimizer, scheduler = timed_optimizer(Number().parameters(), FitConfig(steps=1000, learning_rate=1.0), clock)
    rates = []
    for seconds in (0.0, 1.2, 30.6, 60.0):
        now[0] = 100 + seconds
        optimizer.step()
        scheduler.step()
        rates.append(scheduler.get_last_lr()[0])
    assert rates == pytest.approx([0.05, 1.0, 0.5, 0.0], abs=0.01)
    assert clock.spent()
    saved = TimeBudget(60.0)
    now[0] += 45
    state = saved.state_dict()
    now[0] += 1000  # the time between two processes does not count
    resumed = TimeBudget(60.0)
    resumed.load_state_dict(state)
    now[0] += 6
    assert resumed.share() == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: TimeBudget(0.0), "seconds: expected a positive number, got 0"),
        (lambda: HeldOutLoss(lambda _: torch.ones(2), every=0), "every, patience: expected at least 1, got 0 and 3"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()
