"""Run folders: claimed by one run, left alone when used, continued only with the configuration of the job."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from small_runs import refused, run_script

from discrete_ed import InputError
from discrete_ed.jobs import run_folder
from discrete_ed.jobs.generate import run as generate
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"job": "other"}, "is of another job"),
        ({"steps": "many"}, "steps: expected"),
        ({"steps": 1.5}, "steps: expected"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"flips": [1, 2, 3]}, "flips: expected"),
        ({"start": "elsewhere"}, "start: expected"),
        ({"nonsense": 1}, "got nonsense"),
        (None, "got no JSON"),
    ],
)
def test_a_config_that_is_not_the_jobs_is_not_resumed(tmp_path, change, message):
    RunFolder(tmp_path / "run", generate.JOB, "label", GenerateConfig(flips=(1, 2)))
    assert resumed(GenerateConfig(resume=tmp_path / "run"), generate.JOB).flips == (1.0, 2.0)
    path = tmp_path / "run" / "config.json"
    path.write_text("[" * 9999 if change is None else json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=message):
        resumed(GenerateConfig(resume=tmp_path / "run"), generate.JOB)


def test_resume_stands_alone_and_needs_a_run(tmp_path):
    with pytest.raises(InputError, match=r"resume: expected no other option.*, got steps, seed"):
        generate.run(GenerateConfig(resume=tmp_path, steps=3, seed=1))
    with pytest.raises(InputError, match=r"resume: expected the folder of a run, but .*config.json: No such file"):
        generate.run(GenerateConfig(resume=tmp_path))


def test_runs_that_start_in_the_same_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_folder.time, "strftime", lambda _: "20260101-120000")
    found = [RunFolder(None, "job", "mine", GenerateConfig()).path.name for _ in range(3)]
    assert found == ["mine-20260101-120000", "mine-20260101-120000-2", "mine-20260101-120000-3"]


def test_of_two_runs_that_find_a_folder_empty_one_gets_it(tmp_path, monkeypatch):
    listed, others = Path.iterdir, []

    def slowly(folder: Path):
        found = list(listed(folder))
        if not others:
            others.append(True)
            RunFolder(tmp_path / "run", "job", "faster", GenerateConfig(seed=1))
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", slowly)
    with pytest.raises(InputError, match="out: expected a new or empty folder"):
        RunFolder(tmp_path / "run", "job", "slower", GenerateConfig(seed=2))
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 1


def test_a_used_run_folder_is_refused_in_one_line_and_left_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(SystemExit) as stopped:
        run_script(monkeypatch, "generate_ego_graphs.py", "--out", tmp_path)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.strip().splitlines() == [
        f"error: out: expected a new or empty folder, got {tmp_path}, which holds files"
    ]
    assert os.listdir(tmp_path) == ["precious.txt"]


def test_a_run_folder_that_is_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert "out: expected a folder to write to" in refused(capsys, "generate", "--out", tmp_path / "file")
