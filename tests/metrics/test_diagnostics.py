"""Diagnostics of chains: against a reference's numbers, against known laws, and where nothing is known."""

from __future__ import annotations

import sys
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from contracts import ising

from discrete_ed import (
    DMALA,
    Exact,
    Gibbs,
    InputError,
    IsingEnergy,
    chain,
    diagnose,
    ess_bulk,
    ess_tail,
    rhat,
    to_arviz,
)
from discrete_ed.metrics import hamming_jump


def autoregressive(chains: int, draws: int, rho: float, generator: torch.Generator) -> torch.Tensor:
    z = torch.randn(chains, draws, generator=generator, dtype=torch.float64)
    x = torch.zeros_like(z)
    x[:, 0] = z[:, 0]
    for t in range(1, draws):
        x[:, t] = rho * x[:, t - 1] + z[:, t]
    return x


# R̂, bulk and tail effective sample size by arviz 0.23.4 (az.rhat, az.ess) of the chains below, to all its digits.
ARVIZ = {
    "real": (1.0081003022168302, 179.9949453688641, 426.3274696720422),
    "bits": (1.0070872263037407, 256.551155484461, 256.551155484461),
    "odd": (1.0075350848746003, 180.49712124218516, 428.34484944359525),
}


@pytest.mark.parametrize("name", ARVIZ)
def test_the_figures_are_those_of_arviz(name, generator):
    x = autoregressive(4, 200, 0.7, generator)
    draws = {"real": x, "bits": (x > 0.5).double(), "odd": x[:, :199]}[name]
    for figure, wanted in zip((rhat, ess_bulk, ess_tail), ARVIZ[name], strict=True):
        assert figure(draws).item() == pytest.approx(wanted, rel=1e-9)


@pytest.mark.thorough
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.4])
def test_the_size_is_the_known_one_of_an_autoregressive_process(rho, generator):
    x = autoregressive(8, 20_000, rho, generator)
    wanted = x.numel() * (1 - rho) / (1 + rho)
    assert ess_bulk(x).item() == pytest.approx(wanted, rel=0.12)


def test_every_quantity_is_judged_by_itself(generator):
    x = torch.stack([autoregressive(4, 100, rho, generator) for rho in (0.1, 0.5, 0.9)], -1)
    x = torch.stack([x, (x > 0).double()], -1)
    for figure in (rhat, ess_bulk, ess_tail):
        values = figure(x)
        assert values.shape == (3, 2)
        for i in range(3):
            for j in range(2):
                assert values[i, j].item() == pytest.approx(figure(x[..., i, j]).item(), rel=1e-9)


def test_chains_that_disagree_in_place_or_in_width_are_seen(generator):
    x = torch.randn(4, 400, generator=generator, dtype=torch.float64)
    assert rhat(x) < 1.01
    place, width = x.clone(), x.clone()
    place[0] += 1
    width[0] *= 3
    assert rhat(place) > 1.05
    assert rhat(width) > 1.05
    assert ess_bulk(place) < 0.1 * ess_bulk(x)
    trend = x + torch.linspace(0, 2, 400)
    assert rhat(trend) > 1.05


def test_chains_that_stand_still_give_nan():
    nothing, stuck = torch.ones(4, 50, 2), torch.tensor([0.0, 1.0]).view(2, 1, 1).expand(2, 50, 2)
    for figure in (rhat, ess_bulk, ess_tail):
        assert figure(nothing).isnan().all()
        assert figure(stuck).isnan().all()
        assert figure(torch.full((2, 10), torch.inf)).isnan()
    one_moves = nothing.clone()
    one_moves[..., 1] = torch.arange(50) % 2
    assert rhat(one_moves)[0].isnan()
    assert rhat(one_moves)[1].isfinite()


def test_one_chain_and_half_of_the_bits_set_are_no_exception():
    bits = (torch.arange(100) % 2).float().expand(1, 100)
    assert rhat(bits).isfinite()
    assert ess_bulk(bits) >= 100
    assert ess_tail(bits) >= 100


