"""Gibbs-with-gradients is exact: shown by its transition matrix, then by its chains."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
import torch
from contracts import Altered, check_frequencies, detailed_balance_residual, ising, mlp, transition_matrix
from place import DEVICE, FLOAT, all_states, number_of, rounding, seeded
from torch import Tensor

from discrete_ed import (
    DMALA,
    Exact,
    Gibbs,
    GibbsWithGradients,
    GraphEnergy,
    InputError,
    NumericalError,
    Taylor,
    adapt_step_size,
    anneal,
    chain,
    graphs_to_states,
    sample,
)
from discrete_ed.energies import Energy
from discrete_ed.energies.local import Evaluation
from discrete_ed.likelihood.enumeration import log_law
from discrete_ed.samplers import State
from discrete_ed.samplers.gradients import Balance

pytestmark = pytest.mark.anywhere

CASES = [(*case, "sqrt") for case in itertools.product((ising, mlp), (Exact, Taylor), (6, 10))]
CASES += [
    (*case, 6, balance) for case in itertools.product((ising, mlp), (Exact, Taylor)) for balance in get_args(Balance)
]


@pytest.mark.parametrize(("make", "local", "bits", "balance"), CASES)
def test_detailed_balance_and_stationarity_are_exact(make, local, bits, balance):
    energy = make(bits)
    law = log_law(energy, dtype=FLOAT).exp().detach()
    kernel = GibbsWithGradients(balance)
    matrix = transition_matrix(kernel, local(energy), all_states(bits))
    assert detailed_balance_residual(matrix, law) < rounding(1e-10)
    assert torch.allclose(law @ matrix, law, atol=rounding(1e-14))
    assert (matrix >= -rounding(1e-12)).all()


def test_the_transition_matrix_is_that_of_the_paper():
    """`P(x, x') = q(i|x) min(1, p(x') q(i|x') / (p(x) q(i|x)))`, `q(i|x) ∝ exp(−Δ_i / 2)`, by a plain double loop."""
    energy = ising(4)
    states = all_states(4)
    law = log_law(energy, dtype=FLOAT).exp().detach()
    wanted = torch.zeros(16, 16, dtype=FLOAT)
    neighbour = [[k ^ (8 >> i) for i in range(4)] for k in range(16)]
    q = [[(law[there] / law[k]).sqrt() for there in neighbour[k]] for k in range(16)]  # exp(−Δ/2), not normalised
    for k, i in itertools.product(range(16), range(4)):
        there = neighbour[k][i]
        forward, backward = q[k][i] / sum(q[k]), q[there][i] / sum(q[there])
        wanted[k, there] = forward * min(1.0, (law[there] * backward / (law[k] * forward)).item())
        wanted[k, k] += forward - wanted[k, there]
    assert torch.allclose(transition_matrix(GibbsWithGradients(), Exact(energy), states), wanted, atol=rounding(1e-12))


def test_detailed_balance_holds_at_an_inverse_temperature():
    energy = ising(6)
    law = (-0.5 * energy(all_states(6))).softmax(0).detach()
    local = Taylor(energy, beta=0.5)
    matrix = transition_matrix(GibbsWithGradients(), local, all_states(6))
    assert detailed_balance_residual(matrix, law) < rounding(1e-10)


class NoReverseTerm(GibbsWithGradients):
    """The classic bug: the proposal back is forgotten."""

    def flip(self, local, state, i, log_u):
        i = i.unsqueeze(-1)
        x = state.x.scatter(-1, i, 1 - state.x.gather(-1, i))
        energy, delta = local(x)
        return State(x, energy, delta, log_u < state.energy - energy)


class StaleReverseTerm(GibbsWithGradients):
    """The classic bug: the proposal back is taken from the old differences."""

    def flip(self, local, state, i, log_u):
        stale = State(state.x, state.energy, state.delta, state.accepted)
        return super().flip(Altered(local, lambda e: Evaluation(e.energy, stale.delta)), stale, i, log_u)


class WrongSign(GibbsWithGradients):
    """The classic bug: the energy difference enters with the wrong sign."""

    def flip(self, local, state, i, log_u):
        return super().flip(Altered(local, lambda e: Evaluation(-e.energy, e.delta)), state, i, log_u)


@pytest.mark.parametrize("kernel", [NoReverseTerm(), StaleReverseTerm(), WrongSign()])
def test_planted_bugs_break_detailed_balance(kernel):
    energy = ising(6)
    law = log_law(energy, dtype=FLOAT).exp().detach()
    matrix = transition_matrix(kernel, Taylor(energy), all_states(6))
    assert detailed_balance_residual(matrix, law) > 0.01


@pytest.mark.parametrize("balance", get_args(Balance))
def test_bits_are_proposed_with_the_stated_probabilities(balance):
    check_frequencies(GibbsWithGradients(balance), Exact(ising(6, 0.7)), all_states(6), 11)


@pytest.mark.parametrize("start", ["random", "exact"])
def test_chains_reach_and_keep_the_law(start, generator):
    energy = ising(4)
    states = all_states(4)
    law = log_law(energy, dtype=FLOAT).exp().detach()
    weights = law if start == "exact" else torch.ones(16, dtype=FLOAT)
    x = states[weights.multinomial(20_000, replacement=True, generator=generator)]
    bits = sample(GibbsWithGradients(), Taylor(energy), x, 60, generator=generator)
    frequencies = number_of(bits).bincount(minlength=16) / len(x)
    assert ((frequencies - law).abs() <= 4.5 * (law * (1 - law) / len(x)).sqrt()).all()


def test_the_cache_is_the_local_evaluation_of_the_state(generator):
    local = Taylor(mlp(8))
    x = torch.rand(32, 8, generator=generator, dtype=FLOAT).round()
    for state in itertools.islice(chain(GibbsWithGradients(), local, x, generator=generator), 25):
        energy, delta = local(state.x)
        assert torch.allclose(state.energy, energy, atol=rounding(1e-8))
        assert torch.allclose(state.delta, delta, atol=rounding(1e-8))
        assert not any(part.requires_grad for part in state)


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    energy = ising(12)

    def run(seed: int) -> Tensor:
        return sample(
            GibbsWithGradients(),
            Exact(energy),
            torch.zeros(16, 12, dtype=FLOAT),
            50,
            generator=seeded(seed),
        )

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


@pytest.mark.parametrize("local", [Exact, Taylor])
def test_frozen_bits_never_move_and_a_chain_without_free_bits_stays(local, generator):
    import networkx as nx

    graphs = [nx.empty_graph(0), nx.empty_graph(1), nx.path_graph(3), nx.complete_graph(5)]
    x = graphs_to_states(graphs).to(DEVICE).float().repeat(8, 1)
    energy = GraphEnergy(5, width=8, layers=1).to(DEVICE)
    bits = sample(GibbsWithGradients(), local(energy), x, 40, generator=generator)
    free = energy.free(x)
    assert torch.equal(bits[~free], x[~free])
    assert (bits != x)[free].any()


@pytest.mark.parametrize("local", [Exact, Taylor])
def test_states_of_probability_zero_are_never_entered_nor_started_from(local, generator):
    class Even(Energy):
        """Uniform over the states whose first bit is zero."""

        def forward(self, x: Tensor) -> Tensor:
            return torch.where(x[..., 0] == 1, torch.inf, x.sum(-1) * 0)

    x = torch.zeros(64, 3)
    states = chain(GibbsWithGradients(), local(Even()), x, generator=generator)
    seen = torch.stack([state.x for state in itertools.islice(states, 40)])
    assert (seen[..., 0] == 0).all()
    assert (seen[..., 1:].mean((0, 1)) - 0.5).abs().max() < 0.1
    with pytest.raises(InputError, match=r"\+inf \(probability zero\) at 64 of 64"):
        sample(GibbsWithGradients(), local(Even()), x + torch.tensor([1.0, 0.0, 0.0]), 1)


def test_bad_starts_are_refused():
    kernel, local = GibbsWithGradients(), Exact(ising(3))
    with pytest.raises(InputError, match=r"x: expected only zeros and ones, got 0\.5"):
        sample(kernel, local, torch.full((2, 3), 0.5), 1)
    with pytest.raises(InputError, match="float tensor"):
        sample(kernel, local, torch.zeros(2, 3, dtype=torch.long), 1)
    with pytest.raises(InputError, match=r"shape \(B, D\)"):
        sample(kernel, local, torch.zeros(3), 1)
    with pytest.raises(InputError, match="steps"):
        sample(kernel, local, torch.zeros(2, 3, dtype=FLOAT), -1)


def test_an_energy_of_nan_is_an_error():
    class Broken(Energy):
        def forward(self, x: Tensor) -> Tensor:
            return x.sum(-1) * torch.nan

    with pytest.raises(NumericalError, match="NaN or -inf in 2 of 2 chains at step 0"):
        sample(GibbsWithGradients(), Exact(Broken()), torch.zeros(2, 3), 1)


@pytest.mark.parametrize("run", [lambda *a: sample(*a, 1), lambda *a: next(chain(*a)), lambda *a: anneal(*a, [1.0])])
@pytest.mark.parametrize("local", [Exact, Taylor])
def test_states_that_the_energy_does_not_take_are_refused(run, local):
    energy = mlp(3)
    with pytest.raises(
        InputError, match=r"x: expected states that MLPEnergy takes, got shape \(2, 4\), .*: mat1 and mat2"
    ):
        run(GibbsWithGradients(), local(energy), torch.zeros(2, 4, dtype=FLOAT))
    other = torch.float32 if torch.float64 == FLOAT else torch.float64
    with pytest.raises(InputError, match=rf"got shape \(2, 3\), {other} on {DEVICE}.*: "):
        run(GibbsWithGradients(), local(energy), torch.zeros(2, 3, dtype=other))


RUNS = {
    "sample": lambda kernel, local, x: sample(kernel, local, x, 3),
    "no steps": lambda kernel, local, x: sample(kernel, local, x, 0),
    "chain": lambda kernel, local, x: chain(kernel, local, x),  # refused at once, not at the first state
    "anneal": lambda kernel, local, x: anneal(kernel, local, x, [1.0, 2.0]),
    "adapt": lambda _, local, x: adapt_step_size(DMALA(), local, x, 3),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=list(RUNS))
def test_all_ways_to_run_chains_look_at_where_they_start(run):
    local = Exact(mlp(3))
    for x, message in (
        (-torch.ones(2, 3, dtype=FLOAT), "only zeros and ones, got -1"),
        (torch.zeros(3, dtype=FLOAT), r"a batch of shape \(B, D\)"),
        (torch.zeros(2, 3, dtype=torch.float16), "single or double precision"),
    ):
        with pytest.raises(InputError, match=message):
            run(GibbsWithGradients(), local, x)

    class Broken(Energy):
        def forward(self, x):
            return x.sum(-1) * torch.nan

    with pytest.raises(NumericalError, match="NaN or -inf in 2 of 2 chains at step 0"):
        run(GibbsWithGradients(), Exact(Broken()), torch.zeros(2, 3, dtype=FLOAT))


@pytest.mark.parametrize("run", [RUNS["sample"], RUNS["anneal"], RUNS["adapt"]], ids=["sample", "anneal", "adapt"])
def test_energies_that_break_on_the_way_are_seen_at_the_end(run):
    class Late(Energy):
        """Its energies are numbers at the start alone."""

        def forward(self, x):
            return torch.where((x == 0).all(-1), 0.0, torch.nan) + 0 * x.sum(-1)

        def flip_delta(self, x):
            return torch.full_like(x, -5.0)

    with pytest.raises(NumericalError, match=r"NaN or -inf in \d of 4 chains at step [23]"):
        run(GibbsWithGradients(), Exact(Late()), torch.zeros(4, 3, dtype=FLOAT))


def test_arguments_that_are_mistaken_for_each_other_are_refused():
    x = torch.zeros(2, 3, dtype=FLOAT)
    with pytest.raises(InputError, match=r"kernel: expected a kernel, such as Gibbs\(\), got the class Gibbs"):
        sample(Gibbs, Exact(mlp(3)), x, 1)
    with pytest.raises(
        InputError, match=r"local: expected Taylor\(energy\) or Exact\(energy\), got the MLPEnergy itself"
    ):
        sample(Gibbs(), mlp(3), x, 1)


def test_an_unknown_balancing_function_is_refused():
    with pytest.raises(InputError, match="balance: expected one of sqrt, barker, min, max, got 'root'"):
        GibbsWithGradients("root")
