"""The compiled loops of Potts models have the law of the kernels: their draws against the matrices of the kernels."""

from __future__ import annotations

import itertools

import pytest
import torch
from contracts import FREQUENCY_TESTS, chi_square
from group_contracts import matrix_of
from place import number_of

from discrete_ed import (
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    Groups,
    PottsEnergy,
    Taylor,
    chain,
    colour_classes,
    sample,
)
from discrete_ed.samplers import compiled_values as module
from discrete_ed.samplers.compiled_values import compiled_values

pytest.importorskip("numba")
DOUBLE = torch.float64
MIXED = Groups(((0, 5, 2), (1, 3)), bits=7)  # three values, two values, and two free bits: 24 states
STATES = MIXED.states(DOUBLE)
DRAWS = 20_000


def glass() -> PottsEnergy:
    """Random couplings of all pairs of bits of different variables, and fields."""
    g = torch.Generator().manual_seed(0)
    energy = PottsEnergy(MIXED, torch.randn(7, generator=g, dtype=DOUBLE)).double()
    energy.pairs.data = torch.randn(7, 7, generator=g, dtype=DOUBLE)
    return energy


def ring() -> PottsEnergy:
    """Four sites of three states on a ring, with fields."""
    return PottsEnergy.from_edges([(0, 1), (1, 2), (2, 3), (3, 0)], 3, 0.7, [0.3, -0.2, 0.0]).double()


KERNELS = [Gibbs(), GibbsSweep()]
KERNELS += [GibbsWithGradients(balance) for balance in ("sqrt", "barker", "min", "max")]


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_one_step_ends_where_the_matrix_of_the_kernel_says(kernel, generator):
    local = (Taylor if kernel == GibbsWithGradients() else Exact)(glass(), 0.8)
    assert compiled_values(kernel, local, STATES) is not None
    matrix = matrix_of(kernel, local, STATES)
    for row in (0, 13):
        ends = sample(kernel, local, STATES[[row]].expand(DRAWS, -1), 1, generator=generator)
        wanted = torch.zeros(2**7, dtype=DOUBLE)
        wanted[number_of(STATES)] = matrix[row]
        assert chi_square(ends, wanted) > 1e-5 / FREQUENCY_TESTS


@pytest.mark.parametrize("kernel", [Gibbs(), GibbsSweep(colour_classes(ring())), GibbsWithGradients()], ids=str)
def test_chains_keep_the_law_and_their_state(kernel, generator):
    """Chains that start at the law, on a model that is sparse; and the state is the evaluation of its bits."""
    local = Exact(ring())
    groups = local.energy.groups
    states = groups.states(DOUBLE)
    law = (-local.energy(states)).softmax(0).detach()
    x = states[law.multinomial(DRAWS, replacement=True, generator=generator)]
    last = x
    for state in itertools.islice(chain(kernel, local, x, thin=5, generator=generator), 3):
        value, delta = local(state.x)
        assert torch.equal(state.energy, value)
        assert torch.equal(state.delta, delta)
        last = state.x
    seen = groups.decode(last) @ torch.tensor([27, 9, 3, 1])
    wide = torch.zeros(2**7, dtype=DOUBLE)
    wide[:81] = law
    digits = (seen.unsqueeze(-1) >> torch.arange(6, -1, -1)) & 1
    assert chi_square(digits.double(), wide) > 1e-5 / FREQUENCY_TESTS
    *_, state = itertools.islice(chain(kernel, local, x[:50], generator=generator), 4)
    before = state.x
    state = next(chain(kernel, local, before, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(state.accepted, (state.x != before).any(-1))


def test_the_same_seed_gives_the_same_bits_however_the_work_is_cut(monkeypatch):
    local, x = Exact(glass()), STATES[:1]

    def run(kernel) -> torch.Tensor:
        return sample(kernel, local, x, 40, generator=torch.Generator().manual_seed(1))

    for kernel in (Gibbs(), GibbsSweep(), GibbsWithGradients()):
        whole = run(kernel)
        monkeypatch.setattr(module, "most_steps", lambda *_: 3)
        cut = run(kernel)
        monkeypatch.undo()
        assert torch.equal(whole, run(kernel))
        assert torch.equal(whole, cut)


def test_other_energies_kernels_and_temperatures_keep_their_own_steps():
    class Kept(PottsEnergy):
        """Its first bit is frozen."""

        def free(self, x):
            return torch.arange(x.shape[-1]).expand_as(x) > 0

    class Mine(Gibbs):
        """Somebody's own kernel."""

    assert compiled_values(Gibbs(), Exact(Kept(MIXED)), STATES) is None
    assert compiled_values(Mine(), Exact(glass()), STATES) is None
    assert compiled_values(Gibbs(), Exact(glass(), beta=torch.ones(24)), STATES) is None
    steep = PottsEnergy(MIXED, torch.full((7,), 400.0))
    assert compiled_values(GibbsWithGradients(), Exact(steep), STATES) is None
