"""Noise levels against enumeration: transition probabilities, their bound, and the laws of denoising."""

import networkx as nx
import pytest
import torch
from place import DEVICE, FLOAT, all_states, fixed, normal, number_of, rounding, seeded

from discrete_ed import (
    Bernoulli,
    ConvEnergy,
    Energy,
    Exact,
    Gibbs,
    GraphEnergy,
    InputError,
    MLPEnergy,
    NoiseConditionalEnergy,
    NoiseLevels,
    PairGraphEnergy,
    ResidualMLPEnergy,
    Taylor,
    graphs_to_states,
    load_energy,
    log_law,
    sample,
    save_energy,
)
from discrete_ed.energies.noise import BOUND, DenoisingEnergy
from discrete_ed.states import from_matrix, to_matrix

pytestmark = pytest.mark.anywhere

BITS = 3
STATES = all_states(BITS)
FREE = torch.ones(1, 1, BITS, dtype=torch.bool)


def transition(noise, keep):
    """`q(y|x)`: a row for each `x`, a column for each `y`."""
    return noise.log_prob(STATES, STATES.unsqueeze(1), FREE, torch.as_tensor(keep, dtype=FLOAT)).exp()


class Blurred(Energy):
    """A network whose noise-conditional energy is exactly that of blurred data, and multilinear in the bits."""

    noise_levels = True

    def __init__(self, law, noise):
        super().__init__()
        self.bits, self.noise = BITS, noise
        self.law = torch.nn.Parameter(law)  # whose device is that of the energy

    def forward(self, x, t):
        levels = t.unique()
        table = torch.stack([self.law @ transition(self.noise, self.noise.keep(level)) for level in levels])
        table = -table.log() + self.noise.log_odds * STATES.sum(-1)
        table = table / self.noise.bound(levels).clamp(min=1e-9).unsqueeze(-1)
        table = table[torch.searchsorted(levels, t.contiguous())]
        match = (x.unsqueeze(-2) * STATES + (1 - x.unsqueeze(-2)) * (1 - STATES)).prod(-1)
        return (table * match).sum(-1)


def blurred(density=0.5, count=5):
    law = normal(fixed(7), 2**BITS).mul(1.5).softmax(0)
    return law, NoiseConditionalEnergy(Blurred(law, NoiseLevels(count, density)), count, density)


NOISE = [NoiseLevels(density=0.5), NoiseLevels(density=0.1)]


@pytest.mark.parametrize("noise", NOISE, ids=str)
def test_noise_of_two_steps_is_one_noise(noise):
    a, r = 0.7, 0.4
    one, two = transition(noise, a * r), transition(noise, a) @ transition(noise, r)
    assert torch.allclose(one, two, atol=rounding(1e-14, 1e-6))
    assert torch.allclose(one.sum(1), torch.ones(8, dtype=FLOAT), atol=rounding(1e-14, 1e-6))
    assert not torch.allclose(one, transition(noise, r), atol=1e-3)


def test_noise_of_density_one_half_is_bernoulli_noise():
    keep = 0.6
    assert torch.allclose(
        transition(NoiseLevels(), keep), Bernoulli(epsilon=(1 - keep) / 2).matrix(STATES), atol=rounding(1e-14, 1e-6)
    )


@pytest.mark.parametrize("noise", NOISE, ids=str)
def test_the_later_level_changes_the_share_of_bits_that_was_asked_for(noise):
    t, changed = torch.tensor([0.0, 0.0, 0.4, 0.9]), torch.tensor([0.01, 0.1, 0.05, 0.02])
    later = noise.later(t, changed)
    from_zero, from_one = noise.ones(noise.keep(later) / noise.keep(t))
    found = (1 - noise.density) * from_zero + noise.density * (1 - from_one)
    assert torch.allclose(found, changed, atol=1e-5)
    assert (later > t).all()
    assert noise.later(t, torch.full_like(t, 0.6)).tolist() == [1.0] * 4  # more than any noise changes


