# ruff: noqa: ARG002, ARG005 (every perturbation takes the same arguments)
"""What a perturbation of one's own returns is looked at once, at its first call."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pytest
import torch
from place import DEVICE, FLOAT, seeded

from discrete_ed import Bernoulli, Clamped, FitConfig, InputError, MLPEnergy, Perturbation, energy_discrepancy, fit
from discrete_ed.perturbations.base import STILL_BATCHES, weighted_contrast

pytestmark = pytest.mark.anywhere

B, D = 32, 6
X = (torch.rand(B, D, generator=seeded()) < 0.3).to(FLOAT)
ENERGY = MLPEnergy(D, hidden=(8,)).to(DEVICE, FLOAT)
KNOWN = Clamped(ENERGY, torch.arange(D, device=DEVICE) < 3)


def noisy(x, free, m):
    flips = (torch.rand(len(x), m, x.shape[1], generator=seeded()) < 0.1) & free.unsqueeze(1)
    return (x.unsqueeze(1) - flips.to(x.dtype)).abs()


class Own(Perturbation):
    def __init__(self, function):
        self.function, self.calls = function, 0

    def negatives(self, x, free, m, *, generator=None):
        self.calls += 1
        return self.function(x, free, m)


@dataclass(frozen=True)
class Shifted(Perturbation):
    """Its first state isn't the data point."""

    def contrast(self, energy, x, m, w, *, generator=None):
        return weighted_contrast(1 - x, x.unsqueeze(1), w, x.new_zeros(len(x), 2))


@dataclass(frozen=True)
class Bare(Perturbation):
    """It returns negatives where a contrast is expected."""

    def contrast(self, energy, x, m, w, *, generator=None):
        return x.unsqueeze(1).expand(-1, m, -1)


@pytest.mark.parametrize(
    ("perturbation", "energy", "reason"),
    [
        (Bare(), ENERGY, r"Bare.contrast to give a Contrast, got Tensor; make one by weighted_contrast"),
        (
            Own(lambda x, free, m: noisy(x, free, m).transpose(0, 1)),
            ENERGY,
            r"\(B, M, D\) = \(2, 3, 6\), got \(3, 2, 6\)",
        ),
        (Own(lambda x, free, m: x), ENERGY, r"got \(2, 6\)"),
        (Own(lambda x, free, m: noisy(x, free, m)[..., :-1]), ENERGY, r"got \(2, 3, 5\)"),
        (Own(lambda x, free, m: noisy(x, free, m).tolist()), ENERGY, "got list"),
        (Own(lambda x, free, m: noisy(x, free, m) + 0.25), ENERGY, "states of Own: expected only zeros and ones"),
        (
            Own(lambda x, free, m: 2 * noisy(x, free, m) - 1),
            ENERGY,
            "states of Own: expected only zeros and ones, got -1",
        ),
        (
            Own(lambda x, free, m: noisy(x, torch.ones_like(free), m)),
            KNOWN,
            "free bits only, got .* changed frozen bit",
        ),
        (Shifted(), ENERGY, "first state of Shifted to be the data point"),
    ],
    ids=[
        "no contrast",
        "swapped",
        "no axis",
        "a column less",
        "a list",
        "no bits",
        "spins",
        "frozen bits",
        "not first",
    ],
)
def test_what_is_no_set_of_negatives_is_refused(perturbation, energy, reason):
    for _ in range(2):  # also at the second attempt
        with pytest.raises(InputError, match=reason):
            energy_discrepancy(energy, X, perturbation, m=B)


def test_the_right_one_is_called_once_more_at_first_and_has_the_value_of_bernoulli_noise():
    own = Own(lambda x, free, m: Bernoulli(epsilon=0.1).negatives(x, free, m, generator=seeded(3)))
    value = energy_discrepancy(ENERGY, X, own, m=B)
    assert own.calls == 2
    assert energy_discrepancy(ENERGY, X, own, m=B) == value
    assert own.calls == 3
    assert value == energy_discrepancy(ENERGY, X, Bernoulli(epsilon=0.1), m=B, generator=seeded(3))
    energy_discrepancy(KNOWN, X, own, m=4)
    bad = Own(lambda x, free, m: noisy(x, torch.ones_like(free), m))
    energy_discrepancy(ENERGY, X, bad, m=4)  # nothing is frozen here, but another kind of energy is checked anew
    with pytest.raises(InputError, match="changed frozen bit"):
        energy_discrepancy(KNOWN, X, bad, m=4)


def test_the_check_consumes_no_random_numbers():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    fresh = Own(lambda x, free, m: noisy(x, free, m))
    fresh.function = lambda x, free, m: (x.unsqueeze(1) - torch.rand(len(x), m, D).round().to(x)).abs()
    perturbed = energy_discrepancy(ENERGY, X, fresh, m=4)
    torch.set_rng_state(before)
    assert perturbed == energy_discrepancy(ENERGY, X, fresh, m=4)


def test_negatives_that_all_equal_the_data_are_warned_of_once():
    same = Own(lambda x, free, m: x.unsqueeze(1).repeat(1, m, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(STILL_BATCHES - 1):
            energy_discrepancy(ENERGY, X, same, m=4)
    with pytest.warns(RuntimeWarning, match="all negatives of Own in the first 10 batches equal the data"):
        energy_discrepancy(ENERGY, X, same, m=4)
    known = Clamped(ENERGY, torch.ones(D, dtype=torch.bool, device=DEVICE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(STILL_BATCHES):
            energy_discrepancy(ENERGY, X, same, m=4)
        frozen, noise = Own(same.function), Own(noisy)
        for _ in range(STILL_BATCHES):
            energy_discrepancy(known, X, frozen, m=4)
            energy_discrepancy(ENERGY, X, noise, m=4)


def test_a_fit_whose_negatives_equal_the_data_says_so():
    same = Own(lambda x, free, m: x.unsqueeze(1).repeat(1, m, 1))
    energy = MLPEnergy(D, hidden=(8,)).to(DEVICE, FLOAT)
    with pytest.warns(RuntimeWarning, match="equal the data, so the loss compares nothing"):
        fit(energy, lambda energy, x: energy_discrepancy(energy, x, same), [X] * 12, FitConfig(steps=12))
