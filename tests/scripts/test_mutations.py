"""The lines that `scripts/mutations.py` breaks are still there; whether tests notice is for the script to see."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "maintenance" / "mutations.py"
SPEC = importlib.util.spec_from_file_location("mutations", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
mutations = importlib.util.module_from_spec(SPEC)
sys.modules["mutations"] = mutations
SPEC.loader.exec_module(mutations)


@pytest.mark.parametrize("mutation", mutations.MUTATIONS, ids=lambda mutation: mutation.line)
def test_every_line_is_there_once_and_broken_it_is_python_still(mutation):
    source = (mutations.ROOT / "discrete_ed" / mutation.file).read_text(encoding="utf-8")
    assert source.count(mutation.line) == 1
    ast.parse(source.replace(mutation.line, mutation.broken))
    for path in mutation.tests.split():
        assert (mutations.ROOT / path).exists()
