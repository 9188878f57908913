"""Swendsen–Wang: exact by its matrix, right about the energy of large lattices, and closed to frustrated models."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from contracts import (
    FREQUENCY_TESTS,
    check_frequencies,
    chi_square,
    detailed_balance_residual,
    ising,
    law_of,
    mlp,
    ring,
    torus,
    transition_matrix,
)
from place import DEVICE, FLOAT, all_states, rounding

from discrete_ed import (
    Exact,
    GibbsSweep,
    InputError,
    IsingEnergy,
    ParallelTempering,
    SwendsenWang,
    Taylor,
    Wolff,
    chain,
    kaufman_log_z,
    sample,
)
from discrete_ed.samplers import compiled

pytestmark = pytest.mark.anywhere

SIGN = torch.tensor([1.0, 1.0, -1.0, -1.0], dtype=FLOAT)
HIDDEN = IsingEnergy(torus(2, 2, 0.5).couplings.detach() * SIGN.outer(SIGN), 0.4 * SIGN)
MODELS = {
    "ferromagnet": Exact(torus(2, 3, 0.4)),
    "ferromagnet, tempered": Exact(torus(2, 3, 0.4), beta=0.3),
    "fields of one sign": Exact(ring(5, 0.7, [0.3, 0.0, 0.2, 0.4, 0.0])),
    "antiferromagnet": Taylor(ring(6, -0.6)),
    "antiferromagnet in a staggered field": Exact(ring(6, -0.6, [0.5, 0.0, 0.3, -0.2, 0.0, 0.0])),
    "hidden ferromagnet": Exact(HIDDEN),
}


def states_of(local):
    return all_states(len(local.energy.fields))


KERNELS = pytest.mark.parametrize("kernel", [SwendsenWang(), Wolff()], ids=["swendsen-wang", "wolff"])


@KERNELS
@pytest.mark.parametrize("model", MODELS)
def test_clusters_balance_every_flow_and_reach_every_state(model, kernel):
    local = MODELS[model]
    states = states_of(local)
    matrix, law = transition_matrix(kernel, local, states), law_of(local, states)
    assert torch.allclose(matrix.sum(1), torch.ones(len(states), dtype=FLOAT), atol=rounding(1e-12))
    assert (law @ matrix - law).abs().max() < rounding(1e-12)
    assert detailed_balance_residual(matrix, law) < rounding(1e-10)
    assert (torch.linalg.matrix_power(matrix, 8 if kernel == Wolff() else 1) > 0).all()


@KERNELS
@pytest.mark.parametrize("model", MODELS)
def test_one_step_ends_where_the_matrix_says(model, kernel):
    check_frequencies(kernel, MODELS[model], states_of(MODELS[model]), 5)


class HalfTheCoupling(SwendsenWang):
    """The bug: pairs counted twice, as where `E = −Σ_ij J_ij s_i s_j` runs over both orders."""

    def join(self, local, state, bonds, u):
        return super().join(local, state, bonds._replace(coupling=bonds.coupling / 2), u)


class Discontent(SwendsenWang):
    """The bug: pairs are joined whether or not they are content."""

    def join(self, _local, _state, bonds, u):
        return u < -(-2 * bonds.coupling.abs()).expm1()


class NoGhost(SwendsenWang):
    """The bug: fields are forgotten."""

    def join(self, local, state, bonds, u):
        return super().join(local, state, bonds, u) & (bonds.j < state.x.shape[-1])


@pytest.mark.parametrize("kernel", [HalfTheCoupling(), Discontent(), NoGhost()], ids=lambda k: type(k).__name__)
def test_planted_bugs_break_the_law(kernel):
    local = MODELS["hidden ferromagnet"]
    matrix, law = transition_matrix(kernel, local, states_of(local)), law_of(local, states_of(local))
    assert (law @ matrix - law).abs().max() > 1e-3


def test_frozen_bits_hold_their_clusters(generator):
    class Held(IsingEnergy):
        """Its first two spins are frozen."""

        def free(self, x):
            return torch.arange(x.shape[-1]).expand_as(x) > 1

    local = Exact(Held(ring(5, 0.6).couplings.detach()))
    x = torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0]]).to(FLOAT).expand(20_000, -1)
    bits = sample(SwendsenWang(), local, x, 10, generator=generator)
    assert torch.equal(bits[:, :2], x[:, :2])
    conditional = (-local.energy(states_of(local)[16:24])).softmax(0).detach()
    assert chi_square(bits[:, 2:], conditional) > 1e-5 / FREQUENCY_TESTS


@pytest.mark.thorough
@pytest.mark.many_steps
@pytest.mark.parametrize("backend", ["compiled", "torch"])
@pytest.mark.parametrize("coupling", [0.3, 0.4407, 0.6])
def test_the_energy_is_the_slope_of_kaufman_log_z(coupling, backend, generator, monkeypatch):
    side, chains, draws = (32, 24, 80) if backend == "compiled" else (8, 24, 40)
    if backend == "torch":
        monkeypatch.setattr(compiled, "loops", lambda: None)
    energy = torus(side, side, coupling)
    x = torch.ones(chains, side * side, dtype=FLOAT)  # ordered: quick to forget above, no stripes below
    states = islice(chain(SwendsenWang(), Exact(energy), x, generator=generator), 20, 20 + draws)
    means = torch.stack([state.energy for state in states], 1).mean(1)
    step = 1e-5
    slope = (kaufman_log_z(side, side, coupling + step) - kaufman_log_z(side, side, coupling - step)) / (2 * step)
    assert abs(means.mean() + coupling * slope) < 4 * means.std() / chains**0.5


def test_clusters_can_be_tempered(generator):
    local = Exact(torus(2, 3, 0.4))
    kernel = ParallelTempering(SwendsenWang(), (1.0, 0.5))
    x = torch.zeros(20_000, 6, dtype=FLOAT)
    bits = sample(kernel, local, x, 12, generator=generator)[:10_000]
    assert chi_square(bits, law_of(local, states_of(local))) > 1e-5 / FREQUENCY_TESTS


@pytest.mark.parametrize("backend", ["compiled", "torch"])
def test_extreme_couplings_make_one_cluster_and_stay_finite(backend, generator, monkeypatch):
    if backend == "torch":
        monkeypatch.setattr(compiled, "loops", lambda: None)
    x = torch.rand(200, 6, generator=generator).round()
    local = Exact(ring(6, 3e4, [1e-3, 0, 0, 0, 0, 0]).float())
    *_, state = islice(chain(SwendsenWang(), local, x, generator=generator), 40)
    assert (state.x == state.x[:, :1]).all()
    assert state.energy.isfinite().all()
    assert 0.2 < state.x.mean() < 0.8


def test_frustrated_models_are_refused_with_the_place():
    x = torch.zeros(1, 5, dtype=FLOAT)
    with pytest.raises(
        InputError, match="without frustration, but no flip of spins makes the coupling of bits 0 and 1"
    ):
        sample(SwendsenWang(), Exact(ring(5, -0.6)), x, 1)
    with pytest.raises(InputError, match="without frustration"):
        sample(SwendsenWang(), Exact(ring(4, -0.6, [0.5, 0.3, 0.0, 0.0])), x[:, :4], 1)
    with pytest.raises(InputError, match="without frustration"):
        sample(SwendsenWang(), Exact(ising(5)), x, 1)
    with pytest.raises(InputError, match="expected an IsingEnergy, got MLPEnergy"):
        sample(SwendsenWang(), Exact(mlp(5)), x, 1)


def test_a_model_without_couplings_is_a_fair_coin_for_every_spin(generator):
    bits = sample(SwendsenWang(), Exact(IsingEnergy(4).to(DEVICE)), torch.zeros(10_000, 4), 1, generator=generator)
    assert chi_square(bits, torch.full((16,), 1 / 16, dtype=FLOAT)) > 1e-5 / FREQUENCY_TESTS


@pytest.mark.many_steps
def test_clusters_cross_where_single_flips_do_not(generator):
    """The reason for them: below the critical temperature magnetised chains change sign at once."""
    energy, x = torus(16, 16, 0.6), torch.ones(64, 256, dtype=FLOAT)
    crossed = {
        kernel: (sample(kernel, Exact(energy), x, 20, generator=generator).mean(-1) < 0.5).to(FLOAT).mean().item()
        for kernel in (SwendsenWang(), GibbsSweep())
    }
    assert 0.2 < crossed[SwendsenWang()] < 0.8
    assert crossed[GibbsSweep()] < 0.1
