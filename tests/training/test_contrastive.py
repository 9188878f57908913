"""Contrastive divergence: where its chains start, where they are kept, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from place import DEVICE, seeded

from discrete_ed import (
    BlockGibbs,
    Clamped,
    ContrastiveDivergence,
    Energy,
    FitConfig,
    GibbsWithGradients,
    InputError,
    IsingEnergy,
    RBMEnergy,
    enumerate_states,
    fit,
    log_law,
    shuffled_batches,
)
from discrete_ed.samplers import Kernel, State

pytestmark = pytest.mark.anywhere


@dataclass(frozen=True)
class Add(Kernel):
    """No chain at all: notes where it starts, and flips the first bit at every step."""

    starts: list

    def init(self, local, x):  # noqa: ARG002
        self.starts.append(x.clone())
        return State(x, torch.zeros(len(x)), x.new_zeros(len(x), 0), torch.ones(len(x), dtype=torch.bool))

    def step(self, local, state, *, generator=None):  # noqa: ARG002
        x = state.x.clone()
        x[:, 0] = 1 - x[:, 0]
        return state._replace(x=x)


def test_cd_starts_at_the_batch_and_walks_k_steps():
    starts, energy, x = [], IsingEnergy(torch.zeros(3, 3), torch.tensor([1.0, 2.0, 4.0])), torch.zeros(2, 3)
    odd = ContrastiveDivergence(Add(starts), steps=3)(energy, x)
    even = ContrastiveDivergence(Add(starts), steps=4)(energy, x)
    assert all(torch.equal(start, x) for start in starts)
    assert odd.item() == pytest.approx(2.0)  # E falls by 2h when a field of 1 is obeyed
    assert even.item() == 0.0


def test_pcd_starts_at_the_buffer_and_writes_back_only_where_it_walked(generator):
    starts, x = [], torch.ones(4, 3)
    loss = ContrastiveDivergence(Add(starts), steps=1, buffer=10, generator=generator)
    loss(IsingEnergy(3).to(DEVICE), x)
    before = loss.state_dict()["buffer"]
    loss(IsingEnergy(3).to(DEVICE), x)
    after = loss.state_dict()["buffer"]
    moved = (before != after).any(1)
    assert moved.sum() == 4
    assert sorted(starts[1].tolist()) == sorted(before[moved].float().tolist())
    assert torch.equal(after[moved, 0], 1 - before[moved, 0])
    assert torch.equal(after[:, 1:], before[:, 1:])


def test_restarts_come_from_coins(generator):
    starts = []
    loss = ContrastiveDivergence(Add(starts), steps=1, buffer=2000, restart=0.25, generator=generator)
    loss(IsingEnergy(12).to(DEVICE), torch.zeros(2000, 12))
    loss.buffer = torch.zeros_like(loss.buffer)
    loss(IsingEnergy(12).to(DEVICE), torch.zeros(2000, 12))
    anew = starts[1].any(1).float().mean().item()
    assert abs(anew - 0.25) < 4.5 * (0.25 * 0.75 / 2000) ** 0.5


def test_training_goes_on_where_its_state_was_saved():
    def make() -> tuple[Energy, ContrastiveDivergence]:
        kernel, g = GibbsWithGradients(), seeded(3)
        return IsingEnergy(4).to(DEVICE), ContrastiveDivergence(kernel, steps=2, buffer=8, restart=0.3, generator=g)

    x = torch.ones(4, 4)
    energy, loss = make()
    for _ in range(3):
        loss(energy, x)
    saved = loss.state_dict()
    assert saved["buffer"].dtype == torch.uint8
    values = [loss(energy, x).item() for _ in range(3)]
    other, resumed = make()
    resumed.load_state_dict({**saved, "buffer": saved["buffer"].cpu()})  # as a checkpoint gives it back
    assert [resumed(other, x).item() for _ in range(3)] == values
    assert torch.equal(resumed.state_dict()["buffer"], loss.state_dict()["buffer"])


@pytest.mark.thorough
@pytest.mark.many_steps
@pytest.mark.parametrize("buffer", [0, 200])
def test_it_learns_the_law_of_the_data(buffer):
    """Full visible Ising models match their data's law where the couplings can; exact counts, no held-out noise."""
    g = seeded(0)
    truth = IsingEnergy(
        torch.tensor([[0.0, 0.6, 0.0], [0.6, 0.0, -0.4], [0.0, -0.4, 0.0]]), torch.tensor([0.3, 0, 0.2])
    )
    law = log_law(truth).exp()
    data = enumerate_states(3, device=DEVICE)[law.multinomial(20_000, replacement=True, generator=g)]
    energy = IsingEnergy(3).to(DEVICE)
    loss = ContrastiveDivergence(GibbsWithGradients(), steps=10, buffer=buffer, generator=g)
    fit(energy, loss, shuffled_batches(data, 200, generator=g), FitConfig(steps=300, learning_rate=0.03, ema=0.98))
    assert (log_law(energy).exp() - law).abs().sum() / 2 < 0.02


def test_block_gibbs_serves_machines(generator):
    loss = ContrastiveDivergence(BlockGibbs(), steps=1, generator=generator)
    energy = RBMEnergy(5, 3).to(DEVICE)
    loss(energy, torch.ones(6, 5)).backward()
    assert energy.visible_bias.grad is not None


@pytest.mark.parametrize(
    ("arguments", "message"), [({"steps": 0}, "steps"), ({"buffer": -1}, "buffer"), ({"restart": 1.5}, "restart")]
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        ContrastiveDivergence(**arguments)


def test_frozen_bits_and_states_of_another_length_do_not_go_with_a_buffer():
    loss = ContrastiveDivergence(buffer=4)
    with pytest.raises(InputError, match="freezes no bit"):
        loss(Clamped(IsingEnergy(2).to(DEVICE), torch.tensor([True, False])), torch.zeros(2, 2))
    loss(IsingEnergy(2).to(DEVICE), torch.zeros(2, 2))
    with pytest.raises(InputError, match="x: expected 2 bits as in the buffer, got 3"):
        loss(IsingEnergy(3).to(DEVICE), torch.zeros(2, 3))


def test_a_buffer_of_another_size_is_refused():
    saved = ContrastiveDivergence(buffer=4)
    saved(IsingEnergy(2).to(DEVICE), torch.zeros(2, 2))
    with pytest.raises(InputError, match="expected 5 states, got 4"):
        ContrastiveDivergence(buffer=5).load_state_dict(saved.state_dict())
