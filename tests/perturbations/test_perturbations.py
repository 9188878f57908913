import networkx as nx
import numpy as np
import pytest
import torch
from place import DEVICE, FLOAT, all_states, number_of, rounding

from discrete_ed import (
    Bernoulli,
    BernoulliEnergy,
    BernoulliMixtureEnergy,
    Erasure,
    GraphEnergy,
    Grid,
    Informed,
    InputError,
    SumEnergy,
    energy_discrepancy,
    enumerate_states,
    graphs_to_states,
)

pytestmark = pytest.mark.anywhere


def test_one_negative_has_gone_through_the_noise_twice(generator):
    x = all_states(3)[[5]].expand(100_000, -1)
    perturbation = Bernoulli(epsilon=0.2)
    negatives = perturbation.negatives(x, torch.ones_like(x, dtype=torch.bool), 1, generator=generator)[:, 0]
    q = perturbation.matrix(all_states(3))
    wanted = (q @ q)[5]
    seen = number_of(negatives).bincount(minlength=8) / len(x)
    assert ((seen - wanted).abs() <= 4.5 * (wanted * (1 - wanted) / len(x)).sqrt()).all()


def test_negatives_of_a_state_share_one_perturbed_state(generator):
    """Given x, two negatives are both far or both near: they agree with probability Σ_y q(y|x) Σ_x' q(x'|y)²."""
    x = torch.zeros(100_000, 2, dtype=FLOAT)
    perturbation = Bernoulli(epsilon=0.3)
    pair = perturbation.negatives(x, torch.ones_like(x, dtype=torch.bool), 2, generator=generator)
    q = perturbation.matrix(all_states(2))
    wanted = (q[0] @ (q**2).sum(1)).item()
    agree = (pair[:, 0] == pair[:, 1]).all(-1).to(FLOAT).mean().item()
    assert agree == pytest.approx(wanted, abs=4.5 * (wanted * (1 - wanted) / len(x)) ** 0.5)
    apart = ((q @ q)[0] ** 2).sum().item()  # what two negatives from two perturbed states would give
    assert abs(apart - wanted) > 0.005


def test_the_transition_matrix_is_a_symmetric_law():
    q = Bernoulli(epsilon=0.1).matrix(all_states(4))
    assert torch.allclose(q.sum(1), torch.ones(16, dtype=FLOAT), atol=rounding(1e-8))
    assert torch.equal(q, q.T)
    assert torch.allclose(q, Bernoulli(flips=0.4).matrix(all_states(4)), atol=rounding(1e-8))


def test_only_free_bits_flip_and_flips_are_counted_over_them(generator):
    graphs = [nx.empty_graph(0), nx.empty_graph(1), nx.path_graph(4), nx.path_graph(9)]
    x = graphs_to_states(graphs, 9).to(DEVICE).float().repeat_interleave(2000, 0)
    free = GraphEnergy(9).to(DEVICE).free(x)
    negatives = Bernoulli(flips=2.0).negatives(x, free, 3, generator=generator)
    flipped = negatives != x.unsqueeze(1)
    assert not (flipped & ~free.unsqueeze(1)).any()
    # ε = 2/6 and 2/36; a bit differs after two passes with probability 2 ε (1 − ε).
    means = flipped.sum(-1).to(FLOAT).mean(1).view(4, 2000).mean(1)
    assert means[:2].tolist() == [0, 0]
    assert means[2].item() == pytest.approx(6 * 2 * (1 / 3) * (2 / 3), abs=0.15)
    assert means[3].item() == pytest.approx(36 * 2 * (1 / 18) * (17 / 18), abs=0.2)


def test_a_range_of_flips_is_drawn_log_uniformly_and_capped_at_one_half(generator):
    free = torch.ones(50_000, 100, dtype=torch.bool)
    rates = 100 * Bernoulli(flips=(1.0, 8.0)).rates(free, generator=generator)
    assert rates.min() >= 1
    assert rates.max() <= 8
    assert rates.log2().mean().item() == pytest.approx(1.5, abs=0.02)
    assert Bernoulli(flips=5.0).rates(torch.ones(1, 6, dtype=torch.bool)).item() == 0.5


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"epsilon": 0.1, "flips": 1.0},
        {"epsilon": 0.0},
        {"epsilon": 0.6},
        {"flips": 0.0},
        {"flips": (2.0, 1.0)},
        {"flips": float("nan")},
        {"epsilon": float("nan")},
    ],
)
def test_impossible_noise_is_refused(arguments):
    with pytest.raises(InputError):
        Bernoulli(**arguments)


def test_a_range_of_flips_has_no_single_transition_matrix():
    with pytest.raises(InputError, match="one number of flips"):
        Bernoulli(flips=(1.0, 2.0)).matrix(enumerate_states(2, device=DEVICE))


def test_a_pair_of_flips_may_be_a_list_and_other_noise_cannot_be_informed():
    g, h = (torch.Generator(DEVICE).manual_seed(0) for _ in range(2))
    free = torch.ones(5, 8, dtype=torch.bool)
    assert torch.equal(
        Bernoulli(flips=[1.0, 4.0]).rates(free, generator=g), Bernoulli(flips=(1.0, 4.0)).rates(free, generator=h)
    )
    assert Bernoulli(flips=np.float32(2)).rates(free).unique().tolist() == [0.25]
    with pytest.raises(InputError, match="noise: expected Bernoulli noise or a HeatKernel, got Grid"):
        Informed(Grid())
    states = all_states(3)
    noise = Bernoulli(epsilon=0.2)
    assert torch.equal(Informed(noise).matrix(states), noise.matrix(states))


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_what_cancels_with_the_weights_of_erasure_is_not_evaluated_and_changes_nothing(scale):
    """A mixture inside a sum is left out of energies and weights, unless it has another factor there than one."""
    g = torch.Generator(DEVICE).manual_seed(0)
    logits = torch.randn(2, 6, generator=g, device=DEVICE).to(FLOAT)
    mixture, another = (BernoulliMixtureEnergy(torch.zeros(2).to(logits), logits.clone(), None) for _ in range(2))
    fields = torch.randn(6, generator=g, device=DEVICE).to(FLOAT)
    energy = SumEnergy(mixture, BernoulliEnergy(fields), scale=scale)
    x = (torch.rand(5, 6, generator=g, device=DEVICE) < 0.5).to(FLOAT)
    values, found = [], []
    for inside in (None, another):  # the other one isn't the term of the sum, so nothing is left out
        erasure, seed = Erasure(inside), torch.Generator(DEVICE).manual_seed(1)
        found.append(erasure.contrast(energy, x, 8, 1.0, generator=seed).rest)
        values.append(energy_discrepancy(energy, x, erasure, m=8, generator=seed.manual_seed(2)))
        gradient = torch.autograd.grad(values[-1], energy.terms[1].logits)[0]
        assert gradient.abs().max() > 0.01
        found.append(gradient)
    assert (found[0] is None) == (scale != 1.0)
    assert found[2] is None
    assert torch.allclose(values[0], values[1], atol=rounding(1e-10, 1e-4))
    assert torch.allclose(found[1], found[3], atol=rounding(1e-10, 1e-4))