@pytest.mark.parametrize("noise", NOISE, ids=str)
def test_the_ends_are_the_data_and_independent_bits(noise):
    first, last = (transition(noise, noise.keep(torch.tensor(t))) for t in (0.0, 1.0))
    assert torch.equal(first, torch.eye(8, dtype=FLOAT))
    wanted = (noise.density**STATES * (1 - noise.density) ** (1 - STATES)).prod(-1)
    assert torch.allclose(last, wanted.expand(8, 8), atol=rounding(1e-14, 1e-6))


@pytest.mark.parametrize("noise", NOISE, ids=str)
def test_blurred_states_follow_the_transition_probabilities(noise):
    x = STATES[[5]].expand(40_000, -1)
    free = torch.tensor([True, True, False]).expand(x.shape)
    y = noise.blur(x, free, torch.full((len(x),), 0.5, dtype=FLOAT), generator=seeded())
    assert torch.equal(y[:, 2], x[:, 2])
    wanted = noise.log_prob(STATES, STATES[[5]], free[:1], torch.tensor([0.5], dtype=FLOAT)).exp()
    wanted = torch.where(STATES[:, 2] == 1, wanted, 0.0)
    share = number_of(y).bincount(minlength=8) / len(y)
    assert (share - wanted).abs().max() < 4.5 * (0.25 / len(y)) ** 0.5


@pytest.mark.parametrize("noise", NOISE, ids=str)
def test_evidence_is_the_log_ratio_of_the_transition_probabilities(noise):
    keep = torch.tensor(0.3, dtype=FLOAT)
    for i in range(BITS):
        one, zero = STATES.clone(), STATES.clone()
        one[:, i], zero[:, i] = 1, 0
        ratio = noise.log_prob(STATES, one, FREE[0], keep) - noise.log_prob(STATES, zero, FREE[0], keep)
        assert torch.allclose(noise.evidence(STATES, keep)[:, i], ratio, atol=rounding(1e-12, 1e-5))


@pytest.mark.parametrize("noise", NOISE, ids=str)
@pytest.mark.parametrize(("t", "later"), [(0.0, 0.4), (0.3, 0.4), (0.3, 1.0), (0.0, 1.0)])
@pytest.mark.parametrize("share", [0.02, 0.7])
def test_what_is_known_of_the_data_gives_the_state_between_by_bayes(noise, t, later, share):
    """One bit, whose law is enumerated: a data bit, its value at level t, and its value at the later level."""
    t, later = (torch.tensor(level, dtype=FLOAT) for level in (t, later))
    bits, free = torch.tensor([[0.0], [1.0]], dtype=FLOAT), torch.ones(1, dtype=torch.bool)

    def q(keep):
        return noise.log_prob(bits, bits.unsqueeze(1), free, keep).exp()

    first, second = q(noise.keep(t)), q(noise.keep(later) / noise.keep(t))
    joint = torch.tensor([1 - share, share], dtype=FLOAT)[:, None, None] * first.unsqueeze(-1) * second
    for y in (0, 1):
        data, between = joint[:, :, y].sum(1), joint[:, :, y].sum(0)
        log_odds = (data[1] / data[0]).log().view(1, 1)
        found = noise.between(log_odds, bits[[y]], t.view(1), later.view(1))
        assert found.item() == pytest.approx((between[1] / between[0]).log().item(), abs=rounding(1e-10, 1e-4))


@pytest.mark.parametrize("noise", NOISE, ids=str)
def test_no_law_of_the_data_exceeds_the_bound_and_some_reach_it(noise):
    lone = torch.eye(8, dtype=FLOAT)
    laws = torch.cat([lone, normal(fixed(3), 50, 8).mul(3).softmax(-1)])
    for t in (0.3, 0.6, 0.9):
        level = torch.tensor(t, dtype=FLOAT)
        law = (laws @ transition(noise, noise.keep(level))).view(-1, 2, 4)  # the first bit given the others
        odds = law[:, 1].log() - law[:, 0].log() - noise.log_odds
        assert odds.abs().max() <= noise.bound(level) + rounding(1e-10, 1e-4)
        assert odds.abs().max() > 0.999 * noise.bound(level)
    assert noise.bound(torch.tensor([0.0, 1.0])).tolist() == [BOUND, pytest.approx(0, abs=1e-6)]


