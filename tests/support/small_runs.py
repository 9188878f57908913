"""Settings of a run of `generate` that takes seconds (at one level), the refusal of a job as one line, scripts that
run here."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

from discrete_ed.jobs.cli import run_job

SCRIPTS = Path(__file__).parents[2] / "scripts"
TINY = {
    "levels": 0,
    "steps": 6,
    "samples": 20,
    "sampler_steps": 15,
    "cold": 1.5,
    "batch": 8,
    "negatives": 2,
    "width": 8,
    "layers": 1,
}


def refused(capsys, job: str, *arguments: object) -> str:
    """The error message of a job that refuses its arguments; on one line, without the frame around it."""
    with pytest.raises(SystemExit) as caught:
        run_job(job, list(map(str, arguments)))
    assert caught.value.code == 2
    return re.sub(r"[│\s]+", " ", capsys.readouterr().err).strip()


def run_script(monkeypatch: pytest.MonkeyPatch, script: str, *arguments: object) -> None:
    """Run a script as Python does, but in this process: it saves the seconds that importing torch takes."""
    monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
    runpy.run_path(str(SCRIPTS / script), run_name="__main__")
