"""Energies whose value depends on more than the state are refused, each with the right value beside it."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from place import DEVICE, FLOAT, rounding, seeded
from torch import nn
from torch.optim.swa_utils import AveragedModel

from discrete_ed import (
    Bernoulli,
    BernoulliEnergy,
    Block,
    Clamped,
    ContrastiveDivergence,
    Energy,
    Exact,
    FitConfig,
    Gibbs,
    GibbsWithGradients,
    InputError,
    IsingEnergy,
    MLPEnergy,
    RBMEnergy,
    Taylor,
    anneal,
    energy_discrepancy,
    enumerate_states,
    fit,
    load_energy,
    log_law,
    log_likelihood,
    log_z,
    moments,
    pseudo_likelihood,
    rbm_log_z,
    sample,
    save_energy,
)
from discrete_ed.energies.probe import check_function
from discrete_ed.likelihood import importance_log_z

pytestmark = pytest.mark.anywhere


def simulated_lacks(what: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(DEVICE.type == "simulated", reason=f"the simulated device has no {what}")


BITS = 5
STATES = enumerate_states(BITS, device=DEVICE).to(FLOAT)


class Network(Energy):
    """A small network, with something between its layers, and something done to its values."""

    def __init__(self, between: nn.Module | None = None, after=lambda value: value):
        super().__init__()
        self.bits = BITS
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            self.first, self.last = nn.Linear(BITS, 8, dtype=FLOAT), nn.Linear(8, 1, dtype=FLOAT)
        self.between, self.after = between or nn.Identity(), after
        self.to(DEVICE)

    def forward(self, x):
        h = self.between(self.first(x.reshape(-1, BITS)).tanh())
        return self.after(self.last(h).reshape(x.shape[:-1]))


class InPlace(Network):
    def forward(self, x):
        return super().forward(x.mul_(2).sub_(1))


class Stacked(Network):
    """Its value is right for a single state only."""

    def forward(self, x):
        return super().forward(x.flip(0))


USES = {
    "chains": lambda energy: sample(GibbsWithGradients(), Taylor(energy), STATES[:4].clone(), 3),
    "annealing": lambda energy: anneal(Gibbs(), Exact(energy), STATES[:4].clone(), [0.5, 1.0]),
    "likelihood": lambda energy: log_likelihood(energy, STATES.clone()),
    "law": log_law,
    "log Z": log_z,
    "moments": moments,
    "importance sampling": lambda energy: importance_log_z(energy, 50),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize(
    ("energy", "reason"),
    [
        (lambda: Network(nn.Dropout(0.5)), r"got .*: call energy.eval\(\) if it has dropout; otherwise use no"),
        (lambda: Network(after=lambda value: value + torch.rand_like(value)).eval(), "no randomness in forward"),
        (lambda: Network(nn.BatchNorm1d(8, dtype=FLOAT)), r"BatchNorm1d \(between\).*LayerNorm"),
        (lambda: Network(nn.BatchNorm1d(8, dtype=FLOAT, track_running_stats=False)).eval(), "BatchNorm1d"),
        (lambda: Network(after=lambda value: value - value.mean()), "mixes the rows of a batch"),
        (lambda: Network(after=lambda value: value.sum().expand_as(value)), "mixes the rows of a batch"),
        (lambda: Network(after=lambda value: value.roll(1, 0)), "mixes the rows of a batch"),
        (Stacked, "mixes the rows of a batch"),
        (InPlace, "x changed in place"),
        (lambda: Network(after=lambda value: value.bfloat16()), "got torch.bfloat16: in half precision"),
    ],
    ids=[
        "dropout",
        "noise",
        "batch norm",
        "batch norm in evaluation",
        "mean",
        "sum",
        "roll",
        "flip",
        "in place",
        "half",
    ],
)
def test_values_that_depend_on_more_than_the_state_are_refused(use, energy, reason):
    with pytest.raises(InputError, match=reason):
        use(energy())


def test_healthy_energies_pass_and_leave_no_trace():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    for energy in (Network(nn.Dropout(0.5)).eval(), Network(nn.LayerNorm(8, dtype=FLOAT)), Network()):
        for use in (USES["likelihood"], USES["law"]):
            use(energy)
    normed = Network(nn.BatchNorm1d(8, dtype=FLOAT)).eval()
    states = {name: value.clone() for name, value in normed.state_dict().items()}
    check_function(normed, STATES)
    assert all(torch.equal(value, states[name]) for name, value in normed.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before)
    rows = torch.zeros(3, BITS, dtype=torch.bool)
    rows[1, 2] = True
    sample(Gibbs(), Exact(Clamped(Network(), rows)), STATES[:3], 2)  # other known bits in each row


def test_the_probe_waits_until_values_differ():
    """A sum over the batch that starts at zero is noticed when it has learned something, and then only once."""
    energy = Network(after=lambda value: value.roll(1, 0))
    for parameter in energy.last.parameters():
        nn.init.zeros_(parameter)
    check_function(energy, STATES)
    nn.init.ones_(energy.last.weight)
    with pytest.raises(InputError, match="mixes the rows"):
        check_function(energy, STATES)

    class Counting(Network):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return super().forward(x)

    counting = Counting()
    check_function(counting, STATES)
    made = counting.calls
    check_function(counting, STATES[3:])
    assert counting.calls == made == 3


@simulated_lacks("copies of own networks")
def test_a_fit_takes_dropout_and_refuses_batch_normalisation():
    batches = [STATES] * 3
    fit(Network(nn.Dropout(0.5)), pseudo_likelihood, batches, FitConfig(steps=2))
    for energy, reason in (
        (Network(nn.BatchNorm1d(8, dtype=FLOAT)), "BatchNorm1d"),
        (Network(after=lambda value: value - value.mean()), "mixes the rows of a batch"),
    ):
        with pytest.raises(InputError, match=reason):
            fit(energy, pseudo_likelihood, batches, FitConfig(steps=2))


def test_chains_of_contrastive_divergence_see_the_energy_without_dropout():
    seen = []

    class Watching(Network):
        def flip_delta(self, x):
            seen.append((self.training, self.between.training))
            return super().flip_delta(x)

    energy = Watching(nn.Dropout(0.5))
    energy.train()
    ContrastiveDivergence(Gibbs(), 2, generator=seeded())(energy, STATES)
    assert set(seen) == {(False, False)}
    assert energy.training
    assert energy.between.training


def test_a_loaded_energy_is_in_evaluation_mode(tmp_path):
    class Drop(Energy):
        def __init__(self, bits):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(bits, 32), nn.Dropout(0.5), nn.Linear(32, 1))

        def forward(self, x):
            return self.net(x).squeeze(-1)

    energy = Drop(BITS).to(DEVICE).eval()
    save_energy(tmp_path, energy)
    loaded = load_energy(tmp_path, Drop).to(DEVICE)
    x = STATES.float()
    assert not loaded.net[1].training
    assert log_likelihood(loaded, x).mean == log_likelihood(energy, x).mean


@simulated_lacks("autocast")
def test_autocast_around_chains_and_likelihoods_is_refused_and_inside_forward_taken():
    """Energies near 300 that differ by a few nats: bfloat16 has steps of 2 there."""
    energy = MLPEnergy(BITS, hidden=(8,)).to(DEVICE)
    list(energy.parameters())[-1].data += 300.0
    x = STATES.float()
    exact = log_likelihood(energy, x).mean
    with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
        for use in (lambda: log_likelihood(energy, x), lambda: sample(GibbsWithGradients(), Taylor(energy), x, 3)):
            with pytest.raises(InputError, match=r"half precision|autocast: expected none here"):
                use()
        with pytest.raises(InputError, match=r"got torch.bfloat16, in which .* use autocast inside forward"):
            pseudo_likelihood(energy, x)
        with torch.autocast(DEVICE.type, enabled=False):
            assert log_likelihood(energy, x).mean == exact

    class Mixed(Network):
        def forward(self, x):
            with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
                h = self.first(x).tanh()
            with torch.autocast(DEVICE.type, enabled=False):
                return self.last(h.float()).squeeze(-1)

    mixed = Mixed().float()
    found = log_likelihood(mixed, x).mean
    with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
        assert log_likelihood(mixed, x).mean == found  # the same function of x with and without
    assert math.isfinite(found)


@pytest.mark.parametrize("act", [log_law, moments, log_z, lambda energy: log_likelihood(energy, STATES.float())])
def test_energies_in_half_precision_are_refused(act):
    with pytest.raises(InputError, match=r"(expected|got) .*([Bb][Ff]loat16|Half)"):
        act(IsingEnergy(BITS).to(DEVICE).bfloat16())


@simulated_lacks("copies of own networks")
@pytest.mark.parametrize("wrap", [AveragedModel, lambda energy: nn.DataParallel(energy)], ids=["averaged", "parallel"])
@pytest.mark.parametrize(
    "act",
    [
        log_law,
        log_z,
        lambda e: log_likelihood(e, STATES),
        lambda e: sample(Gibbs(), Exact(e), STATES, 1),
        lambda e: pseudo_likelihood(e, STATES),
        lambda e: fit(e, pseudo_likelihood, [STATES]),
    ],
)
def test_wrapped_energies_are_refused_with_the_way_on(act, wrap):
    with pytest.raises(InputError, match=r"(AveragedModel|DataParallel); pass its \.module"):
        act(wrap(IsingEnergy(BITS)))


class OfTheFirstTwo(Energy):
    """Says that it has two bits and reads no more, so that further columns would go unnoticed."""

    bits = 2

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5, -1.0], dtype=FLOAT, device=DEVICE))

    def forward(self, x):
        return x[..., :2] @ self.weight


@pytest.mark.parametrize("name", ["chains", "likelihood"])
def test_more_columns_than_the_energy_are_refused(name):
    with pytest.raises(InputError, match="x: expected states of 2 bits, which OfTheFirstTwo has, got 5"):
        USES[name](OfTheFirstTwo())
    assert log_law(OfTheFirstTwo()).exp().sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("act", [log_law, log_z, moments])
def test_laws_of_clamped_energies_are_refused_where_the_known_values_are_missing(act):
    clamped = Clamped(BernoulliEnergy(torch.tensor([1.0, -1.0])), [True, False])
    with pytest.raises(InputError, match=r"expected one without known bits.*energy\.unclamped"):
        act(clamped)
    act(clamped.unclamped)
    wide = RBMEnergy(30, 2).to(DEVICE)
    with pytest.raises(InputError, match="without known bits"):
        log_z(Clamped(wide, torch.arange(30) < 3))
    assert log_z(wide) == rbm_log_z(wide)


def test_a_loss_says_when_no_neighbour_is_possible():
    class OneHot(Network):
        def forward(self, x):
            return super().forward(x).masked_fill(x.sum(-1) != 1, torch.inf)

    x = torch.eye(BITS, dtype=FLOAT, device=DEVICE).repeat(8, 1)
    energy = OneHot()
    for loss in (
        pseudo_likelihood,
        lambda energy, x: energy_discrepancy(energy, x, Block(1)),
        lambda energy, x: energy_discrepancy(energy, x, Bernoulli(epsilon=0.01), m=3, generator=seeded(1)),
    ):
        with pytest.warns(RuntimeWarning, match="finite energy under OneHot, so the gradient is zero"):
            value = loss(energy, x)
        value.backward()
        assert all(part.grad is None or part.grad.abs().max() < rounding(1e-12) for part in energy.parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        energy_discrepancy(energy, x, Block(2)).backward()  # two flips lead from one row to another
    assert any(parameter.grad.any() for parameter in energy.parameters())


def test_dropout_of_few_values_is_not_taken_for_a_mixture_of_rows():
    class Dropped(Energy):
        def __init__(self) -> None:
            super().__init__()
            self.slope = nn.Parameter(torch.ones(()))

        def forward(self, x):
            return nn.functional.dropout(self.slope + x.sum(-1), 0.5, self.training)

    for seed in range(40):  # two evaluations of three states agree in one of eight
        torch.manual_seed(seed)
        pseudo_likelihood(Dropped().to(DEVICE), STATES)
