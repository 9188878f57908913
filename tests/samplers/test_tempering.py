"""Annealing, parallel tempering and annealed importance sampling, against enumeration."""

from __future__ import annotations

import itertools

import pytest
import torch
from contracts import detailed_balance_residual, ising, mlp, rbm, transition_matrix
from place import DEVICE, FLOAT, all_states, number_of, rounding, seeded

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
    NumericalError,
    ParallelTempering,
    PathAuxiliary,
    SwendsenWang,
    Taylor,
    ais,
    anneal,
    chain,
    colour_classes,
    graphs_to_states,
    lattice,
    log_law,
    log_z,
    sample,
)
from discrete_ed.energies import Energy

pytestmark = pytest.mark.anywhere


def joint_law(energy, betas, bits):
    """The product of the tempered laws and all joint states `(K, R, D)`, the first rung most significant."""
    states = all_states(bits)
    laws = [(-beta * energy(states)).softmax(0).detach() for beta in betas]
    law, *others = laws
    for other in others:
        law = torch.kron(law, other)
    joint = all_states(bits * len(betas)).unflatten(-1, (len(betas), bits))
    return law, joint


def swap_matrix(kernel, energy, bits, even):
    """The transition matrix of the swaps alone, over joint states; each uniform's threshold found by bisection."""
    rungs = len(kernel.betas)
    _, joint = joint_law(energy, kernel.betas, bits)
    count = len(joint)
    state = kernel.init(Exact(energy), joint.transpose(0, 1).flatten(0, 1))

    def swap(log_u):
        moved = kernel.swap(state, torch.full((count,), even), log_u)
        return moved.x.view(rungs, count, bits).transpose(0, 1).flatten(1)

    pairs = [r for r in range(rungs - 1) if (r % 2 == 0) == even]
    matrix = torch.eye(count, dtype=FLOAT)
    for r in pairs:
        never = torch.full((rungs - 1, count), torch.inf, dtype=FLOAT)
        low, high = torch.full((count,), -60.0, dtype=FLOAT), torch.full((count,), 1e-15, dtype=FLOAT)
        swapped = never.clone()
        swapped[r] = -torch.inf
        there = number_of(swap(swapped))
        for _ in range(70):
            middle = (low + high) / 2
            log_u = never.clone()
            log_u[r] = middle
            moved = (number_of(swap(log_u)) != torch.arange(count)) | (there == torch.arange(count))
            low, high = torch.where(moved, middle, low), torch.where(moved, high, middle)
        probability = low.exp().clamp(max=1)
        step = torch.zeros(count, count, dtype=FLOAT)
        step[torch.arange(count), there] = probability
        step[torch.arange(count), torch.arange(count)] += 1 - probability
        matrix = matrix @ step
    return matrix


@pytest.mark.parametrize("make", [ising, mlp])
@pytest.mark.parametrize(("betas", "bits"), [((1.0, 0.4), 3), ((1.0, 0.6, 0.2), 2)])
@pytest.mark.parametrize("even", [True, False])
def test_swaps_balance_every_flow_of_the_joint_law(make, betas, bits, even):
    energy = make(bits)
    law, _ = joint_law(energy, betas, bits)
    matrix = swap_matrix(ParallelTempering(Gibbs(), betas), energy, bits, even)
    if even or len(betas) > 2:
        assert detailed_balance_residual(matrix, law) < rounding(1e-10)
    else:
        assert torch.equal(matrix, torch.eye(len(law), dtype=FLOAT))
    assert (law @ matrix - law).abs().max() < rounding(1e-12)


@pytest.mark.many_steps
@pytest.mark.parametrize("kernel", [Gibbs(), GibbsWithGradients()], ids=str)
def test_a_whole_step_of_parallel_tempering_keeps_the_joint_law(kernel):
    energy, betas, states = ising(3), (1.0, 0.4), all_states(3)
    law, _ = joint_law(energy, betas, 3)
    inner = torch.kron(*(transition_matrix(kernel, Exact(energy, beta), states) for beta in betas))
    matrix = inner @ (swap_matrix(ParallelTempering(kernel, betas), energy, 3, True) + torch.eye(64)) / 2
    assert (law @ matrix - law).abs().max() < rounding(1e-12)


