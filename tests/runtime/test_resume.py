"""Nothing is lost: a run that was stopped anywhere goes on to the same bits, and damage is noticed."""

from __future__ import annotations

import os
import random
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from discrete_ed import (
    Bernoulli,
    Checkpoints,
    Energy,
    FitConfig,
    InputError,
    IsingEnergy,
    MLPEnergy,
    contrastive_divergence,
    energy_discrepancy,
    fit,
    fit_selected,
    fit_steps,
    pseudo_likelihood,
    shuffled_batches,
)
from discrete_ed.runtime.interrupts import Interrupted, deferred

CONFIG = FitConfig(steps=12, learning_rate=0.02)


class Replay:
    """A loss with a state of its own: persistent chains that move a little at each step."""

    def __init__(self) -> None:
        self.chains = torch.zeros(8, 6)
        self.rng = np.random.default_rng(0)

    def __call__(self, energy: MLPEnergy, x: Tensor) -> Tensor:
        noise = torch.from_numpy(self.rng.random((8, 6)) < 0.2).float()
        self.chains = (self.chains - noise).abs()
        return contrastive_divergence(energy, x, self.chains) + 0.1 * energy(x).square().mean()

    def state_dict(self):
        return {"chains": self.chains, "rng": self.rng.bit_generator.state}

    def load_state_dict(self, state):
        self.chains, self.rng.bit_generator.state = state["chains"], state["rng"]


