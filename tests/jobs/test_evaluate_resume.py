"""The job `evaluate` continues where it was stopped, and only with the input that it began with."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest

from discrete_ed import InputError, write_graphs
from discrete_ed.graphs import evaluation, shares
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.evaluate import report
from discrete_ed.jobs.evaluate import run as evaluate
from discrete_ed.jobs.evaluate.config import EvaluateConfig
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.runtime import files as checkpoint_files

FORMS = {
    "by position": EvaluateConfig(
        files=(Path("reference.g6"), Path("mine.g6"), Path("theirs.g6")),
        protocol="psd",
    ),
    "by option": EvaluateConfig(
        reference=Path("reference.g6"), generated=(Path("mine.g6"),), train=Path("train"), valid="planar"
    ),
}
OPTIONS = {
    "by position": ["reference.g6", "mine.g6", "theirs.g6", "--protocol", "psd"],
    "by option": [
        *("--reference", "reference.g6", "--generated", "mine.g6"),
        *("--train", "train", "--valid", "planar"),
    ],
}


class Killed(Exception):
    """Stands for kill -9."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """By form what a run leaves behind that nothing stopped."""
    with pytest.MonkeyPatch.context() as patch:
        prepare(tmp_path_factory.mktemp("whole"), patch)
        for form, options in OPTIONS.items():
            run_job("evaluate", [*options, "--out", form, "--json", f"{form}.json"])
            assert json.loads(Path(form, "result.json").read_text()) == json.loads(Path(f"{form}.json").read_text())
        return {form: left(form) for form in FORMS}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Graph files in the folder where the test works, one of them a folder."""
    prepare(tmp_path, monkeypatch)
    return tmp_path


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(report, "render", lambda sources, *_: (sources.config.protocol, {}))  # plotting takes seconds
    write_graphs("reference.g6", [nx.cycle_graph(n) for n in range(3, 11)])
    write_graphs("mine.g6", [nx.gnp_random_graph(8, 0.4, seed=n) for n in range(6)])
    write_graphs("theirs.g6", [nx.path_graph(n) for n in range(3, 8)])
    Path("train").mkdir()
    for n in range(4, 12):
        write_graphs(f"train/{n}.g6", [nx.cycle_graph(n), nx.path_graph(n)])


def left(folder: str) -> dict[str, bytes]:
    assert not Path(folder, "progress").exists()
    return {name: Path(folder, name).read_bytes() for name in ("result.json", "report.html", "inputs.json")}


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.thorough
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("form", FORMS)
def test_stopped_in_every_phase_and_resumed_is_uninterrupted(whole, monkeypatch, form):
    begun: list[str] = []
    real = RunFolder.cached

    def once(self, name, compute, things=None):
        def killed():
            begun.append(name)
            if begun.count(name) == 1:
                raise Killed
            return compute()

        return real(self, name, killed, things)

    monkeypatch.setattr(RunFolder, "cached", once)
    config = replace(FORMS[form], out=Path("STOPPED"))
    while True:
        try:
            evaluate.run(config)
            break
        except Killed:
            config = EvaluateConfig(resume=Path("STOPPED"))
    phases = list(dict.fromkeys(begun))
    assert begun == [name for name in phases for _ in range(2)]  # none is computed again once it is there
    assert len(phases) == {"by position": 2 * 22, "by option": 24}[form]
    assert left("STOPPED") == whole[form]
    with pytest.raises(InputError, match="expected a run that is not finished"):
        evaluate.run(config)


@pytest.mark.thorough
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("where", "name"), [(evaluation, "permutation_test"), (checkpoint_files, "_sync_folder")])
def test_a_real_kill_loses_one_phase(whole, monkeypatch, where, name):
    child = os.fork()
    if child == 0:
        real = getattr(where, name)

        def killed(*arguments):
            if Path("KILLED/progress/1/test-degree").is_dir():  # a checkpoint may be half-written there
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        monkeypatch.setattr(where, name, killed)
        try:
            run_job("evaluate", [*OPTIONS["by position"], "--out", "KILLED"])
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert len(list(Path("KILLED").rglob("*.tmp"))) == (where == checkpoint_files)
    run_job("evaluate", ["--resume", "KILLED"])
    assert left("KILLED") == whole["by position"]


