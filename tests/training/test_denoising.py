"""Learned proposals: the cross-entropy against enumeration, and the losses that a name gives."""

import pytest
import torch
from place import DEVICE, FLOAT, all_states, seeded
from torch import nn
from torch.nn.functional import logsigmoid

from discrete_ed import (
    Energy,
    InputError,
    IsingEnergy,
    MLPEnergy,
    NoiseConditionalEnergy,
    NoiseLevels,
    PairGraphEnergy,
    denoising_cross_entropy,
    noise_level_loss,
)
from discrete_ed.states import from_matrix

pytestmark = pytest.mark.anywhere

STATES = all_states(2)
LAW = torch.tensor([0.5, 0.1, 0.15, 0.25], dtype=FLOAT)
LEVELS, DENSITY = 2, 0.3
NOISE = NoiseLevels(LEVELS, DENSITY)


class Table(Energy):
    """Predictions for every state at both levels, apart from an energy."""

    noise_levels = denoiser = True

    def __init__(self, predictions):
        super().__init__()
        self.predictions, self.slope = nn.Parameter(predictions), nn.Parameter(torch.ones(2, dtype=FLOAT))
        self.bits = 2

    def forward(self, x, t):
        return (x * self.slope).sum(-1) * (1 - t)

    def predict(self, x, t):
        return self.predictions[(LEVELS * t).round().long() - 1, (x @ torch.tensor([2.0, 1.0], dtype=FLOAT)).long()]


def joint():
    """`p(x_0, y)` at both levels, `(level, x_0, y)`."""
    free, t = torch.ones(1, 1, 2, dtype=torch.bool), torch.tensor([0.5, 1.0], dtype=FLOAT)
    noisy = [NOISE.log_prob(STATES, STATES.unsqueeze(1), free, NOISE.keep(level)).exp() for level in t]
    return LAW.unsqueeze(-1) * torch.stack(noisy)


def truth():
    """The log odds of each bit of the data given `y`, less those of the density: `(level, y, bit)`."""
    one = torch.einsum("lxy,xb->lyb", joint(), STATES)
    return (one / (joint().sum(1).unsqueeze(-1) - one)).log() - NOISE.log_odds


def model(predictions):
    return NoiseConditionalEnergy(Table(predictions).to(DEVICE), LEVELS, DENSITY)


def measured(energy, function=denoising_cross_entropy):
    """Mean and standard error of the loss and of its slope in the predictions."""
    values, slopes, g = [], [], seeded(5)
    for rows in torch.multinomial(LAW.float().expand(30, -1), 1000, replacement=True, generator=g):
        energy.zero_grad()
        value = function(energy, STATES[rows], generator=g)
        value.backward()
        values.append(value.detach())
        slopes.append(energy.network.predictions.grad.clone())
    return [(parts.mean(0), parts.std(0) / len(parts) ** 0.5) for parts in map(torch.stack, (values, slopes))]


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_cross_entropy_has_the_enumerated_mean_and_its_minimum_at_the_true_marginals(shift):
    energy = model(truth() + shift)
    (value, error), (slope, slope_error) = measured(energy)
    odds = truth() + shift + NOISE.log_odds
    terms = -torch.where(STATES[None, :, None] > 0.5, logsigmoid(odds).unsqueeze(1), logsigmoid(-odds).unsqueeze(1))
    assert abs(value - (joint() * terms.sum(-1)).sum() / LEVELS) < 5 * error
    at_minimum = (slope.abs() < 5 * slope_error).all()
    assert at_minimum == (shift == 0)


def test_the_energy_has_no_part_in_it_and_frozen_bits_do_not_count():
    energy = model(truth())
    denoising_cross_entropy(energy, STATES).backward()
    assert energy.network.slope.grad is None
    network = PairGraphEnergy(3, width=4, layers=1, noise_levels=True, denoiser=True).to(DEVICE, FLOAT)
    alone = from_matrix(torch.diag(torch.tensor([1.0, 0, 0], dtype=FLOAT, device=DEVICE))).unsqueeze(0)
    assert denoising_cross_entropy(NoiseConditionalEnergy(network), alone).item() == 0


@pytest.mark.parametrize("proposals", ["noise", "gradients", "learned"])
def test_each_name_trains_the_energy_and_learned_proposals_their_predictions_as_well(proposals):
    energy = model(truth() + 0.5)
    loss = noise_level_loss(proposals, negatives=3, generator=seeded(2))
    loss(energy, STATES).backward()
    assert energy.network.slope.grad.abs().max() > 0
    assert (energy.network.predictions.grad is not None) == (proposals == "learned")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: noise_level_loss("nowhere"), "proposals: expected one of noise, gradients, learned, got 'nowhere'"),
        (lambda: denoising_cross_entropy(IsingEnergy(2), STATES), "energy: expected a NoiseConditionalEnergy, got Isi"),
        (lambda: denoising_cross_entropy(model(truth()), STATES[0]), r"x: expected a batch of shape \(B, D\)"),
        (lambda: denoising_cross_entropy(model(truth()), STATES[:, :1]), "x: expected shape"),
        (
            lambda: noise_level_loss("learned")(
                NoiseConditionalEnergy(MLPEnergy(2, hidden=(3,), noise_levels=True)), STATES
            ),
            "network: expected one that predicts the data, got MLPEnergy",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()
