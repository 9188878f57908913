"""Every kernel is exact over variables of several values: shown by its transition matrix, then by its chains."""

from __future__ import annotations

import pytest
import torch
from contracts import chi_square, detailed_balance_residual, mlp, rbm
from group_contracts import Listed, grouped, matrix_of
from place import DEVICE, FLOAT, number_of, rounding, seeded
from torch import Tensor

from discrete_ed import (
    DMALA,
    DULA,
    BlockGibbs,
    Clamped,
    Energy,
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    Groups,
    InputError,
    Kernel,
    Metropolis,
    ParallelTempering,
    PathAuxiliary,
    Taylor,
    anneal,
    sample,
)
from discrete_ed.energies.local import Evaluation
from discrete_ed.samplers import State, evaluate

pytestmark = pytest.mark.anywhere

MIXED = Groups(((0, 5, 2), (1, 3)), bits=7)  # three values, two values, and two free bits: 24 states
STATES = MIXED.states(FLOAT, DEVICE)


def energy(kind: str = "mlp") -> Energy:
    return grouped(mlp(7) if kind == "mlp" else rbm(7, 2), MIXED)


def clamped(known: list[int]) -> Clamped:
    mask = torch.zeros(7, dtype=torch.bool)
    mask[known] = True
    return Clamped(energy(), mask)


FREE_STATES = STATES[STATES[:, 0] == 1]  # the group of bit 0 is known to be there
WITHOUT = STATES[STATES[:, 2] == 0]  # bit 2 is known to be off, so that two values of its group are left
CASES = [
    (kernel, local(energy()), STATES)
    for kernel in (GibbsWithGradients(), GibbsWithGradients("barker"), PathAuxiliary(2), DMALA(0.7))
    for local in (Exact, Taylor)
]
CASES += [(kernel, Exact(energy()), STATES) for kernel in (Gibbs(), Metropolis(), PathAuxiliary(3, "max"))]
CASES += [(BlockGibbs(), Exact(energy("rbm")), STATES), (GibbsWithGradients(), Taylor(energy("rbm"), 0.5), STATES)]
CASES += [
    (kernel, Exact(clamped([0, 5, 2])), FREE_STATES)
    for kernel in (Gibbs(), Metropolis(), GibbsWithGradients(), PathAuxiliary(2), DMALA(0.7))
]
CASES += [
    (kernel, Exact(clamped([2])), WITHOUT)
    for kernel in (Gibbs(), Metropolis(), GibbsWithGradients(), PathAuxiliary(2), DMALA(0.7))
]


def name(case: object) -> str:
    if isinstance(case, Tensor):
        return str(len(case))
    return type(case).__name__ if hasattr(case, "energy") else str(case)


@pytest.mark.parametrize(("kernel", "local", "states"), CASES, ids=name)
def test_kernels_balance_every_flow(kernel, local, states):
    law = (-local.beta * local.energy(states)).softmax(0).detach()
    matrix = matrix_of(kernel, local, states)
    assert (matrix >= -rounding(1e-12)).all()
    assert torch.allclose(matrix.sum(1), torch.ones(len(states), dtype=FLOAT), atol=rounding(1e-12))
    assert detailed_balance_residual(matrix, law) < rounding(1e-10)
    assert (law @ matrix - law).abs().max() < rounding(1e-12)
    assert (torch.linalg.matrix_power(matrix, 16) > 0).all(), "not irreducible"


def test_a_sweep_keeps_the_law():
    local = Exact(energy())
    law = (-local.energy(STATES)).softmax(0).detach()
    for kernel in (GibbsSweep(), GibbsSweep(MIXED.variables[::-1])):
        matrix = matrix_of(kernel, local, STATES)
        assert (law @ matrix - law).abs().max() < rounding(1e-12)
        assert detailed_balance_residual(matrix, law) > 1e-3
        assert (matrix > 0).all()


class NoReverseTerm(GibbsWithGradients):
    """The classic bug: the proposal back is forgotten."""

    def flip(self, local, state, i, log_u):
        x, _ = local.energy.groups.move(state.x, i.unsqueeze(-1))
        proposed = local(x)
        return State(x, proposed.energy, proposed.delta, log_u < state.energy - proposed.energy)


