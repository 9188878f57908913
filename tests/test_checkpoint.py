import json
import os

import pytest
import torch

from discrete_ed import GraphEnergy, InputError, MLPEnergy, load_energy, save_energy
from discrete_ed.checkpoint import write_atomically
from discrete_ed.checkpoint.energy import WEIGHTS
from discrete_ed.checkpoint.files import MANIFEST

ARGUMENTS = {"bits": 5, "hidden": [4, 3]}


@pytest.fixture
def saved(tmp_path):
    energy = MLPEnergy(**ARGUMENTS)
    save_energy(tmp_path / "checkpoint", energy, ARGUMENTS)
    return energy, tmp_path / "checkpoint"


def test_what_is_saved_comes_back_to_the_bit(saved):
    energy, folder = saved
    loaded = load_energy(folder, MLPEnergy)
    assert all(torch.equal(a, b) for a, b in zip(energy.parameters(), loaded.parameters(), strict=True))
    assert sorted(os.listdir(folder)) == [MANIFEST, WEIGHTS]


def test_saving_again_replaces_the_old_one(saved):
    _, folder = saved
    other = MLPEnergy(**ARGUMENTS)
    save_energy(folder, other, ARGUMENTS)
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
        ({"arguments": {"bits": 5, "hidden": [4000, 4000]}}, "but 16032001 numbers are asked for, and 43 are there"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(saved, change, message):
    _, folder = saved
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **change}))
    with pytest.raises(InputError, match=message):
        load_energy(folder, MLPEnergy)


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
        save_energy(tmp_path / "file", MLPEnergy(**ARGUMENTS), ARGUMENTS)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.json", b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "a.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"old"
