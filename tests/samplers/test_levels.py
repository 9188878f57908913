"""Sampling over noise levels: the kernel by its transition matrix, the chain by the law at its end."""

import itertools

import pytest
import torch
from contracts import chi_square, detailed_balance_residual, ising, law_of, mlp
from place import DEVICE, FLOAT, all_states, fixed, normal, number_of, rounding, seeded

from discrete_ed import Energy, Exact, GraphEnergy, InputError, MLPEnergy, NoiseConditionalEnergy, Taylor, sample_levels
from discrete_ed.energies import NoiseLevels
from discrete_ed.energies.noise import DenoisingEnergy
from discrete_ed.perturbations import IndependentBits
from discrete_ed.samplers.levels import ProductProposals, chain_over_levels, levels_passed, start_of_levels

pytestmark = pytest.mark.anywhere

BITS = 3
STATES = all_states(BITS)
LEVELS = NoiseConditionalEnergy(MLPEnergy(BITS, hidden=(4,), noise_levels=True).to(DEVICE, FLOAT), count=2)


def product_matrix(kernel, local):
    """All sets of proposals at all states."""
    sets = torch.stack([STATES[list(rows)] for rows in itertools.product(range(8), repeat=kernel.candidates)])
    matrix = torch.zeros(8, 8, dtype=FLOAT)
    for row in range(8):
        proposal = IndependentBits(kernel.proposal.log_odds[[row]])
        one = ProductProposals(proposal, kernel.candidates)
        probability = proposal.log_prob(sets.flatten(0, 1).unsqueeze(0)).view(len(sets), -1).sum(1).exp()
        here = one.init(local, STATES[[row]].expand(len(sets), -1))
        states = torch.cat([here.x.unsqueeze(1), sets], 1)
        many = ProductProposals(IndependentBits(proposal.log_odds.expand(len(sets), -1)), kernel.candidates)
        flow = probability.unsqueeze(1) * many.log_shares(local, here, states).exp()
        matrix[row].index_put_((number_of(states).flatten(),), flow.flatten(), accumulate=True)
    return matrix


@pytest.mark.parametrize("candidates", [1, 2])
@pytest.mark.parametrize("local", [Exact(ising(BITS)), Taylor(mlp(BITS), beta=0.5)], ids=["ising", "mlp"])
def test_product_proposals_balance_every_flow(local, candidates):
    odds = normal(fixed(4), 1, BITS).expand(8, -1)  # one proposal for all states, as a chain has it
    matrix = product_matrix(ProductProposals(IndependentBits(odds), candidates), local)
    law = law_of(local, STATES)
    assert torch.allclose(matrix.sum(1), torch.ones(8, dtype=FLOAT), atol=rounding(1e-12, 1e-5))
    assert detailed_balance_residual(matrix, law) < rounding(1e-12, 1e-5)
    assert (law @ matrix - law).abs().max() < rounding(1e-12, 1e-5)
    assert (matrix > 0).all()


def test_one_step_of_product_proposals_ends_where_the_matrix_says():
    local, row = Exact(ising(BITS)), 5
    kernel = ProductProposals(IndependentBits(normal(fixed(4), 1, BITS).expand(8, -1)), 2)
    many = ProductProposals(IndependentBits(kernel.proposal.log_odds[:1].expand(40_000, -1)), 2)
    state = many.step(local, many.init(local, STATES[[row]].expand(40_000, -1)), generator=seeded())
    assert chi_square(state.x, product_matrix(kernel, local)[row]) > 1e-4
    evaluation = local(state.x)
    assert torch.equal(state.energy, evaluation.energy)
    assert torch.equal(state.delta, evaluation.delta)


def test_proposals_that_are_the_model_are_chosen_alike():
    fields = torch.tensor([0.5, -1.0, 0.2], dtype=FLOAT)

    class Fields(Energy):
        bits = BITS

        def forward(self, x):
            return -x @ fields

    local, x = Exact(Fields()), STATES[:4]
    kernel = ProductProposals(IndependentBits(fields.expand(4, -1)), 3)
    states = torch.cat([x.unsqueeze(1), kernel.proposal.sample(3, generator=seeded())], 1)
    shares = kernel.log_shares(local, kernel.init(local, x), states).exp()
    assert torch.allclose(shares, torch.full_like(shares, 0.25), atol=rounding(1e-12, 1e-5))