def test_a_planted_bug_breaks_detailed_balance():
    local = Exact(energy())
    law = (-local.energy(STATES)).softmax(0).detach()
    assert detailed_balance_residual(matrix_of(NoReverseTerm(), local, STATES), law) > 0.01


STEPPED = [Gibbs(), Metropolis(), GibbsSweep(), GibbsWithGradients(), PathAuxiliary(2), DMALA(0.7), DULA(0.7)]


@pytest.mark.many_steps
@pytest.mark.parametrize("kernel", [*STEPPED, BlockGibbs()], ids=str)
def test_one_step_ends_where_the_matrix_says(kernel):
    local = Exact(energy("rbm"))
    start = kernel.init(local, STATES[[13]].expand(20_000, -1))
    moved = kernel.step(local, start, generator=seeded(1)).x
    rows = torch.zeros(2**7, dtype=FLOAT)
    rows[number_of(STATES)] = matrix_of(kernel, local, STATES)[13]
    assert chi_square(moved, rows) > 1e-7


def test_moves_are_what_they_say():
    e = energy()
    delta = e.move_delta(STATES)
    for i in range(7):
        there, back = MIXED.move(STATES, torch.full((len(STATES), 1), i))
        assert torch.allclose(e(there) - e(STATES), delta[:, i], atol=rounding(1e-12))
        assert torch.equal(MIXED.move(there, back)[0], STATES)
        off = ~((STATES[:, i] == 1) & (i in {0, 5, 2, 1, 3}))
        assert torch.equal((there != STATES).any(-1), off)
        assert torch.equal(Exact(e)(STATES).delta[:, i].isfinite(), off)
    assert torch.equal(Exact(e)(STATES).delta.isfinite(), Taylor(e)(STATES).delta.isfinite())


def test_the_estimate_from_a_gradient_is_exact_for_a_linear_energy():
    slope = torch.randn(7, generator=seeded(0), dtype=FLOAT)

    class Linear(Energy):
        def forward(self, x: Tensor) -> Tensor:
            return x @ slope

    e = grouped(Linear(), MIXED)
    for exact, estimate in zip(Exact(e, 2.0)(STATES), Taylor(e, 2.0)(STATES), strict=True):
        assert torch.allclose(exact, estimate, atol=rounding(1e-12))


@pytest.mark.many_steps
def test_tempering_and_annealing_keep_groups(generator):
    local = Exact(energy())
    law = torch.zeros(2**7, dtype=FLOAT)
    law[number_of(STATES)] = (-local.energy(STATES)).softmax(0).detach()
    x = STATES[torch.randint(24, (2000,), generator=generator)]
    kernel = ParallelTempering(GibbsWithGradients(), (1.0, 0.5))
    assert chi_square(sample(kernel, local, x, 30, generator=generator)[:1000], law) > 1e-7
    cold = anneal(Gibbs(), local, x[:100], torch.linspace(0.1, 40, 60).tolist(), generator=generator)
    assert MIXED.valid(cold).all()
    assert (local.energy(cold) < local.energy(STATES).min() + 1.0).double().mean() > 0.6


class SingleFlips(Kernel):
    """A kernel of one's own that knows no groups."""

    def init(self, local, x):
        return evaluate(local, x)

    def step(self, local, state, *, generator=None):
        del generator
        x = (state.x - torch.eye(state.x.shape[1], dtype=state.x.dtype)[0]).abs()
        return State(x, *local(x), torch.ones(len(x), dtype=torch.bool))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: sample(Gibbs(), Exact(e), torch.zeros(2, 7, dtype=FLOAT), 1), "exactly one bit of each group"),
        (lambda e: sample(Gibbs(), Exact(e), torch.zeros(2, 6, dtype=FLOAT), 1), "states that MLPEnergy"),
        (lambda e: sample(SingleFlips(), Exact(e), STATES, 1), "after a step of SingleFlips, which must keep groups"),
        (
            lambda e: sample(GibbsSweep(((0, 5), (2, 1, 3), (4, 6))), Exact(e), STATES, 1),
            "single variables",
        ),
    ],
)
def test_what_breaks_groups_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(energy())


def test_listed_evaluations_are_those_of_the_states():
    local = Exact(energy())
    table = Listed(local, STATES)
    for part, found in zip(local(STATES), table(STATES), strict=True):
        assert torch.equal(part, found)
    assert isinstance(table(STATES), Evaluation)
