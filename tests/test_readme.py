"""The README's program runs as it stands there, and learns what it says."""

import re
from pathlib import Path

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


def test_the_two_commands_install_what_they_need():
    commands = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[:2]
    for command in commands:
        assert "python3 -m venv" in command
        assert "pip install" in command
        assert "torch==" in command
