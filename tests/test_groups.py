"""Bits of which exactly one is on: which groups there may be, moves, enumeration, and how energies carry them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts import mlp, rbm
from place import DEVICE, FLOAT, seeded
from torch import Tensor

from discrete_ed import (
    Clamped,
    Energy,
    Groups,
    InputError,
    IsingEnergy,
    MLPEnergy,
    NoiseConditionalEnergy,
    PottsEnergy,
    RBMEnergy,
    SumEnergy,
    load_energy,
    save_energy,
)
from discrete_ed.groups.product import product_log_z, product_logits, product_means, product_sample

MIXED = Groups(((0, 5, 2), (1, 3)), bits=7)
OTHER = Groups(((0, 1),), bits=7)
STATES = MIXED.states(FLOAT, DEVICE)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Groups(((0, 1), (2,)), 3), "at least two bits in a group, got 1 in group 1"),
        (lambda: Groups(((0, 1), (1, 2)), 3), "don't overlap, got bit 1 in groups 0 and 1"),
        (lambda: Groups(((0, 0),), 3), "don't overlap, got bit 0"),
        (lambda: Groups(((0, 3),), 3), "bits from 0 to 2, got 3 in group 0"),
        (lambda: Groups((0, 3), 3), "positions of the bits of each group"),
        (lambda: Groups.one_hot([3, 1]), "at least 2 values of each variable, got 1"),
        (lambda: Groups.one_hot("ab"), "number of values of each variable"),
        (lambda: Groups.one_hot([3, 3], bits=5), "bits from 0 to 4, got 5 in group 1"),
        (lambda: MIXED.check(torch.zeros(2, 7)), "got 0 of bits 0, 5, 2 in row 0"),
        (lambda: MIXED.check(torch.ones(2, 7)), "got 3 of bits 0, 5, 2 in row 0"),
        (lambda: MIXED.check(torch.ones(2, 6)), "states of 7 bits"),
        (lambda: Groups.one_hot([3]).check(torch.zeros(1, 3)), "got 0 of bits 0 to 2 in row 0"),
        (lambda: MIXED.encode(torch.tensor([[3, 0, 0, 0]])), "expected 4 values"),
        (lambda: MIXED.encode(torch.tensor([[1.5, 0, 0, 0]])), "values: expected whole numbers, got 1.5"),
        (lambda: MIXED.encode([[float("nan"), 0, 0, 0]]), "values: expected whole numbers, got nan"),
        (lambda: MIXED.encode(np.array([["a", "b", "c", "d"]])), "values: expected whole numbers, got ndarray"),
        (lambda: MIXED.encode(2), r"values: expected 4 values, .* got shape \(\)"),
        (lambda: MIXED.encode([]), r"values: expected 4 values, .* got shape \(0,\)"),
        (lambda: grouped(MLPEnergy(4), Groups.one_hot([3, 4])), "groups: expected those of 4 bits, .* got 7"),
        (lambda: grouped(Clamped(MLPEnergy(4), [True] * 4)), "groups: expected those of 4 bits, .* got 7"),
        (lambda: grouped(SumEnergy(grouped(mlp(7)), mlp(7)), OTHER), "those that MLPEnergy has and was built for"),
        (lambda: grouped(PottsEnergy(MIXED), OTHER), "those that PottsEnergy has and was built for, got others"),
        (lambda: setattr(PottsEnergy(MIXED), "groups", None), "PottsEnergy has and was built for, got none"),
        (lambda: setattr(mlp(7), "groups", [3, 4]), "expected Groups or None, got list"),
        (lambda: setattr(IsingEnergy(7), "groups", MIXED), "spins; PottsEnergy"),
        (
            lambda: NoiseConditionalEnergy(grouped(MLPEnergy(7, (4,), noise_levels=True))),
            "network: expected one without groups",
        ),
        (
            lambda: SumEnergy(grouped(mlp(7)), grouped(mlp(7), Groups(((0, 1),), 7))),
            "one space, got some with different groups",
        ),
    ],
)
def test_what_is_no_space_of_groups_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def grouped(energy: Energy, groups: Groups = MIXED) -> Energy:
    energy.groups = groups
    return energy


def test_all_states_are_listed_once_and_found_again():
    assert MIXED.variables == ((0, 5, 2), (1, 3), (4,), (6,))
    assert MIXED.count == len(STATES) == len(STATES.unique(dim=0)) == 24
    assert MIXED.valid(STATES).all()
    assert torch.equal(MIXED.encode(MIXED.decode(STATES)).to(FLOAT), STATES)
    for kind in (np.array, list):
        assert torch.equal(MIXED.encode(kind(MIXED.decode(STATES).tolist())).to(FLOAT), STATES)
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 7)
    assert int(MIXED.valid(every).sum()) == 24
    parts = list(MIXED.state_chunks(size=5, dtype=FLOAT))
    assert torch.equal(torch.cat(parts), STATES)
    assert [len(part) for part in parts] == [5, 5, 5, 5, 4]
    assert Groups((), 3).states().shape == (8, 3)


def test_neighbours_and_several_moves_at_once():
    moves = torch.tensor([False, False, True, False, True, False, False]).expand(24, -1)
    there, back = MIXED.apply(STATES, moves)
    assert (there[:, 2] == 1).all()
    assert torch.equal(there[:, 4], 1 - STATES[:, 4])
    assert torch.equal(there[:, [1, 3, 6]], STATES[:, [1, 3, 6]])
    assert torch.equal(MIXED.apply(there, back)[0], STATES)
    for i in range(7):
        assert torch.equal(MIXED.neighbours(STATES)[:, i], MIXED.move(STATES, torch.full((24, 1), i))[0])


def test_samples_follow_the_logits():
    logits = torch.randn(7, generator=seeded(1), dtype=FLOAT)
    law = (STATES @ logits - product_log_z(MIXED, logits)).exp()
    assert abs(law.sum() - 1) < 1e-12
    x = product_sample(MIXED, logits.expand(40_000, -1), generator=seeded(0))
    assert MIXED.valid(x).all()
    wanted = law @ STATES
    assert ((x.mean(0) - wanted).abs() < 4.5 * (wanted * (1 - wanted) / 40_000).sqrt()).all()
    assert torch.allclose(product_means(MIXED, logits), wanted, atol=1e-12)
    assert torch.allclose(product_means(MIXED, product_logits(MIXED, wanted)), wanted, atol=1e-12)
    uniform = MIXED.uniform(40_000, STATES, generator=seeded(0)).mean(0)
    assert (uniform - STATES.mean(0)).abs().max() < 0.012


class Placed(Energy):
    """An energy of one's own with groups that its constructor takes."""

    def __init__(self, bits: int, groups: Groups) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(bits))
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


@pytest.mark.parametrize(
    "make",
    [
        lambda: grouped(MLPEnergy(7, hidden=(4,))),
        lambda: grouped(RBMEnergy(7, 2)),
        lambda: SumEnergy(grouped(MLPEnergy(7, hidden=(4,))), RBMEnergy(7, 2)),
        lambda: Clamped(grouped(MLPEnergy(7, hidden=(4,))), [True] * 3 + [False] * 4),
        lambda: Placed(7, MIXED),
    ],
)
def test_groups_are_saved_with_the_energy(make, tmp_path):
    energy = make()
    save_energy(tmp_path, energy)
    loaded = load_energy(tmp_path, *([Placed] if isinstance(energy, Placed) else []))
    assert loaded.groups == energy.groups == MIXED
    x = STATES.float()
    assert torch.equal(loaded.move_delta(x), energy.move_delta(x))


def test_an_energy_without_groups_is_as_before():
    energy, x = rbm(5, 2), torch.zeros(3, 5, dtype=FLOAT)
    assert energy.groups is None
    assert torch.equal(energy.move_delta(x), energy.flip_delta(x))
    assert "groups" not in energy.arguments()
