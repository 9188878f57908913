"""The bar over the phases of a computation: it counts them, and it can be hidden."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

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


def test_the_bar_can_be_switched_off_from_outside():
    code = (
        "from discrete_ed.jobs.progress import phase_progress\n"
        "with phase_progress('score') as callback:\n    callback('all', 1, 1)"
    )
    usual = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    for environment in (usual, {**usual, "TQDM_DISABLE": "1"}):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert ("score" in done.stderr) == (environment is usual)
