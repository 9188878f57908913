import itertools

import pytest
import torch
from place import DEVICE, number_of, seeded
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
    assert torch.allclose(energy.fields, average)
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
    assert torch.allclose(learned[0], learned[1])  # its rows come in another order
    assert torch.equal(learned[1], learned[2])


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(InputError, match=r"got shape \(2,\); shuffled_batches\(data, size\) makes them"):
        fit(IsingEnergy(2).to(DEVICE), pseudo_likelihood, torch.ones(5, 2), FitConfig(steps=1))
    with pytest.raises(InputError, match="energy: expected IsingEnergy to have parameters to be trained, got none"):
        fit(IsingEnergy(2).to(DEVICE).requires_grad_(False), pseudo_likelihood, [torch.ones(5, 2)], FitConfig(steps=1))
    with pytest.raises(InputError, match=r"loss: expected .* to a scalar, got shape \(5,\)"):
        fit(IsingEnergy(2).to(DEVICE), lambda e, x: e(x), [torch.ones(5, 2)], FitConfig(steps=1))
    fit(IsingEnergy(2).to(DEVICE), lambda e, x: e(x)[:1], [torch.ones(5, 2)], FitConfig(steps=1))  # one number is one
    with pytest.raises(InputError, match="x: expected single or double precision, got dtype torch"):
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
