import pytest
import torch
from contracts import ising, mlp, rbm, torus
from place import DEVICE, FLOAT, all_states, number_of, rounding, seeded

from discrete_ed import (
    InputError,
    IsingEnergy,
    MLPEnergy,
    NumericalError,
    RBMEnergy,
    kaufman_log_z,
    log_z,
    moments,
    perfect_sample,
    rbm_log_z,
    rbm_marginals,
)
from discrete_ed.energies import Energy
from discrete_ed.likelihood.enumeration import log_law, sample_law
from discrete_ed.samplers import compiled

pytestmark = pytest.mark.anywhere


def test_the_law_of_two_coupled_spins_is_known():
    energy = IsingEnergy(torch.tensor([[0.0, 0.7], [0.7, 0.0]], dtype=FLOAT))
    law = log_law(energy, dtype=FLOAT).exp()
    aligned, opposed = torch.tensor(0.7).to(FLOAT).exp(), torch.tensor(-0.7).to(FLOAT).exp()
    wanted = torch.stack([aligned, opposed, opposed, aligned]) / (2 * (aligned + opposed))
    assert torch.allclose(law, wanted)
    assert law.requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_states_come_in_the_precision_of_the_energy(dtype):
    energy = mlp(5).to(dtype)
    assert log_law(energy).dtype == dtype
    assert log_z(energy) == log_z(energy, dtype=dtype)
    assert torch.equal(moments(energy).pairs, moments(energy, dtype=dtype).pairs)


def test_samples_of_the_enumerated_law_follow_it_and_have_the_precision_asked_for(generator):
    energy = ising(4)
    x = sample_law(energy, 20_000, generator)
    law = log_law(energy).detach().exp()
    seen = number_of(x).bincount(minlength=16) / len(x)
    assert x.shape == (20_000, 4)
    assert ((seen - law).abs() <= 5 * (law / len(x)) ** 0.5).all()
    assert x.dtype == energy.couplings.dtype
    assert sample_law(energy, 2, generator, dtype=FLOAT).dtype == FLOAT
    with pytest.raises(InputError, match="21"):
        sample_law(ising(21), 2)


@pytest.mark.parametrize("make", [ising, mlp])
def test_chunks_do_not_change_the_answer(make, monkeypatch):
    energy, states = make(6), all_states(6)
    law = (-energy(states)).double().softmax(0).detach()
    monkeypatch.setattr("discrete_ed.states.CHUNK_STATES", 10)
    assert log_z(energy, dtype=FLOAT) == pytest.approx((-energy(states)).logsumexp(0).item(), abs=rounding(1e-12))
    assert torch.allclose(log_law(energy, dtype=FLOAT).exp().double(), law, atol=rounding(1e-15))
    marginals, pairs = moments(energy, dtype=FLOAT)
    states = states.double()
    assert torch.allclose(marginals, law @ states, atol=rounding(1e-14))
    assert torch.allclose(pairs, torch.einsum("k,ki,kj->ij", law, states, states), atol=rounding(1e-14))


def test_two_to_the_twenty_states_are_enough_and_more_are_refused():
    assert log_z(IsingEnergy(20).to(DEVICE)) == pytest.approx(
        20 * torch.tensor(2.0).to(FLOAT).log().item(), abs=rounding(1e-9)
    )
    for answer in (log_law, log_z, moments):
        with pytest.raises(InputError, match="bits: expected 0 to 20 bits to enumerate, got 21"):
            answer(MLPEnergy(21, hidden=(2,)).to(DEVICE))


def test_an_energy_of_nan_has_no_partition_function():
    class Broken(Energy):
        bits = 3

        def forward(self, x):
            return x.sum(-1) * torch.nan

    with pytest.raises(NumericalError, match="log Z: expected a number, got nan"):
        log_z(Broken())


@pytest.mark.parametrize(("visible", "hidden"), [(10, 4), (4, 10), (7, 7)])
def test_the_smaller_layer_of_an_rbm_gives_what_enumeration_gives(visible, hidden, monkeypatch):
    energy = rbm(visible, hidden)
    wanted, marginals = log_z(energy, dtype=FLOAT), moments(energy, dtype=FLOAT).marginals
    monkeypatch.setattr("discrete_ed.states.CHUNK_STATES", 10)
    assert rbm_log_z(energy) == pytest.approx(wanted, abs=rounding(1e-10))
    assert torch.allclose(rbm_marginals(energy), marginals, atol=rounding(1e-12))


def test_an_rbm_with_two_large_layers_is_refused():
    with pytest.raises(InputError, match="smaller layer: expected 0 to 20 bits"):
        rbm_log_z(RBMEnergy(30, 21).to(DEVICE))


