"""Every kernel is exact: shown by its transition matrix, then by its chains."""

from __future__ import annotations

import itertools
from dataclasses import replace

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
    rbm,
    torus,
    transition_matrix,
)
from place import DEVICE, FLOAT, all_states, fixed, number_of, rounding, seeded
from torch import Tensor

from discrete_ed import (
    DMALA,
    DULA,
    BlockGibbs,
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    GraphEnergy,
    InputError,
    IsingEnergy,
    Kawasaki,
    Metropolis,
    MLPEnergy,
    PathAuxiliary,
    Taylor,
    adapt_step_size,
    chain,
    colour_classes,
    enumerate_states,
    graphs_to_states,
    sample,
)
from discrete_ed.energies import Energy
from discrete_ed.likelihood.enumeration import log_law

pytestmark = pytest.mark.anywhere

RING = torus(2, 3)  # sparse enough to be coloured, on six bits
PAIRS = itertools.product((ising, mlp), (Exact, Taylor))
REVERSIBLE = [(kernel, local(make(6))) for make, local in PAIRS for kernel in (PathAuxiliary(2), DMALA(0.7))]
REVERSIBLE += [(Gibbs(), Exact(make(bits))) for make in (ising, mlp) for bits in (6, 8)]
REVERSIBLE += [(Metropolis(), Exact(make(6))) for make in (ising, mlp)]
REVERSIBLE += [(PathAuxiliary(1, "min"), Taylor(mlp(8))), (PathAuxiliary(2, "max"), Exact(ising(6)))]
REVERSIBLE += [(kernel, Exact(rbm(6, 4))) for kernel in (BlockGibbs(), Gibbs(), DMALA(0.7), PathAuxiliary(2))]
REVERSIBLE += [(kernel, Taylor(rbm(6, 4))) for kernel in (DMALA(0.7), PathAuxiliary(2, "barker"))]
REVERSIBLE += [(GibbsWithGradients(), local(rbm(bits, 4))) for local in (Exact, Taylor) for bits in (6, 8)]
REVERSIBLE += [(BlockGibbs(), Taylor(rbm(8, 4))), (DMALA(2.0), Taylor(ising(6), beta=0.5))]
SWEEPS = [(GibbsSweep(), Exact(make(bits))) for make in (ising, mlp) for bits in (6, 8)]
SWEEPS += [(GibbsSweep(), Exact(rbm(bits, 4))) for bits in (6, 8)]
LONG = torus(2, 5)  # two odd rings
SWEEPS += [(GibbsSweep(colour_classes(LONG)), Exact(LONG))]
SWEEPS += [(GibbsSweep(colour_classes(RING)), Exact(RING)), (GibbsSweep(colour_classes(RING)), Exact(RING, beta=0.3))]
ALL = [Gibbs(), Metropolis(), GibbsSweep(), GibbsWithGradients(), PathAuxiliary(2), DMALA(0.7)]


def names(value: object) -> str:
    if isinstance(value, Energy):
        return type(value).__name__
    return f"{value.energy.__class__.__name__}-{type(value).__name__}" if hasattr(value, "energy") else str(value)


def states_of(local: Exact | Taylor) -> Tensor:
    first = next(local.energy.parameters())
    bits = first.shape[0] if not isinstance(local.energy, MLPEnergy) else first.shape[1]
    return all_states(bits)


@pytest.mark.parametrize(("kernel", "local"), REVERSIBLE, ids=names)
def test_reversible_kernels_balance_every_flow(kernel, local):
    states = states_of(local)
    law = law_of(local, states)
    matrix = transition_matrix(kernel, local, states)
    assert (matrix >= -rounding(1e-12)).all()
    assert torch.allclose(matrix.sum(1), torch.ones(len(states), dtype=FLOAT), atol=rounding(1e-12))
    assert detailed_balance_residual(matrix, law) < rounding(1e-10)
    assert (law @ matrix - law).abs().max() < rounding(1e-12)
    assert (torch.linalg.matrix_power(matrix, 16) > 0).all(), "not irreducible"


