import copy
import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from discrete_ed import (
    BernoulliEnergy,
    BernoulliMixtureEnergy,
    Clamped,
    ConvEnergy,
    Energy,
    GraphEnergy,
    InputError,
    IsingEnergy,
    MLPEnergy,
    NetworkEnergy,
    PairGraphEnergy,
    RBMEnergy,
    ResidualMLPEnergy,
    SumEnergy,
    load_energy,
    save_energy,
)
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.energies.saving import WEIGHTS, loadable
from discrete_ed.runtime.files import MANIFEST, write_atomically

ARGUMENTS = {"bits": 5, "hidden": [4, 3]}


@pytest.fixture
def saved(tmp_path):
    energy = MLPEnergy(**ARGUMENTS)
    save_energy(tmp_path / "checkpoint", energy)
    return energy, tmp_path / "checkpoint"


def test_what_is_saved_comes_back_to_the_bit(saved):
    energy, folder = saved
    loaded = load_energy(folder, MLPEnergy)
    assert all(torch.equal(a, b) for a, b in zip(energy.parameters(), loaded.parameters(), strict=True))
    assert sorted(os.listdir(folder)) == [MANIFEST, WEIGHTS]


BUILT = [
    (BernoulliEnergy, {"logits": 4}),
    (ConvEnergy, {"shape": [2, 2], "width": 2, "stages": 1}),
    (GraphEnergy, {"max_nodes": 3, "width": 4, "layers": 1}),
    (IsingEnergy, {"couplings": 4}),
    (BernoulliMixtureEnergy, {"log_weights": 3, "logits": 4}),
    (BernoulliMixtureEnergy, {"log_weights": 3, "logits": 4, "parents": [-1, 0, 0, 2]}),
    (MLPEnergy, {"bits": 4, "hidden": (3,)}),
    (NetworkEnergy, {"bits": 4, "width": 3}),
    (NetworkEnergy, {"bits": 4, "width": 3, "components": 2, "parents": [-1, 0, 0, 2]}),
    (PairGraphEnergy, {"max_nodes": 3, "width": 4, "layers": 1, "walks": 2}),
    (PairGraphEnergy, {"max_nodes": 3, "width": 4, "layers": 1, "resistances": True}),
    (PairGraphEnergy, {"max_nodes": 3, "width": 4, "layers": 1, "cliques": True}),
    (RBMEnergy, {"visible": 4, "hidden": 2}),
    (ResidualMLPEnergy, {"bits": 4, "width": 3, "blocks": 1}),
]


def test_every_energy_of_the_package_is_loaded_without_its_class(tmp_path):
    elsewhere = {"SumEnergy", "Clamped", "NoiseConditionalEnergy", "PottsEnergy"}  # built from more than numbers
    assert {kind.__name__ for kind, _ in BUILT} == set(loadable()) - elsewhere
    for kind, arguments in BUILT:
        energy = kind(**arguments)
        save_energy(tmp_path / kind.__name__, energy)
        loaded = load_energy(tmp_path / kind.__name__)
        assert type(loaded) is kind
        assert loaded.bits == energy.bits == (6 if issubclass(kind, DenseGraphEnergy) else 4)
        assert loaded.arguments().items() >= json.loads(json.dumps(arguments)).items()
        assert all(torch.equal(a, b) for a, b in zip(energy.parameters(), loaded.parameters(), strict=True))


class Mine(Energy):
    """An energy that is not of this package; its constructor looks at values."""

    def __init__(self, start: list[float]) -> None:
        super().__init__()
        values = torch.tensor(start)
        if not values.isfinite().all():
            raise ValueError("start is not finite")
        self.start = torch.nn.Parameter(values)

    def forward(self, x):
        return x @ self.start