def test_swapping_with_the_wrong_sign_is_found():
    class WrongSign(ParallelTempering):
        def swap(self, state, even, log_u):
            moved = super().swap(state._replace(energy=-state.energy), even, log_u)
            return moved._replace(energy=-moved.energy)

    energy, betas = ising(3), (1.0, 0.4)
    law, _ = joint_law(energy, betas, 3)
    matrix = swap_matrix(WrongSign(Gibbs(), betas), energy, 3, True)
    assert (law @ matrix - law).abs().max() > 1e-3


@pytest.mark.many_steps
@pytest.mark.parametrize("start", ["random", "exact"])
@pytest.mark.parametrize("kernel", [DMALA(0.7), GibbsSweep()], ids=str)
def test_every_rung_follows_its_law(kernel, start, generator):
    energy, betas, chains = ising(4), (1.0, 0.5, 0.2), 20_000
    states = all_states(4)
    laws = [(-beta * energy(states)).softmax(0).detach() for beta in betas]
    weights = [law if start == "exact" else torch.ones(16) for law in laws]
    x = torch.cat([states[w.multinomial(chains, replacement=True, generator=generator)] for w in weights])
    bits = sample(ParallelTempering(kernel, betas), Exact(energy), x, 20, generator=generator)
    for law, rung in zip(laws, bits.split(chains), strict=True):
        seen = number_of(rung).bincount(minlength=16) / chains
        assert ((seen - law).abs() <= 4.5 * (law * (1 - law) / chains).sqrt()).all()


def test_the_cache_survives_swaps(generator):
    kernel, energy = ParallelTempering(GibbsWithGradients(), (1.0, 0.5, 0.2)), mlp(6)
    x = torch.rand(3 * 16, 6, generator=generator, dtype=FLOAT).round()
    for state in itertools.islice(chain(kernel, Taylor(energy, beta=1.5), x, generator=generator), 30):
        energies, delta = Taylor(energy, beta=1.5 * kernel.ladder(x))(state.x)
        assert torch.allclose(state.energy, energies, atol=rounding(1e-8))
        assert torch.allclose(state.delta, delta, atol=rounding(1e-8))


@pytest.mark.many_steps
def test_swaps_move_bits_between_rungs_and_keep_frozen_bits_in_theirs(generator):
    import networkx as nx

    graph = graphs_to_states([nx.path_graph(4)]).to(DEVICE).float()
    energy = GraphEnergy(4, width=8, layers=1).to(DEVICE)
    x = graph.repeat(2 * 8, 1)
    bits = sample(ParallelTempering(Gibbs(), (1.0, 0.3)), Exact(energy), x, 30, generator=generator)
    free = energy.free(x)
    assert torch.equal(bits[~free], x[~free])
    assert (bits != x)[free].any()


def test_bad_ladders_are_refused():
    with pytest.raises(InputError, match="at least two rungs"):
        ParallelTempering(Gibbs(), (1.0,))
    with pytest.raises(InputError, match="positive inverse temperature"):
        ParallelTempering(Gibbs(), (1.0, 0.0))
    x = torch.zeros(4, 3, dtype=FLOAT)
    with pytest.raises(InputError, match="a multiple of 3 rows"):
        sample(ParallelTempering(Gibbs(), (1.0, 0.5, 0.2)), Exact(ising(3)), x, 1)
    with pytest.raises(InputError, match="got Taylor"):
        sample(ParallelTempering(Gibbs(), (1.0, 0.5)), Taylor(ising(3)), x, 1)
    with pytest.raises(InputError, match="block Gibbs expected inverse temperature 1"):
        sample(ParallelTempering(BlockGibbs(), (1.0, 0.5)), Exact(rbm(3, 2)), x, 1)
    with pytest.raises(InputError, match="one inverse temperature for the whole ladder"):
        sample(ParallelTempering(Gibbs(), (1.0, 0.5)), Exact(ising(3), beta=torch.ones(2, dtype=FLOAT)), x[:2], 1)
    with pytest.raises(InputError, match="positive inverse temperature"):
        anneal(Gibbs(), Exact(ising(3)), x, [0.0, 1.0])
    with pytest.raises(InputError, match=r"betas: expected several numbers, .*, got 1\.0"):
        anneal(Gibbs(), Exact(ising(3)), x, 1.0)
    with pytest.raises(InputError, match="betas: expected several numbers"):
        ParallelTempering(Gibbs(), 1.0)
    with pytest.raises(InputError, match="betas: expected several numbers"):
        ais(Gibbs(), Exact(ising(3)), x, x, 1.0)