@pytest.mark.many_steps
@pytest.mark.parametrize(("kernel", "local"), SWEEPS, ids=names)
def test_sweeps_keep_the_law_but_are_not_reversible(kernel, local):
    states = states_of(local)
    law = law_of(local, states)
    matrix = transition_matrix(kernel, local, states)
    assert torch.allclose(matrix.sum(1), torch.ones(len(states), dtype=FLOAT), atol=rounding(1e-12))
    assert (law @ matrix - law).abs().max() < rounding(1e-12)
    assert detailed_balance_residual(matrix, law) > 1e-3
    assert (matrix > 0).all()


@pytest.mark.parametrize("local", [Exact(ising(6)), Exact(RING, beta=0.4), Taylor(RING)], ids=names)
def test_exchanges_balance_every_flow_and_keep_the_number_of_ones(local):
    states = states_of(local)
    law, ones = law_of(local, states), states.sum(-1)
    matrix = transition_matrix(Kawasaki(), local, states)
    assert (matrix >= -rounding(1e-12)).all()
    assert torch.allclose(matrix.sum(1), torch.ones(len(states), dtype=FLOAT), atol=rounding(1e-12))
    assert detailed_balance_residual(matrix, law) < rounding(1e-10)
    reached = torch.linalg.matrix_power(matrix, 16) > 0
    assert torch.equal(reached, ones[:, None] == ones)
    check_frequencies(Kawasaki(), local, states, 11)


def test_dula_is_biased_and_its_bias_falls_with_the_step_size():
    local, states = Exact(ising(6)), all_states(6)
    law = law_of(local, states)
    bias = []
    for step_size in (1.0, 0.3, 0.1):
        matrix = transition_matrix(DULA(step_size), local, states)
        assert torch.allclose(matrix.sum(1), torch.ones(64, dtype=FLOAT), atol=rounding(1e-8))
        stationary = torch.linalg.matrix_power(matrix, 2**20)[0]
        bias.append((stationary - law).abs().sum().item() / 2)
    assert bias[0] > 0.05
    assert bias[0] > 2 * bias[1] > 4 * bias[2] > 0
    assert bias[2] < 0.02


@pytest.mark.many_steps
@pytest.mark.parametrize("row", [11, 40])
@pytest.mark.parametrize("kernel", [*ALL, DULA(0.7), PathAuxiliary(2, "barker")], ids=str)
def test_one_step_ends_where_the_matrix_says(kernel, row):
    check_frequencies(kernel, Exact(ising(6, scale=0.7)), all_states(6), row)


SPECIAL = [(GibbsSweep(colour_classes(RING)), RING), (BlockGibbs(), rbm(6, 4))]
SPECIAL += [(kernel, make(6)) for kernel in ALL for make in (mlp, lambda bits: rbm(bits, 4))]


@pytest.mark.thorough
@pytest.mark.many_steps
@pytest.mark.parametrize(("kernel", "energy"), SPECIAL, ids=names)
def test_one_step_on_other_energies_ends_where_the_matrix_says(kernel, energy):
    check_frequencies(kernel, Exact(energy), all_states(6), 11, draws=40_000)


@pytest.mark.thorough
@pytest.mark.many_steps
@pytest.mark.parametrize("start", ["random", "exact"])
@pytest.mark.parametrize("kernel", [*ALL, BlockGibbs()], ids=str)
def test_chains_reach_and_keep_the_law(kernel, start, generator):
    energy = rbm(4, 3)
    states = all_states(4)
    law = log_law(energy, dtype=FLOAT).exp().detach()
    weights = law if start == "exact" else torch.ones(16, dtype=FLOAT)
    x = states[weights.multinomial(5_000, replacement=True, generator=generator)]
    steps = 15 if isinstance(kernel, GibbsSweep | BlockGibbs) else 40
    bits = sample(kernel, Exact(energy), x, steps, generator=generator)
    assert chi_square(bits, law) > 1e-5 / FREQUENCY_TESTS