def test_subclasses_with_other_constructors_know_their_bits():
    class Many(MLPEnergy):
        def __init__(self, *sizes: int) -> None:
            super().__init__(sizes[0], sizes[1:])

    class Renamed(ResidualMLPEnergy):
        def __init__(self, columns: int) -> None:
            super().__init__(columns, width=3)

    class Half(Clamped):
        def __init__(self, energy: Energy) -> None:
            super().__init__(energy, [True, False])

    assert (Many(5, 3).bits, Renamed(4).bits, Half(IsingEnergy(2)).bits) == (5, 4, 2)


def test_long_arguments_are_recorded_at_once_and_keys_that_are_not_text_refused(monkeypatch):
    class Table(Energy):
        def __init__(self, rows: object) -> None:
            super().__init__()
            self.rows = rows

    calls, dumps = [], json.dumps
    monkeypatch.setattr(json, "dumps", lambda value: calls.append(value) or dumps(value))
    energy = Table([(True, False)] * 5000)
    assert len(calls) == 1  # one by one they took seconds
    assert energy.arguments() == {"rows": [[True, False]] * 5000}
    assert Table([(1, np.int64(2)), 3]).arguments() == {"rows": [[1, 2], 3]}
    assert Table([{"a": {"b": [1]}}]).arguments() == {"rows": [{"a": {"b": [1]}}]}
    for odd in ({1: 2}, [{"a": ({None: 1},)}]):
        with pytest.raises(InputError, match="arguments: expected Table to be built from values that JSON can hold"):
            Table(odd).arguments()


def test_a_sum_is_saved_as_one(tmp_path):
    terms = [Mine([1.0, 2.0]), MLPEnergy(2, hidden=[3])]
    energy = SumEnergy(SumEnergy(*terms, scale=0.25), BernoulliEnergy(2), scale=-2.0)
    save_energy(tmp_path / "sum", energy)
    x = torch.rand(5, 2).round()
    assert torch.equal(load_energy(tmp_path / "sum", SumEnergy, Mine)(x), energy(x))
    with pytest.raises(InputError, match="the class Mine of a term is not given"):
        load_energy(tmp_path / "sum")
    with pytest.raises(InputError, match="expected a saved RBMEnergy, got SumEnergy"):
        load_energy(tmp_path / "sum", RBMEnergy)
    ours = SumEnergy(BernoulliEnergy(2), MLPEnergy(2, hidden=[3]))
    save_energy(tmp_path / "ours", ours)
    assert torch.equal(load_energy(tmp_path / "ours", SumEnergy)(x), ours(x))
    assert torch.equal(load_energy(tmp_path / "ours")(x), ours(x))


def test_a_sum_with_one_module_twice_is_saved(tmp_path):
    once = BernoulliEnergy(torch.tensor([1.0, -1.0]))
    save_energy(tmp_path, SumEnergy(once, once))
    assert load_energy(tmp_path)(torch.eye(2)).tolist() == [-2.0, 2.0]


def test_precision_is_kept(tmp_path):
    energy = MLPEnergy(**ARGUMENTS).double()
    save_energy(tmp_path, energy)
    x = torch.rand(3, 5, dtype=torch.float64).round()
    assert torch.equal(load_energy(tmp_path, MLPEnergy)(x), energy(x))
    mixed = SumEnergy(BernoulliEnergy(5).double(), BernoulliEnergy(5))
    save_energy(tmp_path, mixed)
    assert [part.dtype for part in load_energy(tmp_path).parameters()] == [torch.float64, torch.float32]


def test_saving_and_loading_draw_no_numbers(saved):
    energy, folder = saved
    before = torch.get_rng_state()
    save_energy(folder, energy)
    load_energy(folder, MLPEnergy)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_no_energy_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a discrete_ed.Energy, got Linear"):
        save_energy(tmp_path / "new", torch.nn.Linear(2, 1))
    assert not (tmp_path / "new").exists()


