import itertools

import pytest
import torch
from place import DEVICE, number_of, rounding, seeded
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from discrete_ed import (
    Bernoulli,
    Checkpoints,
    Energy,
    FitConfig,
    InputError,
    IsingEnergy,
    MLPEnergy,
    NumericalError,
    energy_discrepancy,
    fit,
    fit_steps,
    pseudo_likelihood,
    shuffled_batches,
)
from discrete_ed.likelihood.enumeration import log_law

pytestmark = pytest.mark.anywhere


def aligned_spins(count: int) -> Tensor:
    """Two spins that agree, in nine cases of ten."""
    g = seeded(0)
    first, flip = torch.rand(2, count, generator=g)
    x = (first < 0.5).float()
    return torch.stack([x, (x - (flip < 0.1).float()).abs()], 1)


def train(config: FitConfig, seed: int = 0, **arguments) -> tuple[IsingEnergy, list[dict[str, float]]]:
    g = seeded(seed)
    energy = IsingEnergy(2).to(DEVICE)
    records = fit(
        energy,
        lambda energy, x: energy_discrepancy(energy, x, Bernoulli(epsilon=0.3), m=8, generator=g),
        shuffled_batches(aligned_spins(4000), 500, generator=g),
        config,
        **arguments,
    )
    return energy, records


@pytest.mark.many_steps
def test_energy_discrepancy_learns_the_law_of_the_data():
    energy, _ = train(FitConfig(steps=400, learning_rate=0.05))
    seen = number_of(aligned_spins(4000)).bincount(minlength=4) / 4000
    assert (log_law(energy).exp() - seen).abs().max() < 0.02


@pytest.mark.many_steps
def test_the_same_seed_gives_the_same_bits():
    energies = [train(FitConfig(steps=30), seed)[0].couplings for seed in (1, 1, 2)]
    assert torch.equal(energies[0], energies[1])
    assert not torch.equal(energies[0], energies[2])


def test_records_hold_every_step_and_are_watched():
    seen = []
    _, records = train(FitConfig(steps=5), callback=seen.append)
    assert [record["step"] for record in records] == [1, 2, 3, 4, 5]
    assert seen == records
    assert set(records[0]) == {"step", "loss", "grad_norm", "learning_rate"}


def test_the_learning_rate_warms_up_and_falls_to_zero():
    config = FitConfig(steps=100, warmup=0.1)
    rates = [config.schedule(step) for step in range(101)]
    assert rates[:10] == pytest.approx([k / 10 for k in range(1, 11)])
    assert rates[10] == 1
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[10:]))
    assert rates[100] == pytest.approx(0)


def test_the_weights_afterwards_are_the_moving_average():
    weights = []

    def loss(energy: IsingEnergy, x: Tensor) -> Tensor:
        weights.append(energy.fields.detach().clone())
        return energy(x).mean()

    energy = IsingEnergy(2).to(DEVICE)
    fit(energy, loss, itertools.repeat(torch.ones(1, 2)), FitConfig(steps=4, ema=0.5, learning_rate=0.1))
    energy_without = IsingEnergy(2).to(DEVICE)
    fit(energy_without, loss, itertools.repeat(torch.ones(1, 2)), FitConfig(steps=4, ema=0.0, learning_rate=0.1))
    after = [*weights[5:8], energy_without.fields.detach()]  # the weights after each of the four steps
    average = after[0]
    for n, current in enumerate(after[1:], 1):
        decay = min(0.5, (1 + n) / (10 + n))
        average = decay * average + (1 - decay) * current
    assert torch.allclose(energy.fields, average, atol=rounding(1e-8))
    assert not torch.allclose(energy.fields, energy_without.fields)


def test_gradients_are_clipped():
    energy = IsingEnergy(2).to(DEVICE)
    records = fit(
        energy,
        lambda energy, x: 1e6 * energy(x).mean(),
        itertools.repeat(torch.ones(1, 2)),
        FitConfig(steps=1, clip=0.1, learning_rate=1.0, ema=0),
    )
    assert records[0]["grad_norm"] > 1e6
    assert energy.fields.abs().max() <= 1.01  # Adam's first step is the learning rate, whatever the gradient


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_weights():
    energy = IsingEnergy(2).to(DEVICE)

    def loss(energy: IsingEnergy, x: Tensor) -> Tensor:
        return energy(x).mean() * (torch.nan if energy.fields.abs().max() > 0.25 else 1.0)

    with pytest.raises(NumericalError, match="not finite at step 4"):
        fit(energy, loss, itertools.repeat(torch.ones(1, 2)), FitConfig(steps=9, learning_rate=0.1, warmup=0))
    assert energy.fields.isfinite().all()
    assert energy.fields.abs().max() > 0