@pytest.mark.parametrize("kernel", [*ALL, DULA(0.7), BlockGibbs()], ids=str)
def test_the_cache_is_the_local_evaluation_of_the_state(kernel, generator):
    local = Exact(rbm(8, 4))
    x = torch.rand(32, 8, generator=generator, dtype=FLOAT).round()
    moved = False
    for state in itertools.islice(chain(kernel, local, x, generator=generator), 25):
        energy, delta = local(state.x)
        assert torch.allclose(state.energy, energy, atol=rounding(1e-8))
        assert (
            state.delta.shape == (32, 0)
            if kernel == BlockGibbs()
            else torch.allclose(state.delta, delta, atol=rounding(1e-8))
        )
        assert not any(part.requires_grad for part in state)
        moved |= bool((state.x != x).any())
    assert moved


@pytest.mark.many_steps
@pytest.mark.parametrize("kernel", [*ALL, DULA(0.7), BlockGibbs()], ids=str)
def test_the_same_seed_gives_the_same_bits_and_another_does_not(kernel):
    def run(seed: int) -> Tensor:
        x = torch.zeros(16, 12, dtype=FLOAT)
        return sample(kernel, Exact(rbm(12, 4)), x, 20, generator=seeded(seed))

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


@pytest.mark.many_steps
@pytest.mark.parametrize("kernel", [*ALL, PathAuxiliary(4, "max"), DULA(0.7), GibbsWithGradients("max")], ids=str)
def test_frozen_bits_never_move_and_a_chain_without_free_bits_stays(kernel, generator):
    import networkx as nx

    graphs = [nx.empty_graph(0), nx.empty_graph(1), nx.path_graph(3), nx.complete_graph(5)]
    x = graphs_to_states(graphs).to(DEVICE).float().repeat(8, 1)
    energy = GraphEnergy(5, width=8, layers=1).to(DEVICE)
    bits = sample(kernel, Exact(energy), x, 20, generator=generator)
    free = energy.free(x)
    assert torch.equal(bits[~free], x[~free])
    assert (bits != x)[free].any()


class FrozenRBM(type(rbm(2, 2))):
    """A machine whose first bit never changes."""

    def free(self, x: Tensor) -> Tensor:
        return torch.arange(x.shape[-1]).expand_as(x) > 0


def test_block_gibbs_honours_frozen_bits_and_reads_them(generator):
    energy = FrozenRBM(3, 2, scale=2.0, generator=fixed(0)).to(DEVICE)
    x = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]).repeat_interleave(10_000, 0)
    bits = sample(BlockGibbs(), Exact(energy), x, 30, generator=generator)
    assert torch.equal(bits[:, 0], x[:, 0])
    states = enumerate_states(3, device=DEVICE)
    for first, rows in ((0, bits[:10_000]), (1, bits[10_000:])):
        law = (-energy(states[4 * first : 4 * first + 4])).softmax(0).detach()
        seen = number_of(rows[:, 1:]).bincount(minlength=4) / 10_000
        assert ((seen - law).abs() <= 4.5 * (law * (1 - law) / 10_000).sqrt()).all()


@pytest.mark.many_steps
@pytest.mark.parametrize("kernel", [*ALL, GibbsWithGradients("barker"), PathAuxiliary(2, "max"), DULA()], ids=str)
def test_states_of_probability_zero_are_never_entered(kernel, generator):
    class Even(Energy):
        """Uniform over the states whose first bit is zero."""

        def forward(self, x: Tensor) -> Tensor:
            return torch.where(x[..., 0] == 1, torch.inf, x.sum(-1) * 0)

    states = itertools.islice(chain(kernel, Exact(Even()), torch.zeros(64, 3), generator=generator), 100)
    seen = torch.stack([state.x for state in states])
    assert (seen[..., 0] == 0).all()
    if kernel != DULA():
        assert (seen[..., 1:].mean((0, 1)) - 0.5).abs().max() < 0.1


@pytest.mark.many_steps
@pytest.mark.parametrize("kernel", [*ALL, DULA(0.7)], ids=str)
@pytest.mark.parametrize("strength", [200.0, 3e4])
def test_extreme_differences_neither_overflow_nor_freeze(kernel, strength, generator):
    up = IsingEnergy(torch.zeros(4, 4), fields=torch.full((4,), strength / 2))
    *_, state = itertools.islice(chain(kernel, Exact(up), torch.zeros(16, 4), generator=generator), 120)
    assert (state.x == 1).all()
    assert state.energy.isfinite().all()


