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


@pytest.mark.parametrize(("starts", "total"), [(2000, 10 * 2), (10, 20 + 9 * 2)])
def test_the_callback_counts_every_step_up_to_the_total(monkeypatch, starts, total):
    """With weighted starts each of ten parts makes a tenth of the steps; from noise, one part makes them all."""
    monkeypatch.setattr(density_sampling, "UNIFORM_STARTS", starts)
    calls = []
    density_sampling.sample_density(
        BernoulliEnergy(18), torch.zeros(5, 18), 40, steps=20, callback=lambda *call: calls.append(call)
    )
    assert calls == [(k + 1, total) for k in range(total)]


def test_weighted_starts_follow_the_law_and_noise_is_the_way_out(monkeypatch, generator):
    """Two modes that flips don't join: chains from noise keep their starts' shares, weighted starts have the law's."""
    fields = torch.zeros(18)
    couplings = torch.zeros(18, 18)
    couplings[:4, :4] = 3 * (1 - torch.eye(4))
    fields[0] = 0.4  # the modes' odds are e^0.8
    energy = IsingEnergy(couplings, fields)
    up = torch.tensor(0.8).sigmoid().item()
    train = torch.zeros(100, 18, dtype=torch.uint8)
    train[::2] = 1
    monkeypatch.setattr(density_sampling, "UNIFORM_STARTS", 200_000)
    samples = density_sampling.sample_density(energy, train, 4000, steps=200, generator=generator)
    x, ess = samples.states, samples.effective_starts
    assert x.shape == (4000, 18)
    assert ess > 4000
    assert abs(x[:, 0].mean().item() - up) < 4.5 * (up * (1 - up) / 4000) ** 0.5
    monkeypatch.setattr(density_sampling, "UNIFORM_STARTS", 2000)
    samples = density_sampling.sample_density(energy, train, 4000, steps=200, generator=generator)
    x, ess = samples.states, samples.effective_starts
    assert x.shape == (4000, 18)
    assert ess < 4000
    assert abs(x[:, 0].mean().item() - up) > 0.1
