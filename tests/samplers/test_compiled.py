"""The compiled loops have the law of the kernels: their draws against the matrices of the kernels' own steps."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from contracts import FREQUENCY_TESTS, chi_square, ising, law_of, mlp, ring, torus, transition_matrix
from torch import Tensor

from discrete_ed import (
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    IsingEnergy,
    Kawasaki,
    Metropolis,
    ParallelTempering,
    SwendsenWang,
    Taylor,
    Wolff,
    anneal,
    chain,
    colour_classes,
    enumerate_states,
    sample,
)
from discrete_ed.samplers import compiled, schedules, thresholds
from discrete_ed.samplers.compiled_tempering import tempered

pytest.importorskip("numba")
DOUBLE = torch.float64
SMALLEST = 1e-5 / FREQUENCY_TESTS


def frustrated(bits: int) -> IsingEnergy:
    """A ring with a chord, of one strength and both signs, with fields."""
    couplings = ring(bits, 0.5).couplings.detach()
    couplings[0, 3] = couplings[3, 0] = couplings[1, 2] = couplings[2, 1] = -0.5
    return IsingEnergy(couplings, 0.3 * torch.arange(bits, dtype=DOUBLE) - 0.7)


GLASS, ONE_STRENGTH, DENSE = torus(2, 3), frustrated(6), ising(8)
RING = ring(6, -0.5, [0.3] * 6)
COLOURS = GibbsSweep(colour_classes(GLASS))
CASES = {
    "few neighbours": (COLOURS, GLASS, 1.0, {}),
    "few neighbours, tempered": (COLOURS, GLASS, 0.4, {}),
    "one strength, not packed": (GibbsSweep(), ONE_STRENGTH, 1.0, {"PACKED": 10**9}),
    "packed": (GibbsSweep(), ONE_STRENGTH, 1.0, {"PACKED": 1}),
    "packed, cold": (GibbsSweep(), ONE_STRENGTH, 3.0, {"PACKED": 1}),
    "packed, no couplings": (GibbsSweep(), IsingEnergy(torch.zeros(3, 3), torch.tensor([0.3, -1.0, 0.0])), 1.0, {}),
    "packed, by classes": (GibbsSweep(colour_classes(RING)), RING, 1.0, {"PACKED": 1}),
    "many neighbours": (GibbsSweep(), DENSE, 1.0, {}),
    "random scan": (Gibbs(), ising(6), 1.0, {}),
    "random scan, tempered": (Gibbs(), GLASS, 0.4, {}),
    "clusters": (SwendsenWang(), torus(2, 3, 0.4), 1.0, {}),
    "clusters, antiferromagnet in a field": (SwendsenWang(), ring(6, -0.6, [0.5, 0, 0.3, -0.2, 0, 0]), 0.8, {}),
    "one cluster": (Wolff(), torus(2, 3, 0.4), 1.0, {}),
    "one cluster, antiferromagnet in a field": (Wolff(), ring(6, -0.6, [0.5, 0, 0.3, -0.2, 0, 0]), 0.8, {}),
    "metropolis": (Metropolis(), GLASS, 1.0, {}),
    **{
        f"informed, {balance}": (GibbsWithGradients(balance), ising(6), 1.0, {}) for balance in ("barker", "min", "max")
    },
    "informed": (GibbsWithGradients(), GLASS, 1.0, {}),
    "informed, many neighbours": (GibbsWithGradients(), DENSE, 0.5, {}),
}


@pytest.fixture(params=CASES)
def case(request, monkeypatch):
    """A kernel and the local evaluation that it runs on, with the loop chosen."""
    kernel, energy, beta, settings = CASES[request.param]
    for name, value in settings.items():
        monkeypatch.setattr(compiled, name, value)
    return kernel, Exact(energy.double(), beta)


def states_of(energy: IsingEnergy) -> Tensor:
    return enumerate_states(len(energy.fields), dtype=DOUBLE)


def worst_p(kernel, local, states: Tensor, rows: int = 3, draws: int = 30_000) -> float:
    """The smallest p-value of draws of one step from some states."""
    g = torch.Generator().manual_seed(0)
    start = range(0, len(states), max(1, len(states) // rows))
    ends = (sample(kernel, local, states[[row]].expand(draws, -1), 1, generator=g) for row in start)
    return min(map(chi_square, ends, transition_matrix(kernel, local, states, start)))


def test_one_step_ends_where_the_matrix_of_the_kernel_says(case):
    kernel, local = case
    states = states_of(local.energy)
    assert compiled.compiled(kernel, local, states) is not None
    assert worst_p(kernel, local, states) > SMALLEST


@pytest.mark.thorough
@pytest.mark.parametrize("start", ["random", "exact"])
def test_chains_reach_and_keep_the_law(case, start, generator):
    kernel, local = case
    local, states = replace(local, beta=0.3 * local.beta), states_of(local.energy)
    law = law_of(local, states)
    weights = law if start == "exact" else torch.ones_like(law)
    x = states[weights.multinomial(10_000, replacement=True, generator=generator)]
    steps = 20 if isinstance(kernel, GibbsSweep | SwendsenWang) else 20 * states.shape[1]
    assert chi_square(sample(kernel, local, x, steps, generator=generator), law) > SMALLEST


SCHEDULED = {name: case for name, case in CASES.items() if isinstance(case[0], GibbsSweep | SwendsenWang | Wolff)}


@pytest.mark.parametrize("name", SCHEDULED)
def test_annealing_at_one_temperature_is_sampling(name, monkeypatch, generator):
    """Two temperatures, so that tables are made anew; the first of them leaves no trace after 25 sweeps."""
    kernel, energy, beta, settings = SCHEDULED[name]
    for key, value in settings.items():
        monkeypatch.setattr(compiled, key, value)
    local, states = Exact(energy.double(), 0.3), states_of(energy)
    x = torch.zeros(10_000, states.shape[1], dtype=DOUBLE)
    betas = [2.0 * beta] + [beta] * 25
    assert schedules.annealed(kernel, local, x, betas, generator) is not None
    bits = anneal(kernel, local, x, betas, generator=generator)
    assert chi_square(bits, law_of(replace(local, beta=0.3 * beta), states)) > SMALLEST


@pytest.mark.thorough
@pytest.mark.parametrize("inner", [GibbsSweep(), Metropolis(), GibbsWithGradients()], ids=str)
def test_every_rung_of_compiled_tempering_has_its_law(inner, generator):
    kernel, energy, betas = ParallelTempering(inner, (1.0, 0.3)), GLASS.double(), (1.0, 0.3)
    local, states = Exact(energy, 0.8), states_of(energy)
    assert tempered(kernel, local, torch.zeros(4, 6, dtype=DOUBLE)) is not None
    x, steps = torch.zeros(10_000, 6, dtype=DOUBLE), 60 if inner == GibbsSweep() else 500
    *_, state = itertools.islice(chain(kernel, local, x, thin=steps, generator=generator), 1)
    for rung, beta in zip(state.x.chunk(2), betas, strict=True):
        assert chi_square(rung, law_of(replace(local, beta=0.8 * beta), states)) > SMALLEST
    ladder = local.at_beta(kernel.ladder(state.x))
    assert torch.allclose(state.energy, ladder(state.x).energy)
    assert torch.allclose(state.delta, ladder(state.x).delta)
    start, betas = states[[7, 50]], (1.0, 1.0)  # equal rungs always swap when it is their turn, and halves of steps
    frozen = Exact(IsingEnergy(torch.zeros(6, 6, dtype=DOUBLE), torch.full((6,), 60.0, dtype=DOUBLE)))
    *_, state = itertools.islice(chain(ParallelTempering(Metropolis(), betas), frozen, start, generator=generator), 1)
    assert state.energy.tolist() == frozen(state.x).energy.tolist()


def test_compiled_exchanges_end_where_the_matrix_says(generator):
    local, states = Exact(GLASS.double(), 0.7), enumerate_states(6, dtype=DOUBLE)
    assert worst_p(Kawasaki(), local, states) > SMALLEST
    half = states[states.sum(-1) == 3]
    bits = sample(Kawasaki(), local, half[:1].expand(10_000, -1), 200, generator=generator)
    law = torch.where(states.sum(-1) == 3, law_of(local, states), 0)
    assert chi_square(bits, law / law.sum()) > SMALLEST


@pytest.mark.thorough
def test_one_long_chain_has_the_law(generator):
    """Draws of one chain, far enough apart to count as independent."""
    local, states = Exact(ising(6, scale=0.2)), enumerate_states(6, dtype=DOUBLE)
    for kernel, thin in ((GibbsWithGradients(), 40), (Gibbs(), 60), (GibbsSweep(), 12)):
        draws = itertools.islice(chain(kernel, local, states[:1], thin=thin, generator=generator), 4000)
        bits = torch.cat([state.x for state in draws])
        assert chi_square(bits, law_of(local, states)) > SMALLEST


def test_the_state_is_the_local_evaluation_of_its_bits(case, generator):
    kernel, local = case
    x = torch.rand(20, len(local.energy.fields), generator=generator, dtype=DOUBLE).round()
    last = x
    for state in itertools.islice(chain(kernel, local, x, generator=generator), 10):
        value, delta = local(state.x)
        assert torch.allclose(state.energy, value, atol=1e-12)
        assert torch.allclose(state.delta, delta[:, : state.delta.shape[1]], atol=1e-12)
        assert torch.equal(state.accepted, (state.x != last).any(-1))
        assert not any(part.requires_grad for part in state)
        last = state.x
    *_, late = itertools.islice(chain(kernel, local, x, thin=5000, generator=generator), 2)
    assert torch.allclose(late.energy, local(late.x).energy, atol=1e-12)


def test_the_same_seed_gives_the_same_bits_however_the_work_is_cut(case, monkeypatch):
    kernel, local = case
    chains = 64 if compiled.PACKED == 1 else 1  # whole words; a loop over chains uses its random words in another order
    x = torch.zeros(chains, len(local.energy.fields), dtype=DOUBLE)

    def path(seed: int) -> Tensor:
        states = chain(kernel, local, x, thin=7, generator=torch.Generator().manual_seed(seed))
        return torch.cat([state.x for state in itertools.islice(states, 20)])

    first = path(1)
    assert torch.equal(first, path(1))
    assert not torch.equal(first, path(2))
    monkeypatch.setattr(compiled, "UPDATES", 1)
    assert torch.equal(first, path(1))


@pytest.mark.thorough
def test_chains_are_independent_of_each_other(case, generator):
    """Two chains in one word, vector or loop must not share their random numbers."""
    kernel, local = case
    warm = replace(local, beta=0.2 * local.beta)
    x = torch.zeros(1000, len(local.energy.fields), dtype=DOUBLE)
    draws = [sample(kernel, warm, x, 60, generator=generator) for _ in range(20)]
    s = 2 * torch.stack(draws).flatten(-1) - 1
    agreement = (s[:, 0::2] * s[:, 1::2]).mean(-1)
    mean = s.mean((0, 1))
    wanted = (mean**2).mean()
    assert abs(agreement.mean() - wanted) < 4.5 * agreement.std() / agreement.numel() ** 0.5 + 1e-3


def test_mistakes_in_thresholds_and_fields_are_seen(monkeypatch):
    states, threshold = enumerate_states(6, dtype=DOUBLE), thresholds.threshold
    monkeypatch.setattr(thresholds, "threshold", lambda field: threshold(1.1 * field))
    for kernel, energy in ((COLOURS, GLASS), (GibbsSweep(), ONE_STRENGTH)):
        assert worst_p(kernel, Exact(energy), states) < SMALLEST
    fields = compiled.Interactions.local_fields
    monkeypatch.setattr(compiled.Interactions, "local_fields", lambda self, s: fields(self, s) * 1.1)
    for kernel in (Gibbs(), GibbsWithGradients()):
        assert worst_p(kernel, Exact(GLASS, 0.5), states, draws=100_000) < SMALLEST


def test_other_energies_kernels_and_temperatures_keep_their_own_steps():
    class Kept(IsingEnergy):
        """Its first spin is frozen."""

        def free(self, x):
            return torch.arange(x.shape[-1]).expand_as(x) > 0

    class Mine(Gibbs):
        """Somebody's own kernel."""

    x = torch.zeros(4, 6, dtype=DOUBLE)
    assert compiled.compiled(Gibbs(), Exact(GLASS), x) is not None
    assert compiled.compiled(Gibbs(), Exact(mlp(6)), x) is None
    assert compiled.compiled(Gibbs(), Exact(Kept(GLASS.couplings.detach())), x) is None
    assert compiled.compiled(Mine(), Exact(GLASS), x) is None
    assert compiled.compiled(Gibbs(), Exact(GLASS, beta=torch.ones(4)), x) is None
    assert compiled.compiled(Gibbs(), Exact(GLASS), x.to("meta")) is None
    steep = IsingEnergy(torch.zeros(6, 6), torch.full((6,), 400.0))
    assert compiled.compiled(GibbsWithGradients(), Exact(steep), x) is None
    assert compiled.compiled(Gibbs(), Exact(steep), x) is not None


def test_without_numba_the_kernels_own_steps_run(monkeypatch, generator):
    monkeypatch.setattr(compiled, "loops", lambda: None)
    local, x = Taylor(GLASS, beta=0.3), torch.zeros(10_000, 6, dtype=DOUBLE)
    bits = sample(GibbsWithGradients(), local, x, 60, generator=generator)
    assert chi_square(bits, law_of(local, enumerate_states(6, dtype=DOUBLE))) > SMALLEST


@pytest.mark.thorough
def test_numba_is_imported_only_for_chains_that_it_runs():
    code = """
import sys, torch
from discrete_ed import Exact, Gibbs, IsingEnergy, MLPEnergy, sample
sample(Gibbs(), Exact(MLPEnergy(4, hidden=(4,))), torch.zeros(1, 4), 1)
assert 'numba' not in sys.modules
sample(Gibbs(), Exact(IsingEnergy(4)), torch.zeros(1, 4), 1)
assert 'numba' in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