def test_a_bad_loss_tells_the_step_and_how_many_energies_are_bad_and_spares_the_checkpoint(tmp_path):
    class Linear(Energy):
        def __init__(self) -> None:
            super().__init__()
            self.fields = torch.nn.Parameter(torch.ones(2))

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.fields

    batches = [*[torch.ones(3, 2)] * 2, torch.tensor([[torch.nan, 1], [torch.inf, 1], [1, 1]])]
    checkpoints = Checkpoints(tmp_path, every=0)
    with pytest.raises(NumericalError, match=r"step 3 .*of 3 data points.*NaN at 1 and infinite at 1\); try a smaller"):
        fit(Linear(), lambda energy, x: energy(x).mean(), batches, FitConfig(steps=9), checkpoints=checkpoints)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000001", "step-000002"]


def test_an_interrupt_leaves_the_averaged_weights():
    def interrupt(record: dict[str, float]) -> None:
        if record["step"] == 3:
            raise KeyboardInterrupt

    whole, _ = train(FitConfig(steps=3, ema=0.5, warmup=0))
    energy = IsingEnergy(2).to(DEVICE)
    g = seeded(0)
    with pytest.raises(KeyboardInterrupt):
        fit(
            energy,
            lambda energy, x: energy_discrepancy(energy, x, Bernoulli(epsilon=0.3), m=8, generator=g),
            shuffled_batches(aligned_spins(4000), 500, generator=g),
            FitConfig(steps=3, ema=0.5, warmup=0),
            callback=interrupt,
        )
    assert torch.equal(energy.couplings, whole.couplings)


def test_steps_are_made_when_they_are_asked_for():
    batches = iter([torch.ones(1, 2)] * 5)
    energy = IsingEnergy(2).to(DEVICE)
    steps = fit_steps(energy, lambda energy, x: energy(x).mean(), batches, FitConfig(steps=5))
    assert next(steps)["step"] == 1
    assert energy.training
    assert len(list(batches)) == 4  # nothing was read ahead


def test_leaving_a_loop_over_steps_leaves_the_averaged_weights_in_evaluation_mode():
    def loss(energy: IsingEnergy, x: Tensor) -> Tensor:
        return energy(x).mean()

    whole, left = IsingEnergy(2).to(DEVICE), IsingEnergy(2).to(DEVICE)
    config = FitConfig(steps=4, ema=0.5, learning_rate=0.1, warmup=0)
    records = fit(whole, loss, [torch.ones(1, 2)] * 4, config)
    assert list(fit_steps(left, loss, [torch.ones(1, 2)] * 4, config)) == records
    assert torch.equal(left.fields, whole.fields)
    left = IsingEnergy(2).to(DEVICE)
    for record in fit_steps(left, loss, [torch.ones(1, 2)] * 4, config):
        if record["step"] == 2:
            current = left.fields.detach().clone()
            break
    assert not left.training
    assert not torch.equal(left.fields, current)  # the average of two steps, not the second
    assert left.fields.abs().max() > 0


def test_the_default_optimizer_given_by_hand_gives_the_same_bits():
    config = FitConfig(steps=20, learning_rate=0.05, weight_decay=0.1)
    by_default, by_hand = IsingEnergy(2).to(DEVICE), IsingEnergy(2).to(DEVICE)
    data = aligned_spins(400).split(20)
    optimizer = torch.optim.AdamW(by_hand.parameters(), lr=0.05, weight_decay=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, config.schedule)
    records = fit(by_default, pseudo_likelihood, data, config)
    assert fit(by_hand, pseudo_likelihood, data, config, optimizer=optimizer, scheduler=scheduler) == records
    assert torch.equal(by_default.couplings, by_hand.couplings)
    assert records[5]["learning_rate"] == 0.05 * config.schedule(5)


