"""Annealing in rounds: paths that keep their laws, intervals that hold the truth, and modes that are noticed."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from contracts import ising, mlp, rbm
from place import seeded

from discrete_ed import (
    BernoulliMixtureEnergy,
    Energy,
    IsingEnergy,
    MLPEnergy,
    NetworkEnergy,
    RBMEnergy,
    SumEnergy,
    estimate_log_z,
    kaufman_log_z,
    lattice,
)
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.likelihood import Mixture, log_likelihood
from discrete_ed.likelihood.annealing import largest_log_weight
from discrete_ed.likelihood.block import BlockPath
from discrete_ed.likelihood.enumeration import enumerated_log_z, sample_law
from discrete_ed.likelihood.schedule import equal_work, even
from discrete_ed.likelihood.single_site import SingleSite
from discrete_ed.likelihood.spins import SpinPath
from discrete_ed.likelihood.starting import near_law, path_to
from discrete_ed.likelihood.tree_fit import fitted_trees
from discrete_ed.states import enumerate_states

MANY = 3000


def mixed(bits: int) -> Energy:
    """A sum of every kind of term that single-site updates treat in its own way."""
    torch.manual_seed(0)
    network, residual = NetworkEnergy(bits, width=8), NetworkEnergy(bits, "residual", width=8, layers=1)
    return SumEnergy(network, residual, rbm(bits, 3), ising(bits), scale=0.6).float()


def two_components(bits: int) -> Mixture:
    return Mixture(torch.tensor([0.3, 0.7]).log(), torch.randn(2, bits, generator=seeded(3)))


def two_trees(bits: int) -> Mixture:
    parents = (2, 0, -1, 2, 3, 3, -1, 5)[:bits]
    couplings = torch.randn(2, bits, generator=seeded(4)).masked_fill(torch.tensor(parents) < 0, 0)
    simple = two_components(bits)
    return Mixture(simple.log_weights, simple.logits, None, parents, couplings)


def on_trees(bits: int) -> SumEnergy:
    law = two_trees(bits)
    assert law.parents is not None
    return SumEnergy(BernoulliMixtureEnergy(law.log_weights, law.logits, law.parents, law.couplings), mixed(bits))


def from_trees(energy: Energy, base: Mixture) -> SingleSite:  # noqa: ARG001
    return SingleSite(energy, two_trees(8))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("make", "energy"),
    [
        (from_trees, on_trees(8)),
        (from_trees, mixed(8)),
        (SingleSite, on_trees(8)),
        (SpinPath, ising(8).float()),
        (SingleSite, ising(8).float()),
        (SingleSite, mixed(8)),
        (SingleSite, MLPEnergy(8, ())),
        (BlockPath, rbm(8, 5).float()),
    ],
)
def test_runs_in_both_directions_estimate_the_enumerated_sum(make, energy):
    g = seeded(0)
    path = make(energy, Mixture.independent(torch.randn(8, generator=g)) if make is SpinPath else two_components(8))
    base = path.base
    betas, updates = even(25) ** 1.5, max(1, path.updates // 2)
    law = sample_law(energy, MANY, g)
    walk = path.walk(base.sample(MANY, g), law, betas, updates, g)
    truth = enumerated_log_z(energy, 8)
    for log_w, sign in ((walk.log_w[:MANY], 1), (walk.log_w[MANY:], -1)):
        w = (log_w - sign * (truth - path.offset)).exp()
        assert abs(w.mean().item() - 1) < 4.5 * w.std().item() / MANY**0.5
    chains = path.walk(law[:0], law, torch.ones(12, dtype=torch.float64), updates, g).x  # they keep the law
    marginals = enumerate_states(8).T @ (-energy(enumerate_states(8))).detach().softmax(0)
    assert (chains.mean(0) - marginals).abs().max() < 4.5 * 0.5 / MANY**0.5
    assert (walk.slopes[1] >= 0).all()
    assert walk.slopes.isfinite().all()


def test_a_mixture_of_trees_is_normalised_and_finds_the_tree(generator):
    law = two_trees(8)
    x = law.sample(6000, generator)
    states = enumerate_states(8)
    assert law.log_p(states).logsumexp(0).item() == pytest.approx(0, abs=1e-5)
    truth = law.log_p(states).exp()
    assert (x.mean(0) - truth @ states).abs().max() < 4.5 * 0.5 / 6000**0.5
    torch.testing.assert_close(law.means(), truth @ states)
    tree, alone = fitted_trees(x, generator, 2), Mixture.fitted(x, generator, 2)
    gaps = [(truth @ (law.log_p(states) - fitted.log_p(states))).item() for fitted in (tree, alone)]
    assert -1e-6 < gaps[0] < 0.03 < gaps[1]
    assert fitted_trees(x[:30], generator).log_p(states).logsumexp(0).item() == pytest.approx(0, abs=1e-5)


def test_a_mixture_is_normalised_and_fits_its_data(generator):
    law = two_components(6)
    x = law.sample(4000, generator)
    assert law.log_p(enumerate_states(6)).logsumexp(0).item() == pytest.approx(0, abs=1e-5)
    clusters = torch.tensor([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).float().repeat(200, 1)
    fitted, alone = Mixture.fitted(clusters, generator), Mixture.independent(torch.zeros(6))
    assert fitted.log_p(enumerate_states(6)).logsumexp(0).item() == pytest.approx(0, abs=1e-5)
    assert fitted.log_p(clusters).mean() > math.log(0.5) - 0.6 > alone.log_p(clusters).mean()
    assert (x.mean(0) - law.log_weights.exp() @ law.logits.sigmoid()).abs().max() < 0.04
    assert len(Mixture.fitted(clusters[:20], generator).log_weights) == 2  # too few rows for components of their own


def test_steps_are_short_where_the_lag_is_large():
    slopes = torch.zeros(2, 2, 100)
    slopes[1] = 1e-6
    slopes[0, 1, 50:] = torch.linspace(0, 40, 50)
    betas = equal_work(even(100), slopes, 1.0, 200)
    assert betas[0] == 0
    assert betas[-1] == 1
    assert (betas.diff() > 0).all()
    assert betas.diff()[-1] < 0.3 * betas.diff()[0]


CASES = {
    "spins": lambda g: IsingEnergy(ising(14, scale=0.3).couplings.float().detach(), 0.2 * torch.randn(14, generator=g)),
    "network": lambda g: mlp(14).float(),  # noqa: ARG005
    "machine": lambda g: RBMEnergy(14, 12, scale=0.7, generator=g),
}


def test_the_law_near_an_energy_is_normalised_and_holds_the_rows_and_the_states_of_the_model():
    rows = (torch.rand(300, 8, generator=seeded(0)) < 0.5).float()
    rows[:, :4] = rows[:, :1]  # four bits that are equal, which only a tree knows
    states = torch.ones(300, 8)
    states[:, 0] = 0.0
    law, alone = near_law(rows, states, seeded(1)), Mixture.fitted(rows, seeded(1))
    assert law.log_p(enumerate_states(8)).double().logsumexp(0).abs() < 1e-5
    assert law.log_p(rows).mean() > alone.log_p(rows).mean()
    assert law.log_p(states[:1]).exp() > 0.05 > alone.log_p(states[:1]).exp()
    x = law.sample(4000, seeded(2))
    assert abs((x == states[0]).all(1).float().mean() - law.log_p(states[:1]).exp()).item() < 0.02


BASES = ["mixture", "both", "frequencies", "model", "uniform"]


@pytest.mark.parametrize(
    ("name", "base"),
    [  # by default, every energy with one base and every base with one energy
        pytest.param(name, base, marks=[pytest.mark.thorough] * (base != "both" and name != "machine"))
        for name in CASES
        for base in BASES
    ],
)
def test_every_base_leads_to_an_interval_that_holds_the_truth(name, base):
    g = seeded(5)
    energy = CASES[name](g)
    x = sample_law(energy, 300, g)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = estimate_log_z(energy, x, base=base, exact=False, runs=128, seconds=0.05, generator=g)
    truth = enumerated_log_z(energy, 14)
    assert not found.exact
    assert not found.refused
    assert found.low <= truth <= found.high
    assert found.value == pytest.approx((found.low + found.high) / 2)
    assert found.high - found.low < 0.5
    assert f"{found.value:.3f}" in found.verdict


def test_a_seed_gives_the_same_bits():
    energy, x = mlp(24).float(), torch.rand(200, 24, generator=seeded(1)).round()
    one, two = (
        estimate_log_z(energy, x, temperatures=20, runs=32, width=9.0, generator=seeded(0)).annealing for _ in "ab"
    )
    assert one == two


class TwoModes(Energy):
    """A mode of independent bits near all zeros, and a deep one near all ones."""

    def __init__(self, bits: int, depth: float) -> None:
        super().__init__()
        self.bits, self.slope = bits, torch.nn.Parameter(torch.tensor(2.0))
        self.depth = depth

    def forward(self, x):
        ones = x.sum(-1)
        near = -self.slope * (self.bits - ones) - self.bits * 0.0
        far = -self.slope * ones - self.depth
        return -torch.logaddexp(-near, -far)

    @property
    def log_z(self) -> float:
        one = self.bits * math.log1p(math.exp(self.slope.item()))
        return float(torch.logaddexp(torch.tensor(one), torch.tensor(one + self.depth)))


@pytest.mark.thorough
def test_mass_that_no_row_reaches_is_noticed():
    """Rows from the small mode: a value near log Z of that mode alone would be plausible, and wrong by 20 nats."""
    energy = TwoModes(40, 20.0)
    x = (torch.rand(300, 40, generator=seeded(0)) < torch.tensor(-2.0).sigmoid()).float()
    with pytest.warns(RuntimeWarning, match=r"refused|where short chains from the rows don't come"):
        found = estimate_log_z(energy, x, runs=128, seconds=0.8, generator=seeded(0))
    assert found.refused or found.low <= energy.log_z <= found.high
    if found.refused:
        assert math.isnan(found.value)
        assert found.high == math.inf
        assert "refused" in found.verdict
    assert found.low > energy.log_z - 3
    scores = log_likelihood(energy, x, found)
    assert scores.upper == pytest.approx((-energy(x).double()).mean().item() - found.low, abs=1e-5)
    assert math.isnan(scores.mean) == found.refused
    assert (scores.lower == -math.inf) == found.refused


def test_forward_above_reverse_is_refused_and_noise_is_not():
    from discrete_ed.likelihood.bracketing import Annealing, LogZEstimate
    from discrete_ed.likelihood.partition import Bracket, LogPartition

    def known(forward: float, rows: float, far: float = 0.0, error: float = 0.1) -> LogPartition:
        ends = [LogZEstimate(value, error) for value in (forward, rows, rows, 1.0, far, rows)]
        runs = Annealing(*ends, temperatures=1, updates=1, runs=2, evaluations=1)
        return LogPartition(Bracket(forward, rows, error, error), exact=False, annealing=runs)

    assert not known(1.0, 1.1).refused
    assert not known(1.4, 1.0).refused  # less than half a nat
    assert not known(3.0, 1.0, error=0.5).refused  # chance
    assert known(3.0, 1.0).refused
    assert known(1.0, 1.1, far=3.0).refused  # found from the broader base only
    assert known(1.0, 1.1, far=3.0).low == pytest.approx(2.7)
    assert known(1.0, 1.2).value == pytest.approx(1.1)
    assert known(1.0, 1.2).high == pytest.approx(1.2 + 0.15 * 2**0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"base": "zeros"},
            "base: expected auto, both, mixture, frequencies, model, uniform or a Mixture, got 'zeros'",
        ),
        ({"base": Mixture.independent(torch.zeros(3))}, "base: expected a mixture of 40 bits, got 3"),
        ({"runs": 3}, "runs: expected a whole number, at least 4, got 3"),
        ({"temperatures": 0}, "temperatures: expected a whole number, at least 1, got 0"),
        ({"steps": 1.5}, "steps: expected a whole number, at least 1, got 1.5"),
        ({"width": -1.0}, "width: expected a positive number"),
        ({"width": math.nan}, "width: expected a positive number"),
        ({"seconds": 0}, "seconds: expected a positive time"),
        ({"seconds": math.inf}, "seconds: expected a positive time"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        estimate_log_z(MLPEnergy(40, (4,)), torch.zeros(2, 40), **arguments)


def test_impossible_states_have_no_weight_and_broken_energies_are_refused():
    class Half(Energy):
        def __init__(self, wrong: float) -> None:
            super().__init__()
            self.bits, self.wrong = 24, wrong

        def forward(self, x):
            return torch.where(x[..., 0] > 0, self.wrong, 0.0) + 0 * x.sum(-1)

    x = torch.zeros(50, 24)
    x[:25, 1:] = 1
    found = estimate_log_z(Half(math.inf), x, temperatures=40, runs=400, width=1.0, generator=seeded(0))
    assert found.low <= 23 * math.log(2) <= found.high
    with pytest.raises(NumericalError, match="finite weights"):
        estimate_log_z(Half(math.nan), x, temperatures=5, runs=50, generator=seeded(0))


def test_an_energy_that_is_possible_almost_nowhere_is_refused_before_the_budget_is_spent():
    class OneHot(Energy):
        bits, calls = 40, 0

        def forward(self, x):
            self.calls += 1
            wrong = (x.unflatten(-1, (10, 4)).sum(-1) != 1).any(-1)
            return (0 * x.sum(-1)).masked_fill(wrong, math.inf)

    energy, x = OneHot(), torch.eye(4).repeat(4, 10)
    with (
        pytest.warns(RuntimeWarning, match="ends of chains that start at rows"),
        pytest.raises(NumericalError, match=r"-inf; every run met an energy of \+inf only: take more"),
    ):
        estimate_log_z(energy, x, seconds=2, generator=seeded(0))
    assert energy.calls < 1000


@pytest.mark.parametrize("weight", [math.inf, math.nan])
def test_rows_that_are_impossible_under_the_model_are_told_of(weight):
    """Runs that start at them have an infinite weight."""
    with pytest.raises(NumericalError, match="leave out rows of x that are impossible under the model"):
        largest_log_weight(torch.tensor([0.0, weight]), "annealing")


@pytest.mark.parametrize("sparse", [True, False])
def test_rows_of_one_phase_stand_for_both_phases_of_a_model_without_fields(sparse):
    energy = IsingEnergy.from_graph(lattice(6), 0.8)
    energy = energy if sparse else IsingEnergy(energy.couplings.detach())
    found = estimate_log_z(energy, torch.ones(20, 36), exact=False, seconds=0.5, width=1.0, generator=seeded(0))
    assert found.low <= kaufman_log_z(6, 6, 0.8) <= found.high
    assert found.high - found.low < 0.5


def test_the_fastest_path_is_taken():
    base = two_components(6)
    alone = Mixture.independent(torch.zeros(6))
    kinds = [(rbm(6, 2), base, BlockPath), (ising(6), alone, SpinPath), (ising(6), base, SingleSite)]
    for energy, law, kind in [*kinds, (mlp(6), base, SingleSite)]:
        assert type(path_to(energy, law)) is kind
