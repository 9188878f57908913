"""Chains that stand still say so; chains that move, or whose law is narrow, don't."""

from __future__ import annotations

import warnings
from itertools import islice

import pytest
import torch
from place import DEVICE, FLOAT, seeded
from torch.nn.functional import one_hot

from discrete_ed import (
    BernoulliEnergy,
    Clamped,
    ContrastiveDivergence,
    Energy,
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    InputError,
    IsingEnergy,
    NumericalError,
    PathAuxiliary,
    Taylor,
    ais,
    anneal,
    chain,
    diagnose,
    sample,
)

pytestmark = pytest.mark.anywhere


class OneHot(Energy):
    """Three variables of four values, each as four bits of which one is on; +∞ elsewhere."""

    def __init__(self):
        super().__init__()
        self.bits = 12
        self.weight = torch.nn.Parameter(torch.linspace(0, 1, 12, dtype=FLOAT, device=DEVICE))

    def forward(self, x):
        valid = (x.unflatten(-1, (3, 4)).sum(-1) == 1).all(-1)
        return (x @ self.weight).masked_fill(~valid, torch.inf)


SAME = one_hot(torch.zeros(50, 3, dtype=torch.long), 4).flatten(1).to(FLOAT)
MANY = one_hot(torch.randint(4, (50, 3), generator=seeded()), 4).flatten(1).to(FLOAT)
STRONG = IsingEnergy(4.0 * (1 - torch.eye(12, dtype=FLOAT))).to(DEVICE)  # all spins agree, and never flip again


@pytest.mark.parametrize(
    ("kernel", "local", "start", "reason"),
    [
        (Gibbs(), Exact(OneHot()), SAME, "50 of 50 .*no flip of one free bit leads to a state of finite energy"),
        (GibbsWithGradients(), Taylor(OneHot()), MANY, "50 of 50 .*no flip of one free bit"),
        (PathAuxiliary(2), Exact(OneHot()), MANY, r"nor can PathAuxiliary with Exact.*PathAuxiliary\(2\) with Taylor"),
        (GibbsSweep(), Exact(STRONG), (torch.arange(40) % 2).unsqueeze(1).expand(-1, 12).to(FLOAT), "40 of 40 .*mixed"),
    ],
    ids=["one-hot, one start", "one-hot, many starts", "one-hot, exact paths", "two modes"],
)
def test_chains_that_do_not_move_say_so(kernel, local, start, reason):
    with pytest.warns(RuntimeWarning, match=reason):
        x = sample(kernel, local, start, 120, generator=seeded())
    assert torch.equal(x, start)
    assert diagnose(list(islice(chain(kernel, local, start, generator=seeded()), 5))).moved == 0
    with pytest.warns(RuntimeWarning, match=reason):
        list(islice(chain(kernel, local, start, generator=seeded()), 100))
    if isinstance(local.energy, OneHot):  # this is certain after a few steps already
        with pytest.warns(RuntimeWarning, match="50 of 50 are where they started after 3 steps: no flip"):
            sample(kernel, local, start, 3, generator=seeded())


@pytest.mark.thorough
def test_chains_that_move_two_bits_find_the_law_of_one_hot_data():
    """The right value beside the warning: the marginals of each variable are those of its four weights."""
    energy = OneHot()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = sample(PathAuxiliary(2), Taylor(energy), MANY.repeat(8, 1), 200, generator=seeded())
    law = (-energy.weight.detach().view(3, 4)).softmax(-1).flatten()
    assert ((x.mean(0) - law).abs() < 4.5 * (law * (1 - law) / len(x)).sqrt()).all()


@pytest.mark.parametrize(
    ("energy", "start"),
    [
        (BernoulliEnergy(torch.full((4,), 30.0)), torch.ones(20, 4)),  # the law is one state
        (BernoulliEnergy(torch.tensor([4.0])), torch.ones(400, 1)),
        (Clamped(BernoulliEnergy(6), torch.ones(6, dtype=torch.bool)), (torch.arange(120) % 2).view(20, 6).float()),
        (BernoulliEnergy(2), torch.tensor([[0.0, 1.0], [1.0, 0.0]])),
    ],
    ids=["one state", "two states", "nothing is free", "two chains"],
)
def test_chains_of_a_narrow_law_may_stand_still(energy, start):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sample(GibbsSweep(), Exact(energy.to(DEVICE)), start, 100, generator=seeded())


def test_a_loss_whose_chains_never_move_says_so():
    loss = ContrastiveDivergence(Gibbs(), 2, generator=seeded())
    with pytest.warns(RuntimeWarning, match="no chain moved in 10 calls of contrastive divergence"):
        _ = [loss(OneHot(), MANY) for _ in range(10)]
    loss = ContrastiveDivergence(PathAuxiliary(2), 2, local=Taylor, generator=seeded())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(12):
            loss(OneHot(), MANY)


def test_impossible_starts_of_annealing_say_what_to_do():
    nowhere = torch.zeros(4, 12, dtype=FLOAT)
    with pytest.raises(InputError, match=r"probability zero\) at 4 of 4; start at states that are possible"):
        anneal(Gibbs(), Exact(OneHot()), nowhere, [0.5, 1.0])
    with pytest.raises(NumericalError, match=r"energy of \+inf only: take more runs, or sum over the states"):
        ais(Gibbs(), Exact(OneHot()), SAME[:4], SAME[:4], [0.0, 0.5, 1.0], generator=seeded())
