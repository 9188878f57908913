"""The command line: seeds, warnings, streams, and the list of jobs."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import get_type_hints

import forked
import networkx as nx
import pytest
from small_runs import TINY, refused

from discrete_ed import write_graphs
from discrete_ed.jobs import parsing
from discrete_ed.jobs.cli import JOBS, run_job
from discrete_ed.jobs.options import When


@pytest.mark.parametrize("job", [job for job in JOBS if job != "score"])  # which draws nothing
@pytest.mark.parametrize(
    ("seed", "told"), [(-1, "at least 0, got -1"), (2**32, f"less than 2³², got {2**32}"), (2**70, f"got {2**70}")]
)
def test_seeds_that_some_source_of_randomness_refuses_are_mistakes(job, seed, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # where a run folder would be
    first = ["nowhere"] if job == "sample" else []
    for option in ["--seed", *(["--split-seed"] if job == "generate" else [])]:
        message = refused(capsys, job, *first, option, seed)
        assert f"{option[2:].replace('-', '_')}: expected" in message
        assert told in message


@pytest.mark.parametrize("job", JOBS)
def test_conditions_name_switches_as_the_command_line_takes_them(job):
    told = {str(mark) for hint in get_type_hints(JOBS[job].config_type(), include_extras=True).values()
            for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, When)}  # fmt: skip
    assert not [words for words in told if "True" in words or "False" in words or "None" in words]


@pytest.mark.parametrize(
    ("job", "option", "value"),
    [("recover", "--sigma", "nan"), ("generate", "--samples", "0"), ("estimate", "--width", "0")],
)
def test_a_value_that_an_option_cannot_have_is_told_in_one_line(job, option, value, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    message = refused(capsys, job, option, value)
    assert message.startswith(f"error: {option[2:]}: expected")
    assert message.strip().count("\n") == 0


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("job", ["recover", "compare-perturbations", "evaluate"])
def test_the_largest_seed_is_taken(job, tmp_path, monkeypatch):
    """By the jobs that draw from several seeds made of it, too."""
    monkeypatch.chdir(tmp_path)
    write_graphs("mine.g6", [nx.cycle_graph(n) for n in range(3, 9)])
    arguments = {
        "recover": ["--side", "3", "--samples", "50", "--estimator", "bernoulli", "--penalty", "refit"],
        "compare-perturbations": ["--side", "3", "--samples", "100", "--probe", "100", "--steps", "1", "--batch", "8"],
        "evaluate": ["mine.g6", "mine.g6"],
    }[job]
    run_job(job, [*arguments, "--seed", str(2**32 - 1)])


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("job", ["generate", "evaluate"])
def test_what_is_skipped_in_a_folder_is_told_in_one_line(tmp_path, capsys, job):
    folder = tmp_path / "graphs"
    folder.mkdir()
    write_graphs(folder / "mine.g6", [nx.cycle_graph(n) for n in range(3, 9)])
    (folder / "notes.txt").write_text("mine")
    tiny = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    arguments = {
        "generate": ["--data", str(folder), "--out", str(tmp_path / "run"), *tiny],
        "evaluate": [str(folder), str(folder / "mine.g6")],
    }[job]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        run_job(job, arguments)
    told = [line for line in capsys.readouterr().err.splitlines() if "skipped" in line or "warn" in line.lower()]
    assert told == [f"warning: {folder}: skipped files without a graph file's ending: 1 (notes.txt)"]


ARGUMENTS = "--side 3 --samples 50 --penalty zero --out"


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_job_without_a_stream_is_done(tmp_path, closed):
    job = lambda: run_job("recover", [*ARGUMENTS.split(), str(tmp_path / "run")])  # noqa: E731
    with (tmp_path / "rest").open("wb") as rest:
        streams = {"stdout": rest.fileno(), "stderr": rest.fileno(), closed: forked.CLOSED}
        assert forked.wait(forked.start(job, **streams)) == 0
    assert (tmp_path / "run" / "report.html").exists()
    assert ("written to" in (tmp_path / "rest").read_text()) == (closed == "stderr")


@pytest.mark.thorough
def test_a_fresh_program_without_streams_does_its_job(tmp_path):
    job = f"{sys.executable} -m discrete_ed recover {ARGUMENTS} {tmp_path / 'run'} >&- 2>&-"
    assert subprocess.run(job, shell=True, check=False).returncode == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_an_interrupt_while_the_options_are_read_ends_in_one_word(monkeypatch, capsys):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(parsing, "parsed", interrupted)
    with pytest.raises(SystemExit) as ended:
        run_job("simulate", [])
    assert ended.value.code == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_the_console_command_lists_its_jobs_and_refuses_others():
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        whole = [sys.executable, "-m", "discrete_ed", *arguments]
        return subprocess.run(whole, capture_output=True, text=True, check=False)

    jobs = command("--help").stdout
    assert "evaluate " in jobs
    assert "evaluate-graphs" not in jobs
    assert command("nonsense").returncode == 2
    told = command("generate", "--help").stdout
    assert "--sampler-steps INT" in told
    assert "--out PATH" in told
