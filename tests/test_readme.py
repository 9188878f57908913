"""The README's program runs as it stands there, and learns what it says."""

import re
from pathlib import Path

import torch

from discrete_ed import IsingEnergy, torus_sample

README = Path(__file__).parent.parent / "README.md"


def test_the_library_example_runs_and_learns():
    (program,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec("import torch; torch.manual_seed(0)\n" + program, names)
    x = names["x"]
    assert x.shape == (100, 16)
    assert abs(x.mean().item() - 0.2) < 0.05
    filled, data = names["filled"], names["data"]
    assert (filled[:, :8] == data[:100, :8]).all()
    assert abs(filled[:, 8:].mean().item() - 0.2) < 0.05


def test_the_line_on_couplings_gives_what_it_says():
    (line,) = re.findall(r"`(found = recover_couplings\(x\))`", README.read_text(encoding="utf-8"))
    ring = 0.8 * (torch.eye(6).roll(1, 0) + torch.eye(6).roll(-1, 0))
    names: dict[str, object] = {"x": torus_sample(IsingEnergy(ring), 500, (6, 1)).numpy()}
    exec(f"from discrete_ed import recover_couplings\n{line}", names)
    found = names["found"]
    assert found.couplings.shape == found.standard_errors.shape == (6, 6)
    assert found.fields.shape == (6,)
    assert set(map(tuple, found.edges[:6].tolist())) == {(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)}
    assert isinstance(found.energy, IsingEnergy)


def test_the_two_commands_install_what_they_need():
    commands = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[:2]
    for command in commands:
        assert "python3 -m venv" in command
        assert "pip install" in command
        assert "torch==" in command