@pytest.mark.thorough
@pytest.mark.usefixtures("files")
def test_an_interrupt_tells_how_to_go_on(whole, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(shares, "find_classes", interrupted)
        with pytest.raises(SystemExit) as stopped:
            run_job("evaluate", [*OPTIONS["by option"], "--out", "RUN"])
    assert stopped.value.code == 130
    assert capsys.readouterr().err.endswith("\nto go on: --resume RUN\n\ninterrupted\n")
    run_job("evaluate", ["--resume", "RUN"])
    assert left("RUN") == whole["by option"]


@pytest.mark.thorough
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda: write_graphs("reference.g6", [nx.cycle_graph(n) for n in range(4, 11)]), "reference.g6"),
        (lambda: write_graphs("mine.g6", [nx.star_graph(n) for n in range(4, 11)]), "mine.g6"),
        (lambda: write_graphs("train/7.g6", [nx.star_graph(7)]), "train/7.g6"),
        (lambda: write_graphs("train/99.g6", [nx.star_graph(7)]), "train/99.g6"),
        (lambda: Path("train/7.g6").unlink(), "train/7.g6"),
        (lambda: Path("train/7.g6").rename("train/77.g6"), "train/7.g6"),
    ],
)
def test_input_that_was_changed_is_refused(monkeypatch, change, named):
    with monkeypatch.context() as patch:
        patch.setattr(shares, "find_classes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluate.run(replace(FORMS["by option"], out=Path("RUN")))
    change()
    with pytest.raises(InputError, match=f"resume: expected unchanged inputs, but .*{named} was changed"):
        evaluate.run(EvaluateConfig(resume=Path("RUN")))
    assert not Path("RUN/result.json").exists()


NEITHER = (
    "error: reference, generated: expected at least one file of generated graphs beside one of test graphs (or a "
    "run of generate, or --data), or --resume with the folder of a run, got "
)


BOTH = "error: files: expected graph files either by position (REFERENCE GENERATED ...) or with --reference and "


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], f"{NEITHER}none"),
        (["reference.g6"], f"{NEITHER}only reference.g6"),
        (["--reference", "reference.g6"], f"{NEITHER}only reference.g6"),
        (["--generated", "mine.g6"], f"{NEITHER}only mine.g6"),
        (["reference.g6", "--generated", "mine.g6"], f"{BOTH}--generated, got both: reference.g6 and mine.g6"),
        ([*OPTIONS["by position"], "--reference", "reference.g6"], BOTH),
        ([*OPTIONS["by position"], "--out", "train"], "error: out: expected a new or empty folder, got train"),
        (["reference.g6", "--resume", "RUN"], "error: resume: expected no other option"),
        (["--generated", "mine.g6", "--resume", "RUN"], "error: resume: expected no other option"),
        (["--out", "RUN", "--resume", "RUN"], "error: resume: expected no other option"),
        (["--resume", "train"], "error: resume: expected the folder of a run, but train/config.json"),
        (["reference.g6", "one.g6", "--protocol", "psd", "--out", "RUN"], "error: generated one.g6: expec"),
    ],
)
def test_a_mistake_gets_one_line_and_leaves_nothing(files, capsys, arguments, message):
    write_graphs("one.g6", [nx.path_graph(3)])
    before = sorted(path for path in files.rglob("*"))
    with pytest.raises(SystemExit) as stopped:
        run_job("evaluate", arguments)
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(message)
    assert sorted(path for path in files.rglob("*")) == before


@pytest.mark.usefixtures("files")
def test_a_run_of_another_job_is_not_resumed(monkeypatch):
    monkeypatch.setattr(shares, "find_classes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate.run(replace(FORMS["by position"], out=Path("RUN")))
    with pytest.raises(InputError, match="expected a run of generate"):
        resumed(GenerateConfig(resume=Path("RUN")), "generate")


def test_nothing_is_kept_unless_it_is_asked_for(files, capsys):
    before = sorted(files.iterdir())
    run_job("evaluate", ["reference.g6", "mine.g6"])
    assert sorted(files.iterdir()) == before
    assert "written" not in capsys.readouterr().out
    run_job("evaluate", ["reference.g6", "mine.g6", "--out", "RUN"])
    assert "written to RUN/report.html" in capsys.readouterr().out
    assert {path.name for path in Path("RUN").iterdir()} == {
        "config.json", "env.json", "inputs.json", "metrics.jsonl", "report.html", "result.json",
    }  # fmt: skip
