"""Samples of a fitted density: by enumeration, from weighted starts, from annealed runs, and from noise."""

from __future__ import annotations

from math import inf

import pytest
import torch

from discrete_ed import BernoulliEnergy, Energy, Exact, Gibbs, InputError, IsingEnergy, NumericalError, sample
from discrete_ed.density import sampling as density_sampling
from discrete_ed.likelihood import annealed_states


def test_few_bits_are_enumerated():
    logits = torch.tensor([2.0, -2.0, 0.0])
    g = torch.Generator().manual_seed(0)
    samples = density_sampling.sample_density(BernoulliEnergy(logits), torch.zeros(5, 3), 4000, generator=g)
    assert samples.effective_starts is None
    assert (samples.states.mean(0) - logits.sigmoid()).abs().max() < 4.5 * 0.5 / 4000**0.5


def test_a_count_that_chains_cannot_give_is_refused():
    with pytest.raises(InputError, match="count: expected a multiple of 10"):
        density_sampling.sample_density(BernoulliEnergy(3), torch.zeros(5, 3), 15)


@pytest.fixture
def only(monkeypatch):
    """Leaves one way of sampling: so many uniform states, so many effective states of the base, so many seconds."""

    def leave(starts: int, enough: float, seconds: float) -> None:
        monkeypatch.setattr(density_sampling, "UNIFORM_STARTS", starts)
        monkeypatch.setattr(density_sampling, "MOST_SECONDS", seconds)
        monkeypatch.setattr(annealed_states, "ENOUGH", enough)
        monkeypatch.setattr(annealed_states, "SPARE", 1.0)  # if there can't be enough, annealing starts at β = 0
        if enough == inf:
            monkeypatch.setattr(annealed_states, "PROPOSED", 2**14)

    return leave


UNIFORM, BASE, ANNEALED, NOISE = (60_000, 2, 9), (10, 2, 0), (10, inf, 9), (10, inf, 0)


@pytest.mark.parametrize(("way", "total"), [(UNIFORM, 10 * 2), (BASE, 1), (ANNEALED, 10), (NOISE, 20 + 9 * 2)], ids=str)
def test_the_callback_counts_every_step_up_to_the_total(only, way, total):
    """With weighted starts each of ten parts makes a tenth of the steps; states of the base are one part, and annealing
    has ten parts of two steps; from noise, one part makes all steps."""
    only(*way)
    calls = []
    rows = torch.randint(2, (90, 18), generator=torch.Generator().manual_seed(0)).float()  # of the energy's law
    density_sampling.sample_density(BernoulliEnergy(18), rows, 40, steps=20, callback=lambda *call: calls.append(call))
    assert calls == [(k + 1, total) for k in range(total)]


class FlatButForTwoModes(Energy):
    """`exp(−E)` is 1 nearly everywhere, and e^30 at the states of only zeros and only ones."""

    bits = 40

    def forward(self, x):
        ones = x.sum(-1)
        return -30 * torch.exp(-10 * torch.minimum(ones, 40 - ones))


def test_modes_that_no_uniform_state_meets_are_sampled():
    """All uniform states share the weight alike, yet they have a twentieth of the law: 2^40 beside 2 e^30."""
    rows = torch.tensor([0.0, 1.0]).repeat(50)[:, None].expand(-1, 40)
    found = density_sampling.sample_density(FlatButForTwoModes(), rows, 100, steps=100)
    share = found.states.mean(1)
    assert found.effective_ancestors is not None
    assert ((share < 0.1) | (share > 0.9)).float().mean() > 0.9
    assert 0.2 < (share > 0.9).float().mean() < 0.8


def test_modes_that_no_uniform_state_meets_are_warned_of_where_nothing_can_be_annealed(only):
    only(60_000, inf, 0)
    rows = torch.tensor([0.0, 1.0]).repeat(50)[:, None].expand(-1, 40)
    with pytest.warns(RuntimeWarning, match="they are not used; chains start at random states .* may miss modes"):
        density_sampling.sample_density(FlatButForTwoModes(), rows, 20, steps=10)


UP = torch.tensor(0.8).sigmoid().item()


def two_modes_rows(generator) -> torch.Tensor:
    x = (torch.rand(400, 18, generator=generator) < 0.5).float()
    x[:, :4] = (torch.rand(400, 1, generator=generator) < UP).float()
    return x


def two_modes() -> IsingEnergy:
    """Four spins that stand together, up with the odds e^0.8, and fourteen free ones."""
    fields = torch.zeros(18)
    couplings = torch.zeros(18, 18)
    couplings[:4, :4] = 3 * (1 - torch.eye(4))
    fields[0] = 0.4
    return IsingEnergy(couplings, fields)


@pytest.mark.thorough
@pytest.mark.parametrize(("way", "chains"), [(UNIFORM, 4000), (BASE, 4000), (ANNEALED, 2000), (NOISE, None)], ids=str)
def test_all_ways_but_noise_follow_the_law(only, generator, way, chains):
    """Two modes that flips don't join: chains from noise keep their starts' shares, the others have the law's."""
    train = torch.zeros(100, 18, dtype=torch.uint8)
    train[::2] = 1
    if way == UNIFORM:  # which are used only if they agree with the rows
        train = two_modes_rows(torch.Generator().manual_seed(1))
    only(*way)
    samples = density_sampling.sample_density(two_modes(), train, 4000, steps=200, generator=generator)
    x = samples.states
    assert x.shape == (4000, 18)
    assert (samples.effective_ancestors is not None) == (way in (BASE, ANNEALED))
    assert (samples.annealed_from is not None) == (way == ANNEALED)
    assert (samples.starts_p_value is not None) == (way in (BASE, ANNEALED))
    exact = abs(x[:, 0].mean().item() - UP) < 4.5 * (UP * (1 - UP) / (chains or 400)) ** 0.5
    assert exact == (chains is not None)


