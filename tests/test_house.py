"""The house keeps its order: imports run one way, and `import discrete_ed` stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import discrete_ed

PACKAGE = Path(discrete_ed.__file__).parent
FLOORS = [
    ["errors", "names"],
    ["states"],
    ["runtime"],
    ["energies"],
    ["perturbations"],
    ["losses"],
    ["samplers"],
    ["training"],
    ["likelihood"],
    ["metrics"],
    ["data"],
    ["ising"],
    ["lattices"],
    ["graphs"],
    ["density"],
    ["theory"],
    ["jobs"],
    ["__main__"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name != "__init__.py")


def room_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    here = room_of(".".join(("discrete_ed", *path.relative_to(PACKAGE).with_suffix("").parts)))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names = [node.module or ""]
            if node.module == "discrete_ed":
                names = [f"discrete_ed.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("discrete_ed."):
                there = room_of(name)
                assert there == here or FLOOR[there] < FLOOR[here], f"{here} must not import {there}"


def test_every_public_name_is_there():
    assert "GraphEnergy" in discrete_ed.__all__
    for name in discrete_ed.__all__:
        public = getattr(discrete_ed, name)
        example = isinstance(public, type) and issubclass(public, Exception)
        assert example or ">>>" in (public.__doc__ or ""), f"{name} has no docstring with an example"


def test_importing_the_package_and_its_command_line_does_not_import_torch():
    code = "import sys, discrete_ed, discrete_ed.jobs.cli; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
