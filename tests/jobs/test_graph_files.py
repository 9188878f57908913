"""The options for reading graph files reach every job that reads a user's graphs."""

import json
from pathlib import Path

import networkx as nx
import pytest

from discrete_ed import InputError, load_graph_data
from discrete_ed.graphs.interactions import interaction_graph
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.evaluate import run as evaluate
from discrete_ed.jobs.evaluate.config import EvaluateConfig
from discrete_ed.jobs.generate import run as generate
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.recover.config import RecoverConfig
from discrete_ed.jobs.recover.run import known_model

CASES = {  # a file of each kind and the option that it needs
    "weights.jsonl": (json.dumps({"nodes": 3, "edges": [[0, 1], [1, 2]], "weights": [0.2, 3]}), "ignore-weights"),
    "directed.jsonl": (json.dumps({"nodes": 3, "edges": [[0, 1], [1, 2]], "Directed": True}), "undirected"),
    "loops.jsonl": (json.dumps({"nodes": 3, "edges": [[0, 1], [1, 2], [2, 2]]}), "ignore-loops"),
}


class Stopped(Exception):
    """Raised where scoring or training would begin."""


@pytest.fixture(params=CASES)
def file(request, tmp_path, monkeypatch):
    text, option = CASES[request.param]
    (tmp_path / request.param).write_text(f"{text}\n" * 5)
    monkeypatch.chdir(tmp_path)
    return request.param, option


def test_evaluate_refuses_in_one_line_and_names_its_option(file, capsys, monkeypatch):
    name, option = file
    with pytest.raises(SystemExit) as done:
        run_job("evaluate", [name, name])
    assert done.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"error: {name}, line 1: expected ")
    assert f"; --{option} " in line

    def scored(_, reference, *__):
        assert [graph.number_of_edges() for graph in reference] == [2] * 5
        raise Stopped

    monkeypatch.setattr(evaluate, "_evaluate", scored)
    with pytest.raises(Stopped):
        run_job("evaluate", [name, name, f"--{option}"])
    assert f"warning: {name}, line 1 and 4 more: " in capsys.readouterr().err


def test_generate_and_recover_read_by_the_same_options(file, monkeypatch):
    name, option = file
    reading = {option.replace("-", "_"): True}
    with pytest.raises(InputError, match=f"--{option}"):
        load_graph_data(name)

    def trained(data, _):
        assert len(data.train) == 4
        raise Stopped

    monkeypatch.setattr(generate, "_check_data", trained)
    with pytest.warns(UserWarning, match="dropped"), pytest.raises(Stopped):
        generate.run(GenerateConfig(data=name, **reading))
    with open(name) as file, open("one.jsonl", "w") as single:
        single.write(next(file))
    with pytest.warns(UserWarning, match="dropped"):
        assert interaction_graph(Path("one.jsonl"), **reading).size() == 2
    with pytest.warns(UserWarning, match="dropped"):
        assert len(known_model(RecoverConfig(graph=Path("one.jsonl"), **reading)).parameters.fields) == 3


@pytest.mark.parametrize("job", ["generate", "recover"])
def test_the_options_are_refused_where_no_file_is_read(job, capsys):
    with pytest.raises(SystemExit) as done:
        run_job(job, ["--undirected"])
    assert done.value.code == 2
    assert "error: undirected: expected only where graphs are read from a file" in capsys.readouterr().err


def test_the_page_shows_the_options_that_were_given():
    plain = reported_options(EvaluateConfig())
    assert reported_options(EvaluateConfig(undirected=True, format="gml")) == {
        "format": "gml",
        "undirected": True,
        **plain,
    }


def test_titles_are_named_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.edges").write_text("id_1,id_2\n0,1\n1,2\n")
    nx.write_edgelist(nx.path_graph(3), tmp_path / "b.edges", data=False)

    def scored(_, reference, __, generated, ___):
        assert nx.is_isomorphic(reference[0], generated["b.edges"][0])
        raise Stopped

    monkeypatch.setattr(evaluate, "_evaluate", scored)
    monkeypatch.setattr(evaluate, "check_sets", lambda *_: None)
    with pytest.raises(Stopped):
        run_job("evaluate", ["a.edges", "b.edges"])
    assert "warning: a.edges: the first line, 'id_1,id_2', is left out" in capsys.readouterr().err