def test_where_annealing_takes_too_long_for_all_each_goes_on_as_a_chain(only, generator):
    only(10, inf, 0.01)
    train = two_modes_rows(generator)
    samples = density_sampling.sample_density(two_modes(), train, 4000, steps=200, generator=generator)
    assert samples.states.shape == (4000, 18)
    assert 200 < samples.effective_ancestors <= 2000
    assert abs(samples.states[:, 0].mean().item() - UP) < 4.5 * (UP * (1 - UP) / samples.effective_ancestors) ** 0.5


@pytest.mark.parametrize("one", [True, False], ids=["of one mode", "of both"])
def test_rows_of_one_mode_are_noticed(only, generator, one, recwarn):
    """The base then hardly covers the other mode, which the model's own short runs find: it has few ancestors."""
    only(*ANNEALED)
    train = two_modes_rows(generator)
    if one:
        train[:, :4] = 0.0
    samples = density_sampling.sample_density(two_modes(), train, 4000, steps=100, generator=generator)
    assert (samples.effective_ancestors < 800) == one
    assert one or samples.starts_p_value > 0.01
    assert any("states of the base in effect" in str(warning.message) for warning in recwarn.list) == one


class HardCore(Energy):
    """A square of particles that exclude one another from neighbouring places: most states are impossible."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side, self.bits = side, side * side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.reshape(*x.shape[:-1], self.side, self.side)
        clashes = (y[..., 1:, :] * y[..., :-1, :]).sum((-1, -2)) + (y[..., :, 1:] * y[..., :, :-1]).sum((-1, -2))
        return torch.where(clashes > 0, torch.inf, -y.sum((-1, -2)))


def transfer_occupation(side: int) -> float:
    """The mean number of particles of `HardCore`: the derivative of log Z, which transfer matrices give."""

    def log_z(mu: float) -> float:
        rows = [k for k in range(2**side) if not k & (k >> 1)]
        weight = torch.tensor([mu * k.bit_count() for k in rows], dtype=torch.float64).exp()
        allowed = torch.tensor([[float(not a & b) for a in rows] for b in rows], dtype=torch.float64)
        v = weight
        for _ in range(side - 1):
            v = weight * (allowed @ v)
        return v.sum().log().item()

    return (log_z(1.0 + 1e-4) - log_z(1.0 - 1e-4)) / 2e-4


def hard_core_rows(side: int, steps: int, generator: torch.Generator) -> torch.Tensor:
    return sample(Gibbs(), Exact(HardCore(side)), torch.zeros(100, side * side), steps, generator=generator)


@pytest.mark.filterwarnings("ignore:samples")
@pytest.mark.parametrize(
    ("side", "proposed", "steps", "seed"),
    [
        (6, 2**14, 300, 0),
        pytest.param(8, 2**16, 1000, 0, marks=pytest.mark.thorough),
        pytest.param(6, 2**20, 1000, 1, marks=pytest.mark.thorough),
        pytest.param(8, 2**20, 1000, 1, marks=pytest.mark.thorough),
    ],
)
def test_a_law_of_mostly_impossible_states_is_sampled(side, proposed, steps, seed, monkeypatch, recwarn):
    """On the larger square hardly any state of independent bits is possible; the model's own states come from rows."""
    monkeypatch.setattr(annealed_states, "PROPOSED", proposed)
    g = torch.Generator().manual_seed(seed)
    rows = hard_core_rows(side, steps, g)
    found = density_sampling.sample_density(HardCore(side), rows, 1000, steps=100, seed=seed, generator=g)
    assert HardCore(side)(found.states).isfinite().all()
    ones = found.states.sum(1)
    error = ones.std() / (found.effective_ancestors or 1) ** 0.5
    assert abs(ones.mean().item() - transfer_occupation(side)) < 5 * error
    said = any("start at rows; parts of its law" in str(warning.message) for warning in recwarn.list)
    assert said == (side == 8 and proposed < 2**20)  # among a million states some are possible


def test_where_no_state_is_known_to_be_possible_rows_that_are_possible_are_asked_for():
    with pytest.raises(NumericalError, match="at all of them; give rows that are possible"):
        density_sampling.sample_density(HardCore(8), torch.ones(10, 64), 20)


def test_where_no_simple_law_has_possible_states_chains_are_advised(monkeypatch, generator):
    """Parities of random sets of bits, which no mixture of trees meets by chance."""
    monkeypatch.setattr(annealed_states, "PROPOSED", 2**14)

    class Parities(Energy):
        bits = 60

        def forward(self, x):
            wrong = (x[..., :20] @ sets) % 2 != x[..., 20:]
            return (0 * x.sum(-1)).masked_fill(wrong.any(-1), inf)

    sets = torch.rand(20, 40, generator=generator).round()
    free = torch.rand(100, 20, generator=generator).round()
    rows = torch.cat([free, (free @ sets) % 2], 1)
    assert (Parities()(rows) == 0).all()
    with (
        pytest.warns(RuntimeWarning, match="start at rows"),
        pytest.raises(NumericalError, match=r"chains from possible rows need no such law: sample\(Gibbs"),
    ):
        density_sampling.sample_density(Parities(), rows, 20, generator=generator)


def test_training_states_are_checked_first():
    energy = IsingEnergy(20)
    with pytest.raises(InputError, match=r"training_states: expected shape \(..., 20\)"):
        density_sampling.sample_density(energy, torch.zeros(5, 19), 20)
    with pytest.raises(InputError, match="steps: expected"):
        density_sampling.sample_density(energy, torch.zeros(5, 20), 20, steps=0)
