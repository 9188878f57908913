"""Compiled functions are kept for one version of all files that have some."""

import importlib
from pathlib import Path

import pytest

pytest.importorskip("numba")
compiling = importlib.import_module("discrete_ed.runtime.compiling")


def test_any_change_of_a_compiled_file_names_another_folder(tmp_path):
    (tmp_path / "inner.py").write_text("@njit()\ndef inner(): return 1")
    (tmp_path / "outer.py").write_text("@njit()\ndef outer(): return inner()")
    (tmp_path / "other.py").write_text("pass")
    before = compiling.digest.__wrapped__(tmp_path)
    (tmp_path / "other.py").write_text("nothing compiled")
    assert compiling.digest.__wrapped__(tmp_path) == before
    (tmp_path / "inner.py").write_text("@njit()\ndef inner(): return 2")  # the same length, and perhaps the same time
    assert compiling.digest.__wrapped__(tmp_path) != before


def test_functions_are_kept_in_the_folder_and_the_users_own_stay_where_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling.config, "CACHE_DIR", str(tmp_path))

    @compiling.njit()
    def double(number):
        return 2 * number

    assert double(4) == 8
    assert str(tmp_path) == compiling.config.CACHE_DIR
    (folder,) = tmp_path.iterdir()
    assert folder.name == f"loops-{compiling.digest()}"
    assert list(folder.rglob("*.nbi"))


def test_every_compiled_loop_of_the_package_goes_through_it():
    for path in Path(compiling.PACKAGE).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert path.name == "compiling.py" or "numba import njit" not in text, path