def test_the_diagnosis_of_a_chain(generator):
    energy = ising(6, scale=0.15)
    x = torch.rand(8, 6, generator=generator, dtype=torch.float64).round()
    states = list(islice(chain(DMALA(0.7), Exact(energy), x, generator=generator), 100, 600))
    diagnosis = diagnose(states)
    bits = torch.stack([state.x for state in states], 1)
    assert torch.equal(diagnosis.rhat, rhat(bits))
    assert torch.equal(diagnosis.jump, hamming_jump(bits))
    assert diagnosis.rhat.shape == diagnosis.ess_bulk.shape == diagnosis.ess_tail.shape == (6,)
    assert (diagnosis.rhat < 1.05).all()
    assert diagnosis.energy_rhat < 1.05
    assert 100 < diagnosis.energy_ess_bulk < 8 * 500
    assert 100 < diagnosis.energy_ess_tail < 8 * 500
    assert diagnosis.acceptance.shape == diagnosis.jump.shape == (8,)
    share = torch.stack([state.accepted for state in states]).double().mean()
    assert diagnosis.acceptance.mean().item() == pytest.approx(share.item())
    assert (diagnosis.jump > 0).all()


def test_effective_draws_are_weighed_against_time_and_evaluations(generator, monkeypatch):
    now = 100.0
    monkeypatch.setattr("discrete_ed.metrics.diagnostics.time", SimpleNamespace(perf_counter=lambda: now))

    class Slow:
        """Yields the states of a chain with a pause before each, and a long one before the first."""

        def __init__(self, states, pause):
            self.states, self.pause = iter(states), 50 * pause
            self.next_pause = pause

        def __iter__(self):
            return self

        def __next__(self):
            nonlocal now
            now += self.pause
            self.pause = self.next_pause
            return next(self.states)

    x = torch.zeros(4, 6, dtype=torch.float64)
    states = list(islice(chain(Gibbs(), Exact(ising(6)), x, thin=6, generator=generator), 50))
    there, timed = diagnose(states), diagnose(Slow(states, 0.004), evaluations=6)
    assert torch.tensor(there.seconds).isnan()
    assert torch.tensor(there.ess_per_second).isnan()
    assert timed.seconds == pytest.approx(50 * 0.004)
    assert timed.ess_per_second == timed.energy_ess_bulk / timed.seconds
    assert timed.energy_ess_bulk == there.energy_ess_bulk
    assert there.ess_per_evaluation == there.energy_ess_bulk / (4 * 50)
    assert timed.ess_per_evaluation == there.energy_ess_bulk / (4 * 50 * 6)


@pytest.mark.thorough
def test_arviz_gets_chains_and_draws_and_agrees(generator):
    arviz = pytest.importorskip("arviz")
    states = list(islice(chain(DMALA(0.7), Exact(ising(5, 0.2)), torch.zeros(4, 5).double(), generator=generator), 200))
    data, diagnosis = to_arviz(states), diagnose(states)
    assert data.posterior.x.dims == ("chain", "draw", "bit")
    assert torch.equal(torch.from_numpy(data.posterior.x.values), torch.stack([state.x.bool() for state in states], 1))
    assert data.sample_stats.accepted.shape == (4, 200)
    assert arviz.rhat(data.posterior).x.values == pytest.approx(diagnosis.rhat.numpy())
    assert arviz.ess(data.sample_stats, var_names=["lp"]).lp.item() == pytest.approx(diagnosis.energy_ess_bulk)


def test_without_arviz_the_converter_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(InputError, match="pip install 'arviz<1'"):
        to_arviz([])


def test_a_stuck_chain_is_not_called_converged(generator):
    cold = IsingEnergy(8.0 * (torch.ones(6, 6) - torch.eye(6)))
    x = torch.tensor([0.0, 1.0]).repeat_interleave(2).unsqueeze(-1).expand(4, 6)
    diagnosis = diagnose(islice(chain(Gibbs(), Exact(cold), x, generator=generator), 50))
    assert diagnosis.rhat.isnan().all()
    assert diagnosis.acceptance.sum() == 0
    assert diagnosis.jump.sum() == 0


def test_bad_draws_are_refused():
    for figure in (rhat, ess_bulk, ess_tail):
        with pytest.raises(InputError, match="at least four draws"):
            figure(torch.zeros(4, 3))
        with pytest.raises(InputError, match="expected"):
            figure(torch.zeros(4))
    with pytest.raises(InputError, match="at least two draws"):
        hamming_jump(torch.zeros(4, 10))
    with pytest.raises(InputError, match="at least four, got 0"):
        diagnose([])