@pytest.mark.thorough
@pytest.mark.many_steps
@pytest.mark.parametrize("kernel", [Gibbs(), GibbsSweep(), GibbsWithGradients(), PathAuxiliary(2), DMALA(0.5)], ids=str)
def test_annealing_ends_near_the_lowest_energy_and_one_temperature_is_a_chain(kernel, generator, monkeypatch):
    energy = ising(8, scale=1.0)
    states = all_states(8)
    x = torch.rand(256, 8, generator=generator, dtype=FLOAT).round()
    bits = anneal(kernel, Exact(energy), x, torch.logspace(-1, 1, 400).tolist(), generator=generator)
    assert (energy(bits) < energy(states).min() + 0.5).to(FLOAT).mean() > 0.9
    one, other = seeded(1), seeded(1)
    monkeypatch.setattr("discrete_ed.samplers.compiled.loops", lambda: None)  # the steps in torch, one by one
    local = Exact(energy, beta=0.5)
    state = kernel.init(local, x)
    for _ in range(5):
        state = kernel.step(local, state, generator=other)
    assert torch.equal(anneal(kernel, Exact(energy), x, torch.full((5,), 0.5), generator=one), state.x)


def exact_draws(energy, bits, count, generator, beta=1.0):
    law = (beta * log_law(energy, dtype=FLOAT)).softmax(0).detach()
    return all_states(bits)[law.multinomial(count, replacement=True, generator=generator)]


KERNELS = [Gibbs(), GibbsSweep(), GibbsWithGradients("barker"), PathAuxiliary(2), DMALA(0.5)]
MODELS = [(ising, 8), (mlp, 6), (ising, 10), (mlp, 8), (lambda bits: rbm(bits, 5), 9)]


