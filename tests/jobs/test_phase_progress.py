"""The bar over the phases of a computation: it counts them, and it can be hidden."""

from __future__ import annotations

import importlib
from functools import partial

import forked
import pytest
from tqdm import tqdm

from discrete_ed.jobs import progress
from discrete_ed.jobs.progress import phase_progress


@pytest.mark.parametrize("shown", [True, False])
def test_the_bar_counts_phases_and_stays_off_stdout(capsys, monkeypatch, shown):
    monkeypatch.setattr(progress, "tqdm", partial(tqdm, mininterval=0, ncols=80))  # shows every change
    with phase_progress("score", shown=shown) as callback:
        for done, name in enumerate(("first", "second")):
            callback(name, done, 2)
            callback(name, done + 1, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert all((part in err) == shown for part in ("score", "2/2", "second"))


@pytest.mark.parametrize("disabled", [False, True])
def test_the_bar_can_be_switched_off_from_outside(tmp_path, monkeypatch, disabled):
    def program() -> None:
        forked.forget("discrete_ed", "tqdm")  # which reads the variable when it is imported
        with importlib.import_module("discrete_ed.jobs.progress").phase_progress("score") as callback:
            callback("all", 1, 1)

    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if disabled:
        monkeypatch.setenv("TQDM_DISABLE", "1")
    code, _, errors = forked.run(program, tmp_path)
    assert (code, "score" in errors) == (0, not disabled)