class Blurred(Energy):
    """A network with which the noise-conditional energy is that of blurred data, from an enumerated law."""

    noise_levels = True

    def __init__(self, law, noise):
        super().__init__()
        self.bits, self.law, self.noise = BITS, law, noise

    def forward(self, x, t):
        keep = self.noise.keep(t.flatten()[0])  # a sampler evaluates one level at a time
        free = torch.ones(1, 1, BITS, dtype=torch.bool)
        table = self.law @ self.noise.log_prob(STATES, STATES.unsqueeze(1), free, keep).exp()
        table = (-table.log() + self.noise.log_odds * STATES.sum(-1)) / self.noise.bound(t.flatten()[0])
        match = (x.unsqueeze(-2) * STATES + (1 - x.unsqueeze(-2)) * (1 - STATES)).prod(-1)
        return match @ table.to(x.dtype)


@pytest.mark.parametrize(("density", "candidates", "steps", "levels"), [(0.5, 2, 6, None), (0.2, 0, 10, 2)])
def test_exact_energies_of_the_levels_give_samples_of_the_data(density, candidates, steps, levels):
    law = normal(fixed(7), 2**BITS).mul(1.5).softmax(0)
    energy = NoiseConditionalEnergy(Blurred(law, NoiseLevels(4, density)), 4, density)
    x = torch.zeros(4000, BITS, dtype=FLOAT)
    settings = {"levels": levels, "candidates": candidates, "steps": steps, "last_steps": 0, "generator": seeded(1)}
    assert chi_square(sample_levels(energy, x, **settings), law) > 1e-4


class Predicting(Blurred):
    """The same with the true probability of every bit of the data."""

    denoiser = True

    def predict(self, y, t):
        keep = self.noise.keep(t.flatten()[0])
        joint = self.law * self.noise.log_prob(y.unsqueeze(1), STATES, torch.ones(1, 1, BITS, dtype=bool), keep).exp()
        one = joint @ STATES
        return (one / (joint.sum(1, keepdim=True) - one)).log() - self.noise.log_odds


@pytest.mark.thorough
@pytest.mark.parametrize(("density", "candidates", "steps"), [(0.5, 40, 0), (0.2, 2, 6)])
def test_learned_proposals_and_exact_energies_give_samples_of_the_data(density, candidates, steps):
    law, noise = normal(fixed(7), 2**BITS).mul(1.5).softmax(0), NoiseLevels(4, density)
    x, settings = torch.zeros(4000, BITS, dtype=FLOAT), {"last_steps": 0, "generator": seeded(1)}
    energy = NoiseConditionalEnergy(Predicting(law, noise), 4, density)
    found = sample_levels(energy, x, candidates=candidates, steps=steps, **settings)
    assert chi_square(found, law) > 1e-4
    flat = NoiseConditionalEnergy(Predicting(law, noise), 4, density)
    flat.forward = lambda x, t=0.0: 0 * x.sum(-1) * t  # so that the proposals alone decide
    assert chi_square(sample_levels(flat, x, candidates=candidates, steps=steps, **settings), law) < 1e-4


def test_learned_proposals_are_the_marginals_of_the_conditional_law():
    law, noise = normal(fixed(7), 2**BITS).mul(1.5).softmax(0), NoiseLevels(4, 0.3)
    energy = NoiseConditionalEnergy(Predicting(law, noise), 4, 0.3)
    for y in STATES:
        posterior = DenoisingEnergy(energy, 0.25, 0.75, y.unsqueeze(0))
        conditional = (-posterior(STATES.unsqueeze(1)).squeeze(1)).softmax(0)
        proposal = IndependentBits.informed(posterior, y.unsqueeze(0))
        assert torch.allclose(proposal.log_odds.sigmoid()[0], conditional @ STATES, atol=rounding(1e-10, 1e-4))
        assert not proposal.log_odds.requires_grad