@pytest.mark.many_steps
@pytest.mark.parametrize(
    "case",  # each kernel and each energy once, and in other pairs
    [pytest.param(case, marks=[pytest.mark.thorough] * (case >= 5)) for case in range(10)],
)
def test_brackets_contain_the_enumerated_log_z(case, generator):
    make, bits = MODELS[case % 5]
    kernel, energy = KERNELS[(case + case // 5) % 5], make(bits)
    target = exact_draws(energy, bits, 512, generator)
    betas = torch.linspace(0, 1, 60).tolist()
    bracket = ais(kernel, Exact(energy), torch.zeros_like(target), target, betas, generator=generator)
    exact = log_z(energy, dtype=FLOAT)
    assert bracket.contains(exact)
    assert abs(bracket.lower - exact) < 0.3
    assert abs(bracket.upper - exact) < 0.3
    assert 0 < bracket.lower_error < 0.1
    assert 0 < bracket.upper_error < 0.1


def test_a_schedule_in_compiled_loops_is_that_of_the_steps(generator, monkeypatch):
    """The two brackets of one lattice agree with each other and with its log Z; the loops take other numbers."""
    pytest.importorskip("numba")
    if torch.float64 != FLOAT:
        pytest.skip("the compiled schedule is that of double precision")
    energy = IsingEnergy.from_graph(lattice(3), 0.4, 0.1).double()
    target = exact_draws(energy, 9, 512, generator)
    betas, found = torch.linspace(0, 1, 40).tolist(), []
    for kernel in (GibbsSweep(), GibbsSweep(colour_classes(energy)), SwendsenWang()):
        found.append(ais(kernel, Exact(energy), target, target, betas, generator=seeded(3)))
        assert found[-1].contains(log_z(energy))
        assert found[-1].upper - found[-1].lower < 0.3
    monkeypatch.setattr("discrete_ed.samplers.compiled.loops", lambda: None)
    found.append(ais(GibbsSweep(), Exact(energy), target, target, betas, generator=seeded(3)))
    assert abs(found[-1].lower - found[0].lower) < 4.5 * (found[0].lower_error + found[-1].lower_error)
    assert found[-1].lower != found[0].lower


@pytest.mark.thorough
@pytest.mark.many_steps
def test_standard_errors_and_bounds_hold_over_repetitions(generator):
    energy, betas = ising(6, scale=0.6), torch.linspace(0, 1, 6).tolist()
    exact = log_z(energy, dtype=FLOAT)
    runs = []
    for _ in range(150):
        target = exact_draws(energy, 6, 200, generator)
        runs.append(ais(Gibbs(), Exact(energy), target, target, betas, width=9, generator=generator))
    for side in ("lower", "upper"):
        values = torch.tensor([getattr(run, side) for run in runs], dtype=FLOAT)
        stated = torch.tensor([getattr(run, side + "_error") for run in runs]).mean()
        assert 0.7 < values.std() / stated < 1.4
        bias = values.mean() - exact
        assert abs(bias) < 4.5 * values.std() / len(values) ** 0.5 + stated**2
    assert sum(run.contains(exact, errors=3) for run in runs) >= 145


def test_the_inverse_temperature_of_the_local_evaluation_counts(generator):
    energy = ising(6)
    target = exact_draws(energy, 6, 512, generator, beta=0.5)
    betas = torch.linspace(0, 1, 30).tolist()
    bracket = ais(GibbsWithGradients(), Taylor(energy, beta=0.5), target, target, betas, generator=generator)
    assert bracket.contains((-0.5 * energy(all_states(6))).logsumexp(0).item())


def test_a_wide_bracket_and_false_targets_are_warned_of(generator):
    energy = ising(10, scale=1.5)
    target = exact_draws(energy, 10, 64, generator)
    with pytest.warns(RuntimeWarning, match=r"the bracket of log Z is .* nats wide"):
        ais(Gibbs(), Exact(energy), target, target, [0.0, 1.0], generator=generator)
    mild = ising(6, scale=0.3)
    uniform = torch.rand(512, 6, generator=generator, dtype=FLOAT).round()
    with pytest.warns(RuntimeWarning, match="inverted"):
        ais(Gibbs(), Exact(mild), uniform, uniform, torch.linspace(0, 1, 4).tolist(), generator=generator)


def test_frozen_bits_stay_and_count_for_nothing(generator):
    class Half(Energy):
        def forward(self, x):
            return x @ torch.tensor([5.0, 1.0, -0.5])

        def free(self, x):
            return torch.tensor([False, True, True]).expand_as(x)

    x = torch.tensor([[1.0, 0.0, 0.0]])
    free = torch.tensor([1.0, -0.5])
    wanted = (-5 + (1 + (-free).exp()).log().sum()).item()
    target = torch.cat([x.expand(500, 3)[:, :1], (torch.rand(500, 2, generator=generator) < (-free).sigmoid())], -1)
    betas = torch.linspace(0, 1, 20).tolist()
    assert ais(Gibbs(), Exact(Half()), x.expand(500, 3), target, betas, generator=generator).contains(wanted)


def test_bad_arguments_of_ais_are_refused():
    class Frozen(Energy):
        def free(self, x):
            return torch.tensor([False, True, True]).expand_as(x)

    two = torch.tensor([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    with pytest.raises(InputError, match="the same frozen bits in all states"):
        ais(Gibbs(), Exact(Frozen()), two[:1].repeat(2, 1), two, [0.0, 1.0])
    x, local = torch.zeros(4, 3, dtype=FLOAT), Exact(ising(3))
    for betas in ([0.0], [0.1, 1.0], [0.0, 0.9], [0.0, 0.6, 0.5, 1.0]):
        with pytest.raises(InputError, match="rising from 0 to 1"):
            ais(Gibbs(), local, x, x, betas)
    with pytest.raises(InputError, match="got DULA, which is biased"):
        ais(DULA(), local, x, x, [0.0, 1.0])
    with pytest.raises(InputError, match="target: expected at least two states"):
        ais(Gibbs(), local, x, x[:1], [0.0, 1.0])
    with pytest.raises(InputError, match="steps"):
        ais(Gibbs(), local, x, x, [0.0, 1.0], steps=0)

    class Broken(Energy):
        def forward(self, x):
            return x.sum(-1) * torch.nan

    with pytest.raises(NumericalError, match="NaN or -inf in 4 of 4 chains at step 0"):
        ais(Gibbs(), Exact(Broken()), x, x, [0.0, 1.0])