def test_a_clamped_energy_and_an_energy_around_another_one_are_saved(tmp_path):
    x = torch.rand(5, 2).round()
    inner = Clamped(IsingEnergy(torch.tensor([[0.0, 1.0], [1.0, 0.0]])), torch.tensor([True, False]))
    for name, energy in (("clamped", inner), ("wrapped", Wrapped(inner, factor=2.0))):
        save_energy(tmp_path / name, energy)
        loaded = load_energy(tmp_path / name, type(energy))
        assert torch.equal(loaded(x), energy(x))
        assert loaded.free(x).tolist() == energy.free(x).tolist()
    assert torch.equal(load_energy(tmp_path / "clamped").free(x), inner.free(x))


class Wrapped(Energy):
    """An energy of a user's own around another one."""

    def __init__(self, energy: Energy, *, factor: float) -> None:
        super().__init__()
        self.energy, self.factor = energy, factor

    def forward(self, x):
        return self.factor * self.energy(x)

    def free(self, x):
        return self.energy.free(x)


class Masked(Energy):
    """An energy that is built from a tensor and from a function."""

    def __init__(self, mask, activation=torch.relu) -> None:
        super().__init__()
        self.register_buffer("mask", mask)
        self.activation = activation

    def forward(self, x):
        return self.activation(x) @ self.mask


class Sized(Masked):
    """The same from a number; the function may be left at its default, or not be recorded."""

    def __init__(self, bits, activation=torch.relu, *, seed=0, **more) -> None:
        assert seed == more.get("seed_again", seed)
        super().__init__(torch.arange(bits) + 1.0, activation)


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        (Masked(torch.ones(2)), "got mask of type Tensor; define arguments"),
        (Sized(2, torch.sigmoid), "got activation of type builtin_function_or_method"),
        (SumEnergy(Sized(2), Masked(torch.ones(2))), "expected Masked to be built .* got mask of type Tensor"),
        (Sized(2, more=torch.ones(1)), "got more of type Tensor"),
    ],
)
def test_what_cannot_be_recorded_is_saved_with_a_warning_and_loaded_by_a_function(tmp_path, energy, message):
    with pytest.raises(InputError, match=message):
        energy.arguments()
    with pytest.warns(RuntimeWarning, match=message + ".*will need build="):
        save_energy(tmp_path, energy)
    before = {name: part.clone() for name, part in energy.state_dict().items()}
    for part in energy.state_dict().values():
        part.zero_()
    assert load_energy(tmp_path, lambda: energy) is energy
    assert all(torch.equal(part, before[name]) for name, part in energy.state_dict().items())


def test_a_users_energy_records_its_arguments_by_name_with_its_defaults(tmp_path):
    energy = Sized(np.int64(3), seed_again=0)
    assert energy.arguments() == {"bits": 3, "seed": 0, "seed_again": 0}
    assert (energy.bits, type(energy.arguments()["bits"])) == (3, int)
    save_energy(tmp_path, energy)
    assert torch.equal(load_energy(tmp_path, Sized)(torch.eye(3)), energy(torch.eye(3)))
    assert copy.deepcopy(energy).arguments() == energy.arguments()
    start = [1.0, 2.0]
    listed = Mine(start)
    start[0] = 9.0
    assert listed.arguments() == {"start": [1.0, 2.0]}


def test_a_subclass_with_another_constructor_does_not_inherit_arguments(tmp_path):
    class Ring(IsingEnergy):
        def __init__(self, spins: int) -> None:
            super().__init__(torch.eye(spins).roll(1, 0) + torch.eye(spins).roll(-1, 0))

    class Renamed(IsingEnergy):
        pass

    assert Ring(5).arguments() == {"spins": 5}
    assert Ring(5).bits == 5
    assert Renamed(torch.zeros(3, 3)).arguments() == {"couplings": 3}
    save_energy(tmp_path, Ring(5))
    assert torch.equal(load_energy(tmp_path, Ring).couplings, Ring(5).couplings)


