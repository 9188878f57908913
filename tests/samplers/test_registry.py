"""Which kernel and which local evaluation are chosen, and local evaluations that aren't part of the package."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from contracts import FREQUENCY_TESTS, chi_square, ising, mlp, rbm, transition_matrix
from place import FLOAT, all_states

from discrete_ed import (
    DMALA,
    DULA,
    BernoulliEnergy,
    BlockGibbs,
    Clamped,
    Energy,
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    InputError,
    IsingEnergy,
    Kawasaki,
    Metropolis,
    ParallelTempering,
    PathAuxiliary,
    SwendsenWang,
    Taylor,
    Wolff,
    ais,
    colour_classes,
    kernel_by_name,
    local_for,
    log_z,
    sample,
    suitable_kernel,
)
from discrete_ed.energies.local import Evaluation, freeze
from discrete_ed.samplers import KERNELS

KNOWN = torch.tensor([True, False, False, False])


class Mine(Energy):
    """An energy that isn't differentiable, and says which kernel suits it."""

    kernel_name = "gibbs"

    def forward(self, x):
        return x.long().sum(-1).float()


@pytest.mark.parametrize(
    ("energy", "purpose", "expected"),
    [
        (rbm(4, 2), "sampling", BlockGibbs()),
        (rbm(4, 2), "learned", BlockGibbs()),
        (rbm(4, 2), "annealing", GibbsWithGradients()),
        (Clamped(rbm(4, 2), KNOWN), "sampling", BlockGibbs()),
        (IsingEnergy(4), "sampling", GibbsSweep(((0, 1, 2, 3),))),
        (Clamped(IsingEnergy(4), KNOWN), "sampling", GibbsSweep(((0, 1, 2, 3),))),
        (IsingEnergy(4), "learned", GibbsWithGradients()),
        (IsingEnergy(4), "annealing", GibbsWithGradients()),
        (mlp(4), "sampling", GibbsWithGradients()),
        (BernoulliEnergy(4), "learned", GibbsWithGradients()),
        (Mine(), "annealing", Gibbs()),
    ],
)
def test_one_function_chooses_the_kernel(energy, purpose, expected):
    assert suitable_kernel(energy, purpose=purpose) == expected
    if purpose == "sampling":
        assert kernel_by_name("auto", energy) == expected


def test_kernels_are_made_by_name():
    energy = ising(4)
    assert {name: kernel_by_name(name, energy) for name in KERNELS} == {
        "gibbs": Gibbs(),
        "gibbs-sweep": GibbsSweep(colour_classes(energy)),
        "gibbs-with-gradients": GibbsWithGradients(),
        "path-auxiliary": PathAuxiliary(),
        "dmala": DMALA(),
        "block-gibbs": BlockGibbs(),
        "swendsen-wang": SwendsenWang(),
        "wolff": Wolff(),
        "metropolis": Metropolis(),
        "kawasaki": Kawasaki(),
    }
    assert kernel_by_name("gibbs-sweep", mlp(4)) == GibbsSweep()
    with pytest.raises(InputError, match=r"kernel: expected auto or one of gibbs, gibbs-sweep, .* got 'heat-bath'"):
        kernel_by_name("heat-bath", energy)


@pytest.mark.parametrize(
    ("kernel", "exact", "keeps", "evaluations"),
    [
        (Gibbs(), True, True, 1),
        (GibbsSweep(), True, True, 12),
        (GibbsSweep(((0, 1), (2, 3))), True, True, 2),
        (GibbsWithGradients(), False, True, 1),
        (DULA(), False, False, 1),
        (DMALA(), False, True, 1),
        (ParallelTempering(GibbsSweep(), (1.0, 0.5)), True, True, 12),
        (ParallelTempering(DULA(), (1.0, 0.5)), False, False, 1),
    ],
)
def test_a_kernel_says_what_it_needs_and_costs(kernel, exact, keeps, evaluations):
    assert (kernel.needs_exact, kernel.keeps_law, kernel.evaluations(12)) == (exact, keeps, evaluations)
    assert type(local_for(kernel, mlp(4))) is (Exact if exact else Taylor)
    assert type(local_for(kernel, ising(4))) is Exact
    x = torch.zeros(2, 4, dtype=FLOAT)
    if exact:
        with pytest.raises(InputError, match="expected exact differences"):
            kernel.init(Taylor(mlp(4)), x)


