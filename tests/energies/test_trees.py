"""Mixtures whose components share a tree: exact against enumeration, compiled and not."""

import pytest
import torch

from discrete_ed import BernoulliMixtureEnergy, InputError
from discrete_ed.energies import trees
from discrete_ed.energies.trees import tree_levels
from discrete_ed.states import enumerate_states

FLOAT = torch.float64
PARENTS = (3, 0, 3, -1, 2, 2, 5, -1)
"""two roots, and four levels"""
STATES = enumerate_states(8, dtype=FLOAT)
CODE = 2.0 ** torch.arange(8, dtype=FLOAT)


def forest(dtype: torch.dtype = FLOAT) -> BernoulliMixtureEnergy:
    g = torch.Generator().manual_seed(0)
    weights, logits, couplings = (torch.randn(3, *n, generator=g, dtype=FLOAT) for n in ((), (8,), (8,)))
    couplings[:, [3, 7]] = 0
    return BernoulliMixtureEnergy(weights, logits, PARENTS, 2 * couplings).to(dtype)


def test_the_law_is_the_product_of_conditional_probabilities_along_the_tree():
    energy = forest()
    odds = energy.logits.unsqueeze(1) + energy.couplings.unsqueeze(1) * STATES[:, [max(p, 0) for p in PARENTS]]
    signs = 2 * STATES - 1
    expected = (torch.nn.functional.logsigmoid(signs * odds).sum(-1) + energy.log_weights.unsqueeze(1)).logsumexp(0)
    torch.testing.assert_close(-energy(STATES), expected)
    assert expected.logsumexp(0).item() == pytest.approx(0, abs=1e-12)
    flipped = torch.stack([energy((STATES - unit).abs()) for unit in torch.eye(8, dtype=FLOAT)], 1)
    torch.testing.assert_close(energy.flip_delta(STATES), flipped - energy(STATES).unsqueeze(1))
    means = energy.log_weights.exp() @ energy.laws.means()
    torch.testing.assert_close(means, expected.exp() @ STATES)


@pytest.mark.parametrize(
    ("compiled", "dtype"),
    [
        (True, torch.float32),
        pytest.param(True, FLOAT, marks=pytest.mark.thorough),  # it takes seconds to compile
        (False, FLOAT),
    ],
)
def test_erased_bits_are_filled_in_by_their_conditional_law(monkeypatch, compiled, dtype):
    if not compiled:
        monkeypatch.setattr(trees, "_loops", lambda: None)
    energy, g = forest(dtype), torch.Generator().manual_seed(1)
    x = STATES[[0, 77, 200]].to(dtype)
    erased = torch.rand(3, 8, generator=g) < torch.tensor([[1.1], [0.5], [0.6]])
    found, kept = energy.filled(x, erased, 20_000, g)
    for row in range(3):
        possible = ((x[row] == STATES) | erased[row]).all(1)
        log_p = -forest()(STATES)[possible]
        assert kept[row].item() == pytest.approx(log_p.logsumexp(0).item(), abs=1e-10 if dtype == FLOAT else 1e-5)
        counts = torch.bincount((found[row].to(FLOAT) @ CODE).long(), minlength=256)[(STATES[possible] @ CODE).long()]
        assert counts.sum() == 20_000  # no bit that was kept has changed
        shares = log_p.softmax(0)
        assert ((counts / 20_000 - shares).abs() < 5 * (shares / 20_000).sqrt() + 1e-4).all()


@pytest.mark.parametrize(
    ("parents", "couplings", "message"),
    [
        ((1, 2, 0), None, "bits that are their own ancestors"),
        ((0, -1, 1), None, "the number of another bit"),
        ((3, -1, 1), None, "the number of another bit"),
        ((-1, 0), None, "one for each of 3 bits, got 2"),
        ((-1, 0, 1), torch.ones(2, 3), "zero at the roots"),
        ((-1, 0, 1), torch.full((2, 3), torch.nan), "finite numbers"),
        (None, torch.zeros(2, 3), "None without parents"),
    ],
)
def test_what_is_no_tree_is_refused(parents, couplings, message):
    with pytest.raises(InputError, match=message):
        BernoulliMixtureEnergy(2, 3, parents, couplings)


def test_every_bit_comes_after_its_parent():
    place = {bit: depth for depth, (bits, _) in enumerate(tree_levels(PARENTS)) for bit in bits.tolist()}
    assert all(place[bit] == (0 if parent < 0 else place[parent] + 1) for bit, parent in enumerate(PARENTS))
