"""Samples of a fitted density: by enumeration, from weighted starts, and from noise."""

from __future__ import annotations

import pytest
import torch

from discrete_ed import BernoulliEnergy, InputError, IsingEnergy
from discrete_ed.density import sampling as density_sampling


def test_few_bits_are_enumerated():
    logits = torch.tensor([2.0, -2.0, 0.0])
    g = torch.Generator().manual_seed(0)
    samples = density_sampling.sample_density(BernoulliEnergy(logits), torch.zeros(5, 3), 4000, generator=g)
    assert samples.effective_starts is None
    assert (samples.states.mean(0) - logits.sigmoid()).abs().max() < 4.5 * 0.5 / 4000**0.5


def test_a_count_that_chains_cannot_give_is_refused():
    with pytest.raises(InputError, match="count: expected a multiple of 10"):
        density_sampling.sample_density(BernoulliEnergy(3), torch.zeros(5, 3), 15)


@pytest.mark.parametrize(("starts", "seconds", "total"), [(2000, 9, 10 * 2), (10, 9, 10 + 9), (10, 0, 20 + 9 * 2)])
def test_the_callback_counts_every_step_up_to_the_total(monkeypatch, starts, seconds, total):
    """With weighted starts each of ten parts makes a tenth of the steps; annealing has ten parts of two steps and nine
    later samples; from noise, one part makes all steps."""
    monkeypatch.setattr(density_sampling, "UNIFORM_STARTS", starts)
    monkeypatch.setattr(density_sampling, "MOST_SECONDS", seconds)
    calls = []
    density_sampling.sample_density(
        BernoulliEnergy(18), torch.zeros(5, 18), 40, steps=20, callback=lambda *call: calls.append(call)
    )
    assert calls == [(k + 1, total) for k in range(total)]


UP = torch.tensor(0.8).sigmoid().item()


def two_modes() -> IsingEnergy:
    """Four spins that stand together, up with the odds e^0.8, and fourteen free ones."""
    fields = torch.zeros(18)
    couplings = torch.zeros(18, 18)
    couplings[:4, :4] = 3 * (1 - torch.eye(4))
    fields[0] = 0.4
    return IsingEnergy(couplings, fields)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("starts", "seconds", "exact"), [(60_000, 9, True), (2000, 9, True), (2000, 0, False)], ids=str
)
def test_weighted_starts_and_annealing_follow_the_law_and_noise_does_not(
    monkeypatch, generator, starts, seconds, exact
):
    """Two modes that flips don't join: chains from noise keep their starts' shares, the others have the law's."""
    train = torch.zeros(100, 18, dtype=torch.uint8)
    train[::2] = 1
    monkeypatch.setattr(density_sampling, "UNIFORM_STARTS", starts)
    monkeypatch.setattr(density_sampling, "MOST_SECONDS", seconds)
    samples = density_sampling.sample_density(two_modes(), train, 4000, steps=200, generator=generator)
    x = samples.states
    assert x.shape == (4000, 18)
    assert (samples.effective_starts > 4000) == (starts == 60_000)
    assert (samples.effective_runs is not None) == (starts == 2000 and seconds > 0)
    chains = 4000 if starts == 60_000 else 400
    assert (abs(x[:, 0].mean().item() - UP) < 4.5 * (UP * (1 - UP) / chains) ** 0.5) == exact


@pytest.mark.parametrize("one", [True, False], ids=["of one mode", "of both"])
def test_rows_of_one_mode_are_noticed(monkeypatch, generator, one, recwarn):
    """The base then hardly covers the other mode, which the model's own short runs find: few runs carry all weight."""
    monkeypatch.setattr(density_sampling, "UNIFORM_STARTS", 2000)
    train = (torch.rand(400, 18, generator=generator) < 0.5).float()
    up = torch.zeros(400) if one else (torch.rand(400, generator=generator) < UP).float()
    train[:, :4] = up.unsqueeze(1)
    samples = density_sampling.sample_density(two_modes(), train, 4000, steps=100, generator=generator)
    assert (samples.effective_runs < 40) == one
    assert one or samples.starts_p_value > 0.01
    assert ["annealed runs carry all weight" in str(warning.message) for warning in recwarn.list] == [True] * one