def test_an_energy_that_does_not_know_its_bits_says_what_to_do():
    class Late(Masked):
        def __init__(self, mask) -> None:
            super().__init__(mask)
            self.bits = len(mask)

    assert Late(torch.ones(4)).bits == 4
    with pytest.raises(InputError, match=r"bits: expected Masked to know .* set self.bits in its constructor"):
        _ = Masked(torch.ones(4)).bits
    assert SumEnergy(Masked(torch.ones(4)), BernoulliEnergy(4)).bits == 4
    assert Clamped(Masked(torch.ones(4)), [True, False, True, False]).bits == 4
    with pytest.raises(InputError, match="bits: expected Masked to know"):
        _ = SumEnergy(Masked(torch.ones(4))).bits


class Whitened(Energy):
    """An energy that keeps what it measured on data in an attribute of a kind."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(bits))
        self.mean = torch.zeros(bits)
        self.factor = 1.0

    def forward(self, x):
        return self.factor * (x - self.mean) @ self.weight


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mean", torch.full((3,), 0.5), "the plain tensor mean would be lost; use register_buffer"),
        ("factor", 2.0, "would be lost"),
        ("unused", torch.ones(3), None),
    ],
)
def test_an_energy_that_would_come_back_as_another_one_is_refused(tmp_path, name, value, message):
    energy = Whitened(3)
    setattr(energy, name, value)
    if message is None:
        save_energy(tmp_path / "saved", energy)
        return
    with pytest.raises(InputError, match=message):
        save_energy(tmp_path / "saved", energy)
    assert not (tmp_path / "saved").exists()


def test_arguments_that_build_other_weights_are_saved_with_a_warning(tmp_path):
    """Hours of training are not lost for a wrong argument."""
    energy = MLPEnergy(5, hidden=(4,))
    energy.net.append(torch.nn.Linear(1, 1))
    with pytest.warns(
        RuntimeWarning,
        match=r"build MLPEnergy again, got \{'bits': 5, 'hidden': \[4\], 'noise_levels': False\}, but Error",
    ):
        save_energy(tmp_path, energy)

    def again(bits, hidden, noise_levels):
        assert (bits, hidden, noise_levels) == (5, [4], False)
        return energy

    assert load_energy(tmp_path, again) is energy


@pytest.mark.parametrize("arguments", [{"bits": 5, "hidden": [4, 3], "seed": 2**31}])
def test_seeds_are_not_sizes(tmp_path, arguments):
    class Seeded(MLPEnergy):
        def __init__(self, bits, hidden, seed):
            assert seed == 2**31
            super().__init__(bits, hidden)

    save_energy(tmp_path, Seeded(**arguments))
    assert load_energy(tmp_path, Seeded).net[0].in_features == 5


@pytest.mark.parametrize("begun", [False, True])
def test_a_save_that_is_cut_anywhere_leaves_the_old_energy_or_the_new_one(tmp_path, monkeypatch, begun):
    """Every replacement of a file by another is a place to be killed at, before it and after it."""
    old, new = (MLPEnergy(**ARGUMENTS) for _ in range(2))
    real, outcomes = Path.replace, []
    for cut in range(5):
        folder, calls = tmp_path / str(cut), []
        if begun:
            save_energy(folder, old)

        def killed(path, target, calls=calls, cut=cut):
            if len(calls) == cut // 2 and cut % 2 == 0:
                raise KeyboardInterrupt
            moved = real(path, target)
            calls.append(target)
            if len(calls) == cut // 2 + 1 and cut % 2:
                raise KeyboardInterrupt
            return moved

        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            patch.setattr(Path, "replace", killed)
            save_energy(folder, new)
        try:
            weight = load_energy(folder).net[0].weight
            outcomes.append("new" if torch.equal(weight, new.net[0].weight) else "old")
            assert torch.equal(weight, (new if outcomes[-1] == "new" else old).net[0].weight)
        except InputError:
            outcomes.append("none")
        save_energy(folder, new)
        assert sorted(os.listdir(folder)) == [MANIFEST, WEIGHTS]
    assert outcomes == ["old" if begun else "none", "new", "new", "new", "new"]


def test_saving_again_replaces_the_old_one(saved):
    _, folder = saved
    other = MLPEnergy(**ARGUMENTS)
    save_energy(folder, other)
    assert torch.equal(load_energy(folder, MLPEnergy).net[0].weight, other.net[0].weight)


def test_every_flipped_byte_of_the_weights_is_noticed(saved):
    _, folder = saved
    content = (folder / WEIGHTS).read_bytes()
    for place in range(0, len(content), 7):
        (folder / WEIGHTS).write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(InputError, match="SHA-256"):
            load_energy(folder, MLPEnergy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 99}, "schema 1, got 99"),
        ({"energy": "RBMEnergy"}, "a saved MLPEnergy, got RBMEnergy"),
        ({"sha256": {}}, "manifest of a saved energy"),
        ({"sha256": 3}, "manifest of a saved energy"),
        ({"arguments": {"bits": 6, "hidden": [4, 3]}}, "weights that fit"),
        ({"arguments": {"nonsense": 1}}, "weights that fit"),
        ({"arguments": [1]}, "weights that fit"),
        ({"arguments": {"bits": 5, "hidden": [10**12, 3]}}, "but hidden is 1000000000000"),
        ({"arguments": {"bits": 5, "hidden": [4000, 4000]}}, "but at least 16024000 numbers are asked for, and 43 are"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(saved, change, message):
    _, folder = saved
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **change}))
    with pytest.raises(InputError, match=message):
        load_energy(folder, MLPEnergy)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("IsingEnergy", {"couplings": 60_000}, "3600000000 numbers are asked for, and 43"),
        ("NetworkEnergy", {"bits": 2, "width": 1, "layers": 300_000}, "at least 1061 tensors are asked for, and 6"),
        (
            "SumEnergy",
            {"scale": 1, "terms": [{"energy": "BernoulliEnergy", "arguments": {"logits": 4_000_000}}] * 9},
            "8000000 numbers are asked for",
        ),
        ("SumEnergy", {"scale": 1, "terms": [{"energy": "os.system", "arguments": {}}]}, "os.system"),
        ("SumEnergy", {"scale": 1, "terms": 3}, "not iterable"),
        ("SumEnergy", {"scale": 1, "terms": []}, "at least one energy"),
        (["SumEnergy"], {}, "one of BernoulliEnergy"),
        (
            "SumEnergy",
            {"scale": "much", "terms": [{"energy": "RBMEnergy", "arguments": {"visible": 1, "hidden": 1}}]},
            "much",
        ),
        ("Clamped", {"known": [True], "energy": {"energy": "Energy", "arguments": {}}}, "the class Energy of a term"),
    ],
)
def test_a_manifest_that_asks_for_too_much_is_refused(saved, kind, arguments, message):
    _, folder = saved
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "energy": kind, "arguments": arguments}))
    with pytest.raises(InputError, match=message):
        load_energy(folder)


def test_a_manifest_of_many_nested_energies_is_refused(saved):
    _, folder = saved
    manifest = json.loads((folder / MANIFEST).read_text())
    plan = {"energy": "BernoulliEnergy", "arguments": {"logits": 1}}
    for _ in range(300):
        plan = {"energy": "Clamped", "arguments": {"energy": plan, "known": [True]}}
    (folder / MANIFEST).write_text(json.dumps({**manifest, **plan}))
    with pytest.raises(InputError, match="expected arguments and weights that fit Clamped, but"):
        load_energy(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"{}"])
def test_a_manifest_that_is_none_is_refused(saved, content):
    _, folder = saved
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(InputError, match="manifest of a saved energy"):
        load_energy(folder, MLPEnergy)


def test_a_missing_file_is_named(saved, tmp_path):
    _, folder = saved
    (folder / WEIGHTS).unlink()
    with pytest.raises(InputError, match=WEIGHTS):
        load_energy(folder, MLPEnergy)
    with pytest.raises(InputError, match=MANIFEST):
        load_energy(tmp_path / "nowhere", GraphEnergy)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="folder to save the energy in"):
        save_energy(tmp_path / "file", MLPEnergy(**ARGUMENTS))


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.json", b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "a.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"old"