@pytest.mark.parametrize("density", [0.5, 0.2])
def test_the_conditional_laws_of_all_levels_lead_from_noise_to_the_data(density):
    law, energy = blurred(density)
    noise = energy.noise
    now = (density**STATES * (1 - density) ** (1 - STATES)).prod(-1)
    for k in reversed(range(noise.count)):
        rows = [DenoisingEnergy(energy, k / noise.count, (k + 1) / noise.count, y) for y in STATES]
        now = now @ torch.stack([log_law(row, dtype=FLOAT).exp() for row in rows])
    assert torch.allclose(now, law, atol=rounding(1e-12, 1e-5))


def test_differences_of_a_denoising_energy_are_those_of_its_energies():
    _, energy = blurred(0.3)
    t, later = (
        torch.rand(8, generator=fixed(1), device="cpu").to(DEVICE, FLOAT) / 2,
        torch.full((8,), 0.75, dtype=FLOAT),
    )
    given = DenoisingEnergy(energy, t, later, STATES.flip(0))
    neighbours = (STATES - torch.eye(BITS, dtype=FLOAT).unsqueeze(1)).abs()
    wanted = (given(neighbours) - given(STATES)).T
    assert torch.allclose(Exact(given)(STATES).delta, wanted, atol=rounding(1e-10, 1e-4))
    assert torch.allclose(Taylor(given)(STATES).delta, wanted, atol=rounding(1e-10, 1e-4))  # it is multilinear