@pytest.mark.parametrize("kernel", [*ALL, DULA(0.7)], ids=str)
def test_a_uniform_of_zero_does_not_buy_a_costly_move(kernel, monkeypatch):
    up = IsingEnergy(torch.zeros(4, 4), fields=torch.full((4,), 40.0))
    state = kernel.init(Exact(up), torch.ones(2, 4))
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.zeros(*shape))
    assert torch.equal(kernel.step(Exact(up), state).x, state.x)


def test_gibbs_refuses_estimated_differences():
    for kernel in (Gibbs(), GibbsSweep(), Metropolis()):
        with pytest.raises(InputError, match=r"exact differences \(Exact\), got Taylor"):
            sample(kernel, Taylor(ising(3)), torch.zeros(1, 3, dtype=FLOAT), 1)


def test_block_gibbs_refuses_what_it_cannot_sample():
    x = torch.zeros(1, 3, dtype=FLOAT)
    with pytest.raises(InputError, match="expected an RBMEnergy, got IsingEnergy"):
        sample(BlockGibbs(), Exact(ising(3)), x, 1)
    with pytest.raises(InputError, match=r"inverse temperature 1, got 0\.5"):
        sample(BlockGibbs(), Exact(rbm(3, 2), beta=0.5), x, 1)


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (4, 4), (5, 5), (5, 4), (3, 3)])
def test_colour_classes_are_independent_and_few(rows, columns):
    energy = torus(rows, columns, 0.3)
    classes = colour_classes(energy)
    couplings = energy.couplings.detach()
    assert sorted(i for members in classes for i in members) == list(range(rows * columns))
    assert not any(couplings[i, j] for members in classes for i in members for j in members)
    assert 2 <= len(classes) <= 4
    assert rows % 2 or columns % 2 or len(classes) == 2


def test_wrong_classes_are_refused():
    x, local = torch.zeros(1, 4, dtype=FLOAT), Exact(torus(2, 2, 0.5))
    with pytest.raises(InputError, match="every bit from 0 to 3 in exactly one class"):
        sample(GibbsSweep(((0, 1), (2,))), local, x, 1)
    with pytest.raises(InputError, match="got one between bits 0 and 1"):
        sample(GibbsSweep(((0, 1), (2, 3))), local, x, 1)
    with pytest.raises(InputError, match="interactions of MLPEnergy aren't known"):
        sample(GibbsSweep(((0, 1), (2, 3))), Exact(mlp(4)), x, 1)
    with pytest.raises(InputError, match="expected an IsingEnergy"):
        colour_classes(mlp(4))


@pytest.mark.parametrize("target", [0.4, 0.574, 0.8])
def test_the_step_size_reaches_its_target(target, generator):
    local = Exact(ising(12, scale=0.3))
    x = torch.rand(128, 12, generator=generator, dtype=FLOAT).round()
    kernel, bits = adapt_step_size(DMALA(), local, x, 150, target=target, generator=generator)
    states = itertools.islice(chain(kernel, local, bits, generator=generator), 100)
    share = torch.stack([state.accepted for state in states]).to(FLOAT).mean()
    assert abs(share - target) < 0.05
    assert kernel == replace(DMALA(), step_size=kernel.step_size)


@pytest.mark.parametrize("make", [DMALA, DULA])
def test_bad_arguments_are_refused(make):
    with pytest.raises(InputError, match="step_size: expected a positive number, got 0"):
        make(step_size=0)
    with pytest.raises(InputError, match="flips: expected at least 1, got 0"):
        PathAuxiliary(flips=0)
    with pytest.raises(InputError, match=r"target: expected an acceptance in \(0, 1\), got 1"):
        adapt_step_size(DMALA(), Exact(ising(3)), torch.zeros(1, 3), 10, target=1)
    with pytest.raises(InputError, match="kernel: expected a DMALA, whose proposals may be rejected, got DULA"):
        adapt_step_size(DULA(), Exact(ising(3)), torch.zeros(1, 3), 10)
    with pytest.raises(InputError, match="steps: expected at least 1"):
        adapt_step_size(DMALA(), Exact(ising(3)), torch.zeros(1, 3), 0)