class Incomplete:
    """A kernel from outside that steps, but doesn't say what it needs."""

    keeps_law = True

    def init(self, local, x):
        return Gibbs().init(local, x)

    def step(self, local, state, *, generator=None):
        return Gibbs().step(local, state, generator=generator)


@pytest.mark.parametrize("kernel", [Incomplete(), ParallelTempering(Incomplete(), (1.0, 0.5))])
def test_a_kernel_that_lacks_a_member_is_refused_everywhere(kernel):
    x, local = torch.zeros(2, 4, dtype=FLOAT), Exact(mlp(4))
    found = r"kernel: expected one with init, step, .* got \w+ without needs_exact"
    for use in (
        lambda: local_for(kernel, mlp(4)),
        lambda: sample(kernel, local, x, 1),
        lambda: ais(kernel, local, x, x, [0.0, 1.0]),
    ):
        with pytest.raises(InputError, match=found):
            use()
    with pytest.raises(InputError, match=r"kernel: expected a kernel, such as Gibbs\(\), got the class"):
        local_for(Gibbs, mlp(4))


def test_a_sweep_counts_its_classes_when_it_is_written():
    assert str(GibbsSweep(((0, 2), (1, 3)))) == "GibbsSweep of 2 classes"
    assert str(GibbsSweep()) == "GibbsSweep(classes=None)"


@dataclass(frozen=True)
class Half:
    """A local evaluation from outside: half of the exact differences, as a rough estimate."""

    energy: Energy
    beta: float | torch.Tensor = 1.0
    exact: bool = False

    def __call__(self, x):
        beta = self.beta.unsqueeze(-1) if isinstance(self.beta, torch.Tensor) else self.beta
        with torch.no_grad():
            delta = freeze(self.energy, x, beta * self.energy.flip_delta(x) / 2)
            return Evaluation(self.beta * self.energy(x), delta)

    def at_beta(self, beta):
        return Half(self.energy, self.beta * beta)


@pytest.mark.thorough
@pytest.mark.parametrize("make", [mlp, ising])
def test_a_local_evaluation_from_outside_serves_chains_tempering_and_annealing(make, generator):
    energy, states = make(4), all_states(4)
    law = (-energy(states)).double().softmax(0).detach()
    matrix = transition_matrix(GibbsWithGradients(), Half(energy), states)
    assert not torch.allclose(matrix, transition_matrix(GibbsWithGradients(), Exact(energy), states))
    assert torch.allclose(law.to(matrix.dtype) @ matrix, law.to(matrix.dtype), atol=1e-5)
    x = torch.zeros(2 * 4000, 4, dtype=FLOAT)
    chains = sample(GibbsWithGradients(), Half(energy), x, 60, generator=generator)
    assert chi_square(chains, law) > 1e-5 / FREQUENCY_TESTS
    tempered = sample(ParallelTempering(GibbsWithGradients(), (1.0, 0.5)), Half(energy), x, 60, generator=generator)
    assert chi_square(tempered[:4000], law) > 1e-5 / FREQUENCY_TESTS
    flat = (-energy(states) / 2).double().softmax(0).detach()
    assert chi_square(tempered[4000:], flat) > 1e-5 / FREQUENCY_TESTS
    betas = torch.linspace(0, 1, 40).tolist()
    assert ais(GibbsWithGradients(), Half(energy), x, chains, betas, generator=generator).contains(log_z(energy))
    with pytest.raises(InputError, match=r"Gibbs expected exact differences .* got Half"):
        sample(Gibbs(), Half(energy), x, 1)