NETWORKS = {
    "mlp": MLPEnergy(12, hidden=(6, 5), noise_levels=True),
    "residual": ResidualMLPEnergy(12, width=6, blocks=2, noise_levels=True),
    "conv": ConvEnergy((3, 4), width=3, stages=2, noise_levels=True),
    "graph": GraphEnergy(4, width=6, layers=2, noise_levels=True),
    "pairs": PairGraphEnergy(4, width=6, layers=2, noise_levels=True, denoiser=True),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_takes_a_level_for_each_state(name, tmp_path):
    energy = NoiseConditionalEnergy(NETWORKS[name].to(DEVICE, FLOAT), count=7, density=0.4)
    x = torch.rand(6, energy.bits, generator=fixed(2), device="cpu").round().to(DEVICE, FLOAT)
    if name in ("graph", "pairs"):
        x = graphs_to_states([nx.path_graph(2 + k % 3) for k in range(6)], 4).to(DEVICE, FLOAT)
    t = torch.linspace(0, 1, 6, dtype=FLOAT)
    rows = torch.stack([energy(row, level) for row, level in zip(x, t, strict=True)])
    assert torch.allclose(energy(x, t), rows, atol=rounding(1e-10, 1e-4))
    assert torch.allclose(energy(x.view(2, 3, -1), t.view(2, 3)), rows.view(2, 3), atol=rounding(1e-10, 1e-4))
    assert not torch.allclose(energy(x, 0.2), energy(x, 0.4), atol=1e-3)
    assert torch.equal(energy(x), energy(x, 0.0))
    assert torch.allclose(energy(x, 1.0), -energy.noise.log_odds * x.sum(-1), atol=rounding(1e-10, 1e-4))
    save_energy(tmp_path / "checkpoint", energy.cpu())
    loaded = load_energy(tmp_path / "checkpoint")
    assert isinstance(loaded, NoiseConditionalEnergy)
    assert loaded.noise == NoiseLevels(7, 0.4)
    assert torch.equal(loaded(x.cpu(), 0.3), energy(x.cpu(), 0.3))
    energy.to(DEVICE)
    with pytest.raises(InputError, match="t: expected a noise level for"):
        NETWORKS[name](x)


@pytest.mark.parametrize("name", ["graph", "pairs"])
def test_noise_levels_of_graphs_leave_the_order_of_the_nodes_without_effect(name):
    energy = NoiseConditionalEnergy(NETWORKS[name].to(DEVICE, FLOAT))
    other = nx.empty_graph(4)
    other.add_edges_from([(2, 1), (1, 3), (3, 0)])
    x = graphs_to_states([nx.path_graph(4), other], 4).to(DEVICE, FLOAT)
    assert not torch.equal(x[0], x[1])
    assert torch.allclose(energy(x[0], 0.4), energy(x[1], 0.4), atol=rounding(1e-10, 1e-4))


def test_predicted_edges_go_with_the_nodes_when_these_are_relabelled_and_absent_nodes_change_nothing():
    network = PairGraphEnergy(6, width=6, layers=2, noise_levels=True, denoiser=True).to(DEVICE, FLOAT)
    energy = NoiseConditionalEnergy(network, density=0.3)
    graph = nx.gnp_random_graph(4, 0.5, seed=1)
    x = graphs_to_states([graph], 6).to(DEVICE, FLOAT)
    places = torch.tensor([5, 2, 0, 3, 1, 4], device=DEVICE)
    moved = from_matrix(to_matrix(x)[:, places][:, :, places])
    t = torch.tensor([0.4], dtype=FLOAT)
    found = to_matrix(energy.predict(x, t))[:, places][:, :, places]
    here = to_matrix(energy.free(moved).to(FLOAT)).bool()
    assert here.sum() == 12  # six pairs among four nodes
    assert torch.allclose(found[here], to_matrix(energy.predict(moved, 0.4))[here], atol=rounding(1e-10, 1e-4))
    assert found[here].unique().numel() > 1
    two = energy.predict(torch.stack([x, x]), torch.tensor([[0.4], [0.9]], dtype=FLOAT))
    assert torch.allclose(two[0], energy.predict(x, t), atol=rounding(1e-10, 1e-4))
    assert not torch.allclose(two[0], two[1], atol=1e-3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: NoiseLevels(0), "count: expected a whole number, at least one noise level, got 0"),
        (lambda: NoiseLevels(density=0.0), "density: expected a probability inside"),
        (lambda: NoiseLevels(density=1.0), "density: expected a probability inside"),
        (lambda: blurred()[1].predict(STATES, 0.5), "network: expected one that predicts the data, got Blurred"),
        (lambda: PairGraphEnergy(3, denoiser=True), "denoiser: expected noise_levels=True with it"),
        (lambda: NoiseConditionalEnergy(MLPEnergy(3)), "network: expected an energy that takes a noise level, got MLP"),
        (lambda: MLPEnergy(3)(torch.zeros(3), 0.5), "t: expected an energy built with noise_levels=True, got MLP"),
        (lambda: DenoisingEnergy(MLPEnergy(3), 0.0, 0.5, STATES), "energy: expected a NoiseConditionalEnergy, got MLP"),
        (lambda: DenoisingEnergy(blurred()[1], 0.5, 0.5, STATES), "later: expected levels 0 <= t < later <= 1"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()


@pytest.mark.parametrize("t", [-0.1, 1.5, float("nan")])
def test_numbers_that_are_no_noise_level_are_refused(t):
    energy = NoiseConditionalEnergy(MLPEnergy(4, hidden=(3,), noise_levels=True))
    for act in (energy, energy.flip_delta):
        with pytest.raises(InputError, match=r"t: expected a noise level in \[0, 1\]"):
            act(torch.zeros(2, 4), t)


def test_the_number_of_noise_levels_is_whole():
    with pytest.raises(InputError, match="count: expected a whole number"):
        NoiseLevels(count=2.5)


@pytest.mark.parametrize("beta", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("local", [Exact, Taylor])
def test_numbers_that_are_no_inverse_temperature_are_refused(local, beta):
    with pytest.raises(InputError, match="beta: expected an inverse temperature"):
        local(MLPEnergy(4, hidden=(3,)), beta=beta)


def test_a_number_of_steps_is_whole():
    with pytest.raises(InputError, match=r"steps: expected a whole number, at least 0, got 1.5"):
        sample(Gibbs(), Exact(MLPEnergy(4, hidden=(3,))), torch.zeros(2, 4), 1.5)