class Training:
    """One process: everything that it would build anew when it starts."""

    def __init__(self, kind: str, folder: Path | None = None, stop: int | None = None, how: int | None = None) -> None:
        torch.manual_seed(3)
        g = torch.Generator().manual_seed(0)
        self.energy = MLPEnergy(6, hidden=(5,))
        data = (torch.rand(40, 6, generator=g) < 0.3).float()
        sources = {"one generator": g, "torch's own generator": torch.Generator().manual_seed(1), "replay": None}
        sources["two generators"] = sources["another optimizer"] = torch.Generator().manual_seed(1)
        batches = shuffled_batches(data, 16, generator=sources[kind])
        noise = Bernoulli(epsilon=0.2)
        losses = {
            "one generator": lambda e, x: energy_discrepancy(e, x, noise, m=4, generator=g),
            "torch's own generator": lambda e, x: energy_discrepancy(e, x, noise, m=4),
            "replay": Replay(),
            "two generators": lambda e, x: energy_discrepancy(e, x, noise, m=4, generator=g),
            "another optimizer": lambda e, x: energy_discrepancy(e, x, noise, m=4, generator=g),
        }
        chosen: dict[str, Any] = {}
        if kind == "another optimizer":
            optimizer = torch.optim.SGD(self.energy.parameters(), lr=0.1, momentum=0.9)
            chosen = {"optimizer": optimizer, "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.7)}

        def callback(record: dict[str, float]) -> None:
            if record["step"] == stop:
                if how is None:
                    raise Killed
                os.kill(os.getpid(), how)

        every = 0 if how is None else 60  # a signal saves by itself
        things = {} if kind == "one generator" else {"noise": g}  # the batches' state holds that one
        checkpoints = None if folder is None else Checkpoints(folder, things, every=every)
        self.records = fit(
            self.energy, losses[kind], batches, CONFIG, callback=callback, checkpoints=checkpoints, **chosen
        )


class Killed(Exception):
    """Stands for kill -9: nothing after it is saved."""


KINDS = ["one generator", "two generators", "torch's own generator", "replay", "another optimizer"]


def same(a: Training, b: Training) -> bool:
    pairs = zip(a.energy.state_dict().values(), b.energy.state_dict().values(), strict=True)
    return a.records == b.records and all(torch.equal(p, q) for p, q in pairs)


@pytest.fixture(scope="module")
def whole() -> dict[str, Training]:
    return {kind: Training(kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [None, signal.SIGINT, signal.SIGTERM])
def test_stopped_and_resumed_is_uninterrupted_to_the_bit(whole, kind, how, tmp_path):
    for stop in (1, 6, 12):
        folder = tmp_path / str(stop)
        with pytest.raises(Killed if how is None else Interrupted) as caught:
            Training(kind, folder, stop, how)
        assert how is None or caught.value.signal == how
        reached = 0 if how is None and stop == 1 else stop - (how is None)
        assert not reached or (folder / f"step-{reached:06d}").is_dir()
        assert same(Training(kind, folder), whole[kind])


def test_a_selection_that_was_stopped_goes_on(tmp_path):
    def select(folder: Path, stop: int = 0):
        g = torch.Generator().manual_seed(0)
        energy = IsingEnergy(3)
        batches = shuffled_batches((torch.rand(60, 3, generator=g) < 0.8).float(), 20, generator=g)

        def callback(record: dict[str, float]) -> None:
            if record["step"] == stop:
                os.kill(os.getpid(), signal.SIGTERM)

        selected = fit_selected(
            energy,
            pseudo_likelihood,
            batches,
            FitConfig(steps=50, learning_rate=0.1),
            score=lambda energy: -abs(float(energy.fields.detach().sum()) - 1.5),  # is best somewhere on the way
            every=3,
            patience=2,
            callback=callback,
            checkpoints=Checkpoints(folder),
        )
        return selected, energy.fields

    with pytest.raises(Interrupted):
        select(tmp_path / "a", stop=7)
    (resumed, weights), (whole, others) = select(tmp_path / "a"), select(tmp_path / "b")
    assert resumed == whole
    assert torch.equal(weights, others)


def test_stopped_again_and_again_is_still_the_same(whole, tmp_path):
    for stop in (2, 3, 11):
        with pytest.raises(Interrupted):
            Training("replay", tmp_path, stop, signal.SIGTERM)
    assert same(Training("replay", tmp_path), whole["replay"])


@pytest.mark.parametrize(
    ("forgotten", "kind"),
    [
        ("energy", "one generator"),
        ("averaged", "one generator"),
        ("optimizer", "one generator"),
        ("batches", "one generator"),
        ("torch", "torch's own generator"),
        ("noise", "two generators"),
        ("loss", "replay"),
        ("optimizer", "another optimizer"),
        ("scheduler", "another optimizer"),
    ],
)
def test_whatever_is_forgotten_shows(whole, monkeypatch, tmp_path, forgotten, kind):
    with pytest.raises(Interrupted):
        Training(kind, tmp_path, 5, signal.SIGINT)
    real = Checkpoints._with
    monkeypatch.setattr(Checkpoints, "_with", lambda *a: {k: v for k, v in real(*a).items() if k != forgotten})
    assert not same(Training(kind, tmp_path), whole[kind])


def test_a_list_of_batches_is_drawn_again(tmp_path):
    def train(folder: Path, config: FitConfig = CONFIG, stop: int = 0) -> Tensor:
        torch.manual_seed(0)
        energy = MLPEnergy(3, hidden=(4,))
        batches = list((torch.rand(12, 4, 3) < 0.5).float())

        def callback(record: dict[str, float]) -> None:
            if record["step"] == stop:
                os.kill(os.getpid(), signal.SIGINT)

        fit(
            energy,
            lambda e, x: e(x).square().mean(),
            batches,
            config,
            callback=callback,
            checkpoints=Checkpoints(folder),
        )
        return energy.net[0].weight

    with pytest.raises(Interrupted):
        train(tmp_path / "a", stop=7)
    assert torch.equal(train(tmp_path / "a"), train(tmp_path / "b"))
    with pytest.raises(InputError, match="config: expected that of the checkpoint"):
        train(tmp_path / "a", FitConfig(steps=13))


def test_a_training_that_is_refused_leaves_the_energy_alone(tmp_path):
    def select(every: int, ema: float = 0.9) -> IsingEnergy:
        energy = IsingEnergy(2)
        before = {name: value.clone() for name, value in energy.state_dict().items()}
        try:
            fit_selected(
                energy,
                pseudo_likelihood,
                [torch.ones(4, 2)] * 6,
                FitConfig(steps=6, ema=ema),
                score=lambda e: -pseudo_likelihood(e, torch.ones(4, 2)).item(),
                every=every,
                checkpoints=Checkpoints(tmp_path),
            )
        except InputError:
            assert all(torch.equal(value, before[name]) for name, value in energy.state_dict().items())
            raise
        return energy

    first = select(2)
    assert torch.equal(select(2).fields, first.fields)
    refused = [({"every": 3}, "every, patience: expected those"), ({"every": 2, "ema": 0.5}, "config: expected that")]
    for other, named in refused:
        with pytest.raises(InputError, match=f"{named} of the checkpoint"):
            select(**other)
    energy = IsingEnergy(2)
    with pytest.raises(InputError, match="config"):
        fit(energy, pseudo_likelihood, [torch.ones(4, 2)] * 9, FitConfig(steps=9), checkpoints=Checkpoints(tmp_path))
    assert energy.fields.tolist() == [0, 0]


def test_another_optimizer_or_scheduler_than_that_of_the_checkpoint_is_refused(tmp_path):
    def train(kind: type[torch.optim.Optimizer], *, scheduled: bool) -> None:
        energy = IsingEnergy(2)
        optimizer = kind(energy.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2) if scheduled else None
        batches, checkpoints = [torch.ones(4, 2)] * 3, Checkpoints(tmp_path)
        fit(
            energy,
            pseudo_likelihood,
            batches,
            FitConfig(steps=3),
            optimizer=optimizer,
            scheduler=scheduler,
            checkpoints=checkpoints,
        )

    train(torch.optim.SGD, scheduled=True)
    train(torch.optim.SGD, scheduled=True)
    for kind, scheduled in ((torch.optim.Adagrad, True), (torch.optim.SGD, False)):
        with pytest.raises(InputError, match=r"config: expected that of the checkpoint, .*'(SGD|StepLR)'.*, got {'"):
            train(kind, scheduled=scheduled)


def test_another_setting_of_the_optimizer_than_that_of_the_checkpoint_is_refused(tmp_path):
    def train(kind: type[torch.optim.Optimizer], **settings: Any) -> None:
        energy = IsingEnergy(2)
        checkpoints = Checkpoints(tmp_path / kind.__name__)
        optimizer = kind(energy.parameters(), **settings)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        arguments = (energy, pseudo_likelihood, [torch.ones(4, 2)] * 3, FitConfig(steps=3))
        fit(*arguments, optimizer=optimizer, scheduler=scheduler, checkpoints=checkpoints)

    train(torch.optim.SGD, lr=0.1)
    train(torch.optim.SGD, lr=0.1)
    found = r"config: expected that of the checkpoint, {'optimizer.lr': 0.1}, got {'optimizer.lr': 0.5}$"
    with pytest.raises(InputError, match=found):
        train(torch.optim.SGD, lr=0.5)
    for _ in range(2):  # the scheduler changes this rate in place
        train(torch.optim.Adam, lr=torch.tensor(0.1), betas=(0.9, 0.99))
    with pytest.raises(InputError, match=r"{'optimizer.betas': \[0.9, 0.99\]}, got {'optimizer.betas': \[0.9, 0.5\]}$"):
        train(torch.optim.Adam, lr=torch.tensor(0.1), betas=(0.9, 0.5))


def test_a_loop_over_steps_that_was_left_goes_on_from_its_last_checkpoint(tmp_path):
    def steps(folder: Path | None) -> tuple[MLPEnergy, Iterator[dict[str, float]]]:
        torch.manual_seed(0)
        energy, g = MLPEnergy(6, hidden=(5,)), torch.Generator().manual_seed(0)
        batches = shuffled_batches((torch.rand(40, 6, generator=g) < 0.3).float(), 16, generator=g)
        checkpoints = None if folder is None else Checkpoints(folder, every=0)
        return energy, fit_steps(energy, pseudo_likelihood, batches, CONFIG, checkpoints=checkpoints)

    energy, whole = steps(None)
    expected = list(whole)
    _, first = steps(tmp_path)
    for record in first:
        if record["step"] == 5:
            break
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000003", "step-000004"]
    resumed, rest = steps(tmp_path)
    assert list(rest) == expected[4:]
    assert all(torch.equal(p, q) for p, q in zip(energy.parameters(), resumed.parameters(), strict=True))


def signalling_loss(calls: Iterator[int], number: int) -> Callable[[Energy, Tensor], Tensor]:
    """Pseudo-likelihood that sends this process a signal in its third call."""

    def loss(energy: Energy, x: Tensor) -> Tensor:
        if next(calls) == 3:
            os.kill(os.getpid(), number)
        return pseudo_likelihood(energy, x)

    return loss


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_step_of_a_loop_over_steps_is_raised_there_and_the_record_comes_after_resuming(tmp_path, number):
    def steps(loss: Callable[[Energy, Tensor], Tensor]) -> Iterator[dict[str, float]]:
        batches = [torch.ones(4, 2)] * 3
        return fit_steps(IsingEnergy(2), loss, batches, FitConfig(steps=3), checkpoints=Checkpoints(tmp_path))

    seen: list[float] = []

    def loop() -> None:
        for record in steps(signalling_loss(count(1), number)):
            seen.append(record["step"])
            if len(seen) == 3:
                break  # in the finaliser of the iterator an error would be ignored

    with pytest.raises(Interrupted) as raised:
        loop()
    assert raised.value.signal == number
    assert seen == [1, 2]
    assert [record["step"] for record in steps(pseudo_likelihood)] == [3]  # finished, but not given to the loop
    assert list(steps(pseudo_likelihood)) == []


def test_no_handler_is_left_while_a_loop_over_steps_waits():
    def steps() -> Iterator[dict[str, float]]:
        return fit_steps(IsingEnergy(2), pseudo_likelihood, [torch.ones(4, 2)] * 2, FitConfig(steps=2))

    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    left, right = steps(), steps()
    for _ in zip(left, right, strict=False):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    left.close()
    right.close()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_signal_while_the_last_checkpoint_is_written_is_not_lost(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)

    def save(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(checkpoints, "save", save)
    batches, config = [torch.ones(4, 2)] * 2, FitConfig(steps=2)
    with pytest.raises(Interrupted):
        fit(IsingEnergy(2), pseudo_likelihood, batches, config, checkpoints=checkpoints)
    with pytest.raises(Interrupted):
        fit_selected(
            IsingEnergy(2), pseudo_likelihood, batches, config, score=lambda _: 0.0, every=1, checkpoints=checkpoints
        )


def test_a_signal_in_a_fit_that_stops_early_is_not_lost():
    def callback(_: dict[str, float]) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        fit_selected(
            IsingEnergy(2),
            pseudo_likelihood,
            [torch.ones(4, 2)] * 9,
            FitConfig(steps=9),
            score=lambda _: 0.0,
            every=1,
            patience=1,
            callback=lambda record: callback(record) if record["step"] == 2 else None,
        )


def test_a_finished_training_is_not_done_again(whole, tmp_path):
    Training("replay", tmp_path)
    assert same(Training("replay", tmp_path, stop=12), whole["replay"])  # it would be killed if it did its last step


def test_a_second_signal_ends_the_program_at_once():
    child = os.fork()
    if child == 0:
        with deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_handlers_come_back_and_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with deferred() as pending:
            os.kill(os.getpid(), signal.SIGTERM)
            assert pending.signal is None
            os.kill(os.getpid(), signal.SIGINT)
            assert pending.signal == signal.SIGINT
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


STATE = {"a": torch.arange(6.0).view(2, 3), "deep": {1: [True, None, 0.1, "x"], "b": {"c": torch.zeros(0)}}}


@pytest.fixture
def two(tmp_path) -> Checkpoints:
    checkpoints = Checkpoints(tmp_path / "run")
    for step in (1, 2, 3):
        checkpoints.save(step, {**STATE, "step": step})
    return checkpoints


def test_values_of_every_kind_come_back(tmp_path):
    rng = np.random.default_rng(5)
    state = {**STATE, "deep.b": {"c": torch.ones(2, dtype=torch.uint8)}, "rng": rng, "scalar": torch.tensor(3)}
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(4, state)
    drawn = rng.random(3)
    step, back = checkpoints.restore({"rng": rng})
    assert step == 4
    assert np.array_equal(rng.random(3), drawn)
    assert torch.equal(back["a"], STATE["a"])
    assert back["deep"][1] == [True, None, 0.1, "x"]
    assert back["deep"]["b"]["c"].shape == (0,)
    assert torch.equal(back["deep.b"]["c"], torch.ones(2, dtype=torch.uint8))
    assert back["scalar"].shape == ()
    with pytest.raises(InputError, match=r"x\.0: expected a state of tensors"):
        checkpoints.save(5, {"x": [object()]})


def test_the_last_two_are_kept(two):
    assert sorted(os.listdir(two.folder)) == ["step-000002", "step-000003"]
    assert two.restore().state["step"] == 3
    two.save(3, {"step": "again"})
    assert two.restore().state["step"] == "again"
    assert sorted(os.listdir(two.folder)) == ["step-000002", "step-000003"]


def test_nothing_saved_is_nothing_restored(tmp_path):
    assert Checkpoints(tmp_path / "nowhere").restore() is None


def test_every_flipped_bit_and_every_truncation_is_noticed(two):
    rng = random.Random(0)
    for path in sorted((two.folder / "step-000003").iterdir()):
        content = path.read_bytes()
        bits = rng.sample(range(8 * len(content)), 50)
        flipped = [content[: b // 8] + bytes([content[b // 8] ^ 1 << b % 8]) + content[b // 8 + 1 :] for b in bits]
        for damaged in [*flipped, *(content[: rng.randrange(len(content))] for _ in range(20))]:
            path.write_bytes(damaged)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                assert two.restore().step == 2
            assert len(caught) == 1
        path.write_bytes(content)


def test_the_damaged_one_goes_with_the_next_save(two):
    (two.folder / "step-000003" / "tensors.safetensors").write_bytes(b"rotten")
    with pytest.warns(UserWarning, match="expected the SHA-256 of the manifest.*; resuming from step 2"):
        two.restore()
    two.save(4, STATE)
    assert sorted(os.listdir(two.folder)) == ["step-000002", "step-000004"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("manifest.json", None, "manifest.json: No such file"),
        ("state.json", None, "state.json: No such file"),
        ("manifest.json", b'{"schema": 2}', "expected schema 1, got 2"),
        ("manifest.json", b"[" * 9999, "expected the manifest of a checkpoint"),
    ],
)
def test_none_that_is_whole_is_a_clear_error(two, name, content, message):
    for folder in two.folder.iterdir():
        (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=f"expected an undamaged checkpoint, got none.*{message}"):
        two.restore()


def test_a_state_of_something_else_is_a_clear_error(two):
    with pytest.raises(InputError, match="expected a state that fits a, but"):
        two.restore({"a": MLPEnergy(3)})
    with pytest.raises(InputError, match="expected a checkpoint with the state of energy"):
        two.restore({"energy": MLPEnergy(3)})
    with pytest.raises(InputError, match="expected other names than those of fit, got a"):
        Checkpoints(two.folder, {"a": 1}).save(1, {"a": 2})
    with pytest.raises(InputError, match="keep"):
        Checkpoints(two.folder, keep=0)
    with pytest.raises(InputError, match="every"):
        Checkpoints(two.folder, every=-1)


def test_a_full_disk_leaves_the_old_checkpoints_and_nothing_else(two):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(InputError, match="expected a folder to save checkpoints in, but File too large"):
            two.save(4, {"a": torch.zeros(1000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(os.listdir(two.folder)) == ["step-000002", "step-000003"]
    assert two.restore().step == 3


def test_what_a_kill_while_saving_leaves_is_cleared(two):
    (two.folder / ".step-000004.tmp").mkdir()
    (two.folder / ".step-000004.tmp" / "tensors.safetensors").write_bytes(b"half")
    assert two.restore().step == 3
    two.save(5, STATE)
    assert sorted(os.listdir(two.folder)) == ["step-000003", "step-000005"]


def test_arrays_in_any_order_are_saved_as_they_are(tmp_path):
    backwards = np.arange(6).reshape(2, 3)[::-1, ::-1]
    Checkpoints(tmp_path).save(1, {"array": backwards})
    assert np.array_equal(Checkpoints(tmp_path).restore().state["array"], backwards)
    Checkpoints(tmp_path).save(2, {"array": np.array(3.0)})
    assert Checkpoints(tmp_path).restore().state["array"].shape == ()


def test_a_folder_in_the_way_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="expected a folder to save checkpoints in, but Not a directory"):
        Checkpoints(tmp_path / "file").save(1, STATE)