def test_an_optimizer_and_a_scheduler_of_the_users_make_the_steps():
    energy, seen = IsingEnergy(2).to(DEVICE), []
    optimizer = torch.optim.SGD(energy.parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.1)

    def loss(energy: IsingEnergy, x: Tensor) -> Tensor:
        seen.append(energy.fields.detach().clone())
        return (energy.fields * x.mean(0)).sum()  # its gradient is the mean of the batch

    config = FitConfig(steps=4, ema=0, clip=100, learning_rate=9.0)
    records = fit(energy, loss, [torch.ones(1, 2)] * 4, config, optimizer=optimizer, scheduler=scheduler)
    assert [record["learning_rate"] for record in records] == pytest.approx([0.5, 0.5, 0.05, 0.05])
    weights = [float(weight[0]) for weight in [*seen[-3:], energy.fields.detach()]]
    assert weights == pytest.approx([-0.5, -1.0, -1.05, -1.1])


def test_a_scheduler_that_waits_for_a_plateau_is_given_the_loss():
    energy = IsingEnergy(2).to(DEVICE)
    optimizer = torch.optim.SGD(energy.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    records = fit(
        energy,
        lambda energy, x: 0 * energy(x).sum() + 1,
        [torch.ones(1, 2)] * 4,
        FitConfig(steps=4),
        optimizer=optimizer,
        scheduler=scheduler,
    )
    assert [record["learning_rate"] for record in records] == [1.0, 1.0, 0.5, 0.25]


def test_an_optimizer_of_other_parameters_is_refused():
    energy, other = IsingEnergy(2).to(DEVICE), IsingEnergy(2).to(DEVICE)
    arguments = (energy, pseudo_likelihood, [torch.ones(5, 2)], FitConfig(steps=1))
    sgd = torch.optim.SGD(energy.parameters(), lr=0.1)
    for optimizer, found in (
        (torch.optim.SGD(other.parameters(), lr=0.1), "optimizer: .* got 2 parameters that aren't the energy's, and 2"),
        (torch.optim.SGD([energy.fields], lr=0.1), "optimizer: .* got 0 parameters that aren't the energy's, and 1"),
        (torch.optim.LBFGS(energy.parameters()), "optimizer: expected one whose step needs no closure"),
    ):
        for door in (fit, fit_steps):  # before the first step is asked for
            with pytest.raises(InputError, match=found):
                door(*arguments, optimizer=optimizer)
    scheduler = torch.optim.lr_scheduler.StepLR(torch.optim.SGD(energy.parameters(), lr=0.1), 1)
    with pytest.raises(InputError, match="scheduler: expected a scheduler of the optimizer"):
        fit(*arguments, optimizer=sgd, scheduler=scheduler)
    with pytest.raises(InputError, match="scheduler: expected its optimizer to be given"):
        fit(*arguments, scheduler=scheduler)


def test_too_few_batches_are_an_error():
    with pytest.raises(InputError, match="expected at least 5 batches, got 2"):
        fit(IsingEnergy(2).to(DEVICE), lambda energy, x: energy(x).mean(), [torch.ones(1, 2)] * 2, FitConfig(steps=5))


def test_an_epoch_shows_every_row_once_in_a_fresh_order(generator):
    data = torch.arange(10).unsqueeze(1)
    batches = list(itertools.islice(shuffled_batches(data, 5, generator=generator), 4))
    epochs = [torch.cat(batches[:2]).flatten(), torch.cat(batches[2:]).flatten()]
    assert all(torch.equal(epoch.sort().values, torch.arange(10.0)) for epoch in epochs)
    assert not torch.equal(*epochs)
    assert [len(batch) for batch in itertools.islice(shuffled_batches(data, 4, generator=generator), 3)] == [4, 4, 4]
    assert len(next(shuffled_batches(data, 99, generator=generator))) == 10
    with pytest.raises(InputError, match="data"):
        next(shuffled_batches(data[:0], 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batches_of_any_kind_come_to_the_energy(dtype):
    data = torch.eye(6, dtype=torch.uint8, device="cpu")
    sources = {
        "an array": shuffled_batches(data.numpy(), 6, generator=torch.Generator().manual_seed(0)),
        "tensors": [data] * 3,
        "a data loader": DataLoader(TensorDataset(data.repeat(3, 1)), batch_size=6),
    }
    learned = []
    for source in sources.values():
        energy = IsingEnergy(6).to(DEVICE, dtype)
        fit(energy, pseudo_likelihood, source, FitConfig(steps=3))
        learned.append(energy.fields)
    assert learned[0].abs().min() > 0
    assert torch.allclose(learned[0], learned[1], atol=rounding(1e-8))  # its rows come in another order
    assert torch.equal(learned[1], learned[2])


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(InputError, match=r"got shape \(2,\); shuffled_batches\(data, size\) makes them"):
        fit(IsingEnergy(2).to(DEVICE), pseudo_likelihood, torch.ones(5, 2), FitConfig(steps=1))
    with pytest.raises(InputError, match="energy: expected IsingEnergy to have trainable parameters, got none"):
        fit(IsingEnergy(2).to(DEVICE).requires_grad_(False), pseudo_likelihood, [torch.ones(5, 2)], FitConfig(steps=1))
    with pytest.raises(InputError, match=r"loss: expected .* to a scalar, got shape \(5,\)"):
        fit(IsingEnergy(2).to(DEVICE), lambda e, x: e(x), [torch.ones(5, 2)], FitConfig(steps=1))
    fit(IsingEnergy(2).to(DEVICE), lambda e, x: e(x)[:1], [torch.ones(5, 2)], FitConfig(steps=1))  # one number is one
    with pytest.raises(InputError, match="energy: expected IsingEnergy to give single or double precision, got torch"):
        fit(IsingEnergy(2).to(DEVICE, torch.bfloat16), pseudo_likelihood, [torch.ones(5, 2)], FitConfig(steps=1))
    with pytest.raises(InputError, match=r"x: expected states that MLPEnergy takes, got shape \(2, 3\)"):
        fit(MLPEnergy(2).to(DEVICE), pseudo_likelihood, [torch.ones(5, 3)], FitConfig(steps=1))


@pytest.mark.parametrize(
    ("batch", "got"),
    [((torch.ones(2, 2), torch.ones(2)), "tuple of 2"), ([torch.ones(2, 2)] * 3, "list of 3"), ({"x": 1}, "dict")],
)
def test_batches_of_more_than_states_are_refused(batch, got):
    with pytest.raises(InputError, match=rf"batches: expected tensors of states \(B, D\), got {got}"):
        fit(IsingEnergy(2).to(DEVICE), pseudo_likelihood, [batch], FitConfig(steps=1))


@pytest.mark.parametrize(
    "arguments",
    [{"steps": 0}, {"learning_rate": 0.0}, {"warmup": 1.0}, {"clip": 0.0}, {"ema": 1.0}, {"weight_decay": -1.0}],
)
def test_impossible_settings_are_refused(arguments):
    with pytest.raises(InputError, match=next(iter(arguments))):
        FitConfig(**arguments)


def test_parameters_that_need_no_gradient_stay():
    energy = MLPEnergy(2, hidden=(4,)).to(DEVICE)
    energy.net[0].requires_grad_(False)
    before = energy.net[0].weight.clone()
    fit(energy, lambda energy, x: energy(x).square().mean(), itertools.repeat(torch.ones(1, 2)), FitConfig(steps=3))
    assert torch.equal(energy.net[0].weight, before)


def test_snapshots_are_the_averaged_weights_and_the_last_is_the_result():
    kept = {}
    energy, records = train(
        FitConfig(steps=4, learning_rate=0.05),
        snapshot=lambda step, averaged: kept.update({step: averaged.couplings.detach().clone()}),
    )
    assert list(kept) == [1, 2, 3, 4]
    assert torch.equal(kept[4], energy.couplings)
    assert not any(torch.equal(kept[step], kept[step + 1]) for step in (1, 2, 3))
    assert len(records) == 4


def test_a_snapshot_is_what_a_training_that_stops_there_ends_with():
    kept = []

    def loss(energy, x):
        return pseudo_likelihood(energy, x)

    data = aligned_spins(400)
    energy, stopped = IsingEnergy(2).to(DEVICE), IsingEnergy(2).to(DEVICE)
    fit(energy, loss, [data] * 4, FitConfig(steps=4), snapshot=lambda _, averaged: kept.append(averaged.couplings + 0))
    for record in fit_steps(stopped, loss, [data] * 4, FitConfig(steps=4)):
        if record["step"] == 2:
            break
    assert torch.equal(kept[1], stopped.couplings)