def test_without_the_noise_term_the_samples_are_others():
    """The check above sees a wrong conditional law: here the evidence of the later level is left out."""
    law = normal(fixed(7), 2**BITS).mul(1.5).softmax(0)
    energy = NoiseConditionalEnergy(Blurred(law, NoiseLevels(4)), 4)

    class Deaf(NoiseLevels):
        def evidence(self, y, keep):
            return torch.zeros_like(y) * keep

    energy.noise = Deaf(4)
    x = torch.zeros(4000, BITS, dtype=FLOAT)
    found = sample_levels(energy, x, candidates=0, steps=0, last_steps=0, generator=seeded(1))
    assert chi_square(found, law) < 1e-4


def test_frozen_bits_stay_the_seed_decides_and_every_level_is_reported():
    energy = NoiseConditionalEnergy(GraphEnergy(4, width=4, layers=1, noise_levels=True).to(DEVICE, FLOAT), count=3)
    x = torch.tensor([[1, 0, 0, 1, 1, 1, 0, 1, 0, 0]] * 5, dtype=FLOAT)  # nodes 0, 1 and 2 exist
    states = []
    first, again = (sample_levels(energy, x, generator=seeded(3), callback=states.append) for _ in range(2))
    assert torch.equal(first, again)
    frozen = ~energy.free(x)
    assert torch.equal(first[frozen], x[frozen])
    assert not torch.equal(first, sample_levels(energy, x, generator=seeded(4)))
    assert [state.step for state in states] == [2, 1, 0] * 2
    assert torch.equal(states[2].x, first)
    assert all(0 <= state.acceptance <= 1 for state in states)
    assert states[1].mean_energy == pytest.approx(energy(states[1].x, 1 / 3).mean().item())


def test_an_interrupted_chain_over_levels_goes_on_to_the_bit():
    g, passed = seeded(3), levels_passed(2)
    x = start_of_levels(LEVELS, STATES, generator=g)
    whole = [state.x for state in chain_over_levels(LEVELS, x, passed, generator=g)]
    g = seeded(3)
    first = next(chain_over_levels(LEVELS, start_of_levels(LEVELS, STATES, generator=g), passed, generator=g))
    rest = [state.x for state in chain_over_levels(LEVELS, first.x, passed[1:], generator=g)]
    assert all(torch.equal(a, b) for a, b in zip(whole, [first.x, *rest], strict=True))


@pytest.mark.parametrize("candidates", [0, 4])
def test_the_effective_share_is_one_where_the_proposals_are_the_law_and_falls_with_dependence(candidates):
    flat = NoiseConditionalEnergy(MLPEnergy(BITS, hidden=(4,), noise_levels=True).to(DEVICE, FLOAT), count=3)
    with torch.no_grad():
        for part in flat.parameters():
            part.zero_()
    shares = []
    for energy in (flat, NoiseConditionalEnergy(Blurred(normal(fixed(7), 8).mul(3).softmax(0), NoiseLevels(3)), 3)):
        states: list = []
        sample_levels(energy, STATES, candidates=candidates, generator=seeded(1), callback=states.append)
        shares.append([state.effective for state in states])
    assert shares[0] == pytest.approx([1.0] * 3, abs=1e-5)
    assert all(0 < share <= 1 for share in shares[1])
    assert min(shares[1]) < 0.95


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: sample_levels(MLPEnergy(3), STATES), "energy: expected a NoiseConditionalEnergy, got MLPEnergy"),
        (lambda: sample_levels(LEVELS, STATES, steps=-1), "steps: expected at least 0, got -1"),
        (lambda: sample_levels(LEVELS, STATES, levels=0), "levels: expected a number from 1 to 2, that of the trained"),
        (lambda: sample_levels(LEVELS, STATES, levels=3), "levels: expected a number from 1 to 2, .* got 3"),
        (lambda: sample_levels(LEVELS, STATES[:, :2]), r"x: expected shape \(..., 3\)"),
        (lambda: ProductProposals(IndependentBits(STATES), 0), "candidates: expected at least one proposal, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()