def within(seen, wanted, count):
    return ((seen - wanted).abs() <= 4.5 * (wanted * (1 - wanted) / count).sqrt()).all()


@pytest.mark.thorough
@pytest.mark.many_steps
@pytest.mark.parametrize("backend", ["compiled", "torch"])
@pytest.mark.parametrize("coupling", [0.2, 0.4406867935097715])
def test_perfect_samples_follow_the_enumerated_law(coupling, backend, generator, monkeypatch):
    if backend == "torch":
        monkeypatch.setattr(compiled, "loops", lambda: None)
    lattice = torus(3, 3, coupling)
    fields = 0.3 * torch.randn(9, generator=generator, dtype=FLOAT)
    energy = IsingEnergy(lattice.couplings.detach(), fields)
    bits = perfect_sample(energy, 4000, generator=generator)
    law = log_law(energy, dtype=FLOAT).exp().detach()
    seen = number_of(bits).bincount(minlength=512) / len(bits)
    statistic = ((seen - law) ** 2 / law).sum() * len(bits)  # chi-square with 511 degrees of freedom
    assert abs(statistic - 511) < 4.5 * (2 * 511) ** 0.5


@pytest.mark.thorough
@pytest.mark.many_steps
def test_perfect_samples_have_the_enumerated_moments(generator):
    energy = torus(4, 4, 0.3)
    bits = perfect_sample(energy, 10_000, generator=generator)
    wanted = moments(energy, dtype=FLOAT)
    assert within(bits.mean(0), wanted.marginals, len(bits))
    assert within(bits.T @ bits / len(bits), wanted.pairs, len(bits))
    assert torch.equal(
        perfect_sample(energy, 9, generator=seeded(1)),
        perfect_sample(energy, 9, generator=seeded(1)),
    )


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("side", "coupling", "count"), [(12, 0.38, 200), (32, 0.3, 100), (24, 0.4407, 20), (20, 0.45, 12)]
)
def test_the_energy_of_perfect_samples_is_the_slope_of_kaufman_log_z(side, coupling, count, generator):
    pytest.importorskip("numba")  # the torch path takes minutes on the larger lattice
    if DEVICE.type != "cpu":
        pytest.skip("so does any device without compiled loops")
    energy = torus(side, side, coupling)
    energies = energy(perfect_sample(energy, count, max_sweeps=2**18, generator=generator)).detach()
    step = 1e-5
    slope = (kaufman_log_z(side, side, coupling + step) - kaufman_log_z(side, side, coupling - step)) / (2 * step)
    wanted = -coupling * slope
    assert abs(energies.mean() - wanted) < 4.5 * energies.std() / len(energies) ** 0.5


@pytest.mark.thorough
@pytest.mark.many_steps
def test_stopping_at_the_first_meeting_forwards_would_be_seen(generator):
    """The planted bug: coupling to the future favours the states at which chains meet."""
    energy = IsingEnergy(torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=FLOAT), torch.tensor([0.0, 1.0]).to(FLOAT))
    law = log_law(energy, dtype=FLOAT).exp().detach()
    s = torch.tensor([[-1.0, -1.0], [1.0, 1.0]]).to(FLOAT).repeat_interleave(20_000, 0)
    met = torch.zeros(20_000, dtype=torch.bool)
    ends = torch.zeros(20_000, 2, dtype=FLOAT)
    for sweep in range(400):
        i = sweep % 2
        u = torch.rand(20_000, generator=generator, dtype=FLOAT).repeat(2)
        p_up = (2 * (energy.fields[i] + s[:, 1 - i])).sigmoid().detach()
        s[:, i] = 2 * (u < p_up).to(FLOAT) - 1
        together = (s[:20_000] == s[20_000:]).all(-1)
        ends[together & ~met] = s[:20_000][together & ~met]
        met |= together
    assert met.all()
    forwards = number_of((ends + 1) / 2).bincount(minlength=4) / 20_000
    assert not within(forwards, law, 20_000)
    backwards = number_of(perfect_sample(energy, 20_000, generator=generator))
    assert within(backwards.bincount(minlength=4) / 20_000, law, 20_000)


def test_frustrated_and_frozen_models_have_no_perfect_samples_here():
    with pytest.raises(InputError, match="at least 0"):
        perfect_sample(torus(3, 3, -0.2), 3)
    with pytest.raises(InputError, match="energy: expected IsingEnergy, got MLPEnergy"):
        perfect_sample(mlp(4), 3)
    with pytest.raises(NumericalError, match="have not met after 16 sweeps"):
        perfect_sample(torus(6, 6, 1.5), 3, max_sweeps=16)
