"""The job `evaluate` from a user's side: tables, pages, comparisons, and what a mistake looks like."""

from __future__ import annotations

import json
import re

import networkx as nx
import pytest
from small_runs import refused

from discrete_ed import load_graph_data, write_graphs
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.evaluate import run as evaluate
from discrete_ed.jobs.evaluate.config import EvaluateConfig


@pytest.mark.thorough
def test_the_samples_score_the_same_when_evaluated_from_their_file(small_run, tmp_path):
    folder, result = small_run
    data = load_graph_data("citation-egos")
    write_graphs(tmp_path / "test.g6", data.test)
    write_graphs(tmp_path / "train.g6", data.train)
    scored = evaluate.run(
        EvaluateConfig(
            reference=tmp_path / "test.g6",
            generated=(folder / "samples.g6",),
            train=tmp_path / "train.g6",
            json=tmp_path / "scores.json",
        )
    )
    assert json.loads((tmp_path / "scores.json").read_text()) == scored
    for name, scores in scored["statistics"].items():
        assert scores == result["statistics"][name]
    assert scored["novel"] == result["novel"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_graphs(folder / "reference.g6", [nx.cycle_graph(n) for n in range(3, 11)])
    write_graphs(folder / "mine.g6", [nx.cycle_graph(n) for n in range(4, 10)])
    write_graphs(folder / "theirs.g6", [nx.path_graph(n) for n in range(3, 8)])
    (folder / "other").mkdir()
    write_graphs(folder / "other" / "mine.g6", [nx.gnp_random_graph(600, 0.01, seed=0), nx.null_graph()])
    return folder


@pytest.mark.parametrize("generated", [["mine.g6"], ["mine.g6", "theirs.g6"], ["mine.g6", "other/mine.g6"]])
def test_evaluate_compares_generators_and_writes_the_page(files, tmp_path, monkeypatch, capsys, generated):
    monkeypatch.chdir(files)
    options = ["--train", "theirs.g6", "--protocol", "gran", "--valid", "bipartite"]
    written = ["--json", tmp_path / "scores.json", "--report", tmp_path / "scores.html"]
    run_job("evaluate", ["reference.g6", *generated, *options, *map(str, written)])
    text = capsys.readouterr().out
    result = json.loads((tmp_path / "scores.json").read_text())
    html = (tmp_path / "scores.html").read_text()
    assert html.count("data:image/svg+xml;base64,") == 2 * len(generated)
    assert not re.search(r"(src|href)=[\"'](?!data:)", html)
    assert "<script" not in html
    assert "not positive definite" in html
    assert "not positive definite" in text
    assert html.count('<tr class="first">') == (len(generated) == 1)  # of several none has won
    if len(generated) == 1:
        assert result["valid_property"] == "bipartite"
        assert "generated (6)" in text
    else:
        names = ["mine.g6", "theirs.g6"] if "theirs.g6" in generated else generated
        assert list(result["generators"]) == names
        assert all(f"{name} (" in text and f"Scores of {name}" in html for name in names)
        assert text.count("Clustering is saturated") == 1


def test_files_by_position_score_as_files_by_option_do(files, tmp_path, monkeypatch):
    monkeypatch.chdir(files)
    more = ["--train", "theirs.g6", "--protocol", "edp", "--json"]
    run_job("evaluate", ["--reference", "reference.g6", "--generated", "mine.g6", *more, f"{tmp_path}/a.json"])
    run_job("evaluate", ["reference.g6", "mine.g6", *more, f"{tmp_path}/b.json"])
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["R9"], "reference: expected a graph file or a run of generate, but R9 doesn't exist"),
        (["reference.g6"], "expected at least one file of generated graphs"),
        (["reference.g6", "mine.g6", "mine.g6"], "expected every file once"),
        (
            ["reference.g6", "mine.g6", "--report", "nowhere/a.html"],
            "report: expected a file in an existing folder",
        ),
        (
            ["reference.g6", "mine.g6", "--report", "other"],
            "report: expected a file in an existing folder, got other",
        ),
        (
            ["reference.g6", "mine.g6", "--report", "other/../mine.g6"],
            "report: expected a file that is neither read nor written otherwise, got other/../mine.g6",
        ),
        (["reference.g6", "mine.g6", "--json", "reference.g6"], "json: expected a file that is neither read"),
        (
            ["reference.g6", "mine.g6", "--json", "a.html", "--report", "a.html"],
            "report: expected a file that is neither",
        ),
        (["reference.g6", "nothing.g6"], "nothing.g6: expected a readable graph file"),
        (["reference.g6", "mine.g6", "--valid", "green"], "green"),
        (
            ["reference.g6", "mine.g6", "--generated", "theirs.g6"],
            "files: expected graph files either by position (REFERENCE GENERATED ...) or with --reference and "
            "--generated, got both: reference.g6 and mine.g6 and theirs.g6",
        ),
        (["--reference", "reference.g6"], "expected at least one file of generated graphs"),
        (["--reference", "reference.g6", "--generated", "mine.g6", "mine.g6"], "expected every file once"),
        (["reference.g6", "mine.g6", "--protocol", "other"], "other"),
    ],
)
def test_mistakes_in_evaluate_get_exit_code_2(files, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(files)
    assert message in refused(capsys, "evaluate", *arguments)


def test_a_malformed_graph_file_is_named_with_its_line(tmp_path, capsys):
    (tmp_path / "good.g6").write_bytes(b"DQc\n")
    (tmp_path / "bad.g6").write_bytes(b"DQc\nD\n")
    files = ["--reference", tmp_path / "good.g6", "--generated", tmp_path / "bad.g6"]
    told = refused(capsys, "evaluate", *files)
    assert told.startswith(f"error: {tmp_path / 'bad.g6'}, line 2: expected a graph in graph6 format")


@pytest.mark.thorough
def test_several_generators_can_be_named_by_option(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    run_job("evaluate", ["--generated", "mine.g6", "theirs.g6", "--reference", "reference.g6"])
    by_option = capsys.readouterr().out
    run_job("evaluate", ["reference.g6", "mine.g6", "theirs.g6"])
    assert capsys.readouterr().out == by_option
    assert "theirs.g6 (5)" in by_option


def test_the_page_shows_what_was_scored_and_nothing_of_where_it_is_kept(files, tmp_path, monkeypatch):
    monkeypatch.chdir(files)
    run_job("evaluate", ["reference.g6", "mine.g6", "--train", "theirs.g6", "--report", str(tmp_path / "a.html")])
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", (tmp_path / "a.html").read_text()))
    expected = {"reference": "reference.g6", "generated": "mine.g6", "train": "theirs.g6", "protocol": "edp"}
    assert facts == {**expected, "seed": "0"}


def test_training_graphs_that_are_the_reference_graphs_bring_a_warning(files, monkeypatch):
    monkeypatch.chdir(files)
    config = EvaluateConfig(
        reference=files / "reference.g6", generated=(files / "mine.g6",), train=files / "reference.g6"
    )
    with pytest.warns(UserWarning, match="train: the training graphs are the reference graphs"):
        evaluate.run(config)
