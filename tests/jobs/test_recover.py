"""The job that recovers couplings, from end to end at a small size: a known model, a table, and bad input."""

from __future__ import annotations

import csv
import json
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import numpy as np
import pytest
import torch

from discrete_ed import IsingEnergy, lattice, load_energy, torus_sample
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.recover.config import RecoverConfig
from discrete_ed.jobs.recover.table import observed_table

LATTICE = "without --data and without --graph and without --random-graph"
SMALL = ["--side", "4", "--sigma", "0.15", "--samples", "800"]


@pytest.fixture(autouse=True)
def few_states_for_the_bound(monkeypatch):
    monkeypatch.setattr("discrete_ed.jobs.recover.run.states_for_bound", lambda edges: max(2000, 10 * edges))


def run(*arguments: str) -> None:
    run_job("recover", list(arguments))


def test_a_known_model_is_recovered_and_the_run_folder_has_all(tmp_path, capsys):
    out = tmp_path / "run"
    run(*SMALL, "--out", str(out))
    arrays = np.load(out / "couplings.npz")
    true = IsingEnergy.from_graph(lattice(4), 0.3).couplings.detach().numpy()
    assert np.allclose(arrays["true_couplings"], true)
    result = json.loads((out / "result.json").read_text())
    rmse = np.sqrt((((arrays["couplings"] - true) / 2) ** 2).mean())
    assert result["neg_log_rmse"] == pytest.approx(-np.log(rmse))
    assert result["all_zeros"] == pytest.approx(-np.log(0.15 / 2), abs=1e-6)  # a quarter of the entries are edges
    assert result["all_zeros"] < result["neg_log_rmse"] < result["bound"] + 0.5
    off = np.abs(arrays["couplings"] - true) <= 1.96 * arrays["standard_errors"]
    right = int(off[np.triu(true, 1) != 0].sum())
    assert 24 <= right < 32 == result["edges"]["true"]
    assert result["edges"]["covered"] == right
    assert result["drawn"] == "exact, by transfer matrices"
    assert set(result["seconds"]) == {"draw", "recover"}
    for name in ("report.html", "couplings.png", "recovery.png", "config.json", "env.json"):
        assert (out / name).stat().st_size > 0
    energy = load_energy(out / "model", IsingEnergy)
    assert np.allclose(energy.couplings.detach().numpy(), arrays["couplings"], atol=1e-6)
    printed = capsys.readouterr().out
    assert "J = 0" in printed
    assert f"{right} of 32 95% intervals of true edges hold the truth" in printed
    verdict = (
        f"−log RMSE {result['neg_log_rmse']:.2f}, where J = 0 has {result['all_zeros']:.2f} and the bound is "
        f"{result['bound']:.2f}; 32 of 32 edges found, "
    )
    page = (out / "report.html").read_text()
    assert page.index(verdict) < page.index("<table>")


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_the_same_seed_gives_the_same_couplings(tmp_path):
    for name in ("a", "b"):
        run("--side", "3", "--samples", "200", "--seed", "3", "--out", str(tmp_path / name))
    one, two = (np.load(tmp_path / name / "couplings.npz")["couplings"] for name in ("a", "b"))
    assert np.array_equal(one, two)
    assert one.any()


@pytest.mark.thorough
@pytest.mark.parametrize(
    "arguments",
    [
        ["--side", "8", "--dimension", "1", "--sigma", "-0.2", "--field", "0.1", "--samples", "200"],
        ["--side", "2", "--dimension", "3", "--no-periodic", "--samples", "60", "--penalty", "refit"],
        ["--random-graph", "9", "2.5", "--samples", "200", "--penalty", "common"],
        ["--side", "3", "--sampler", "single-site", "--sweeps", "20", "--samples", "100", "--penalty", "l1"],
        ["--side", "3", "--estimator", "bernoulli", "--epsilon", "0.02", "--samples", "100", "--penalty", "refit"],
        ["--side", "3", "--penalty", "zero", "--samples", "50"],
    ],
)
def test_every_kind_of_model_runs(tmp_path, arguments):
    run(*arguments, "--out", str(tmp_path / "run"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert np.isfinite(result["neg_log_rmse"])
    assert np.isfinite(np.load(tmp_path / "run" / "couplings.npz")["standard_errors"]).all()


def written(tmp_path, *, couplings: bool = True, fields: bool = True) -> tuple[str, IsingEnergy]:
    """A ring with couplings and fields of many strengths, in GraphML; those not asked for are left out."""
    graph = nx.cycle_graph(6)
    nx.set_edge_attributes(graph, {edge: 0.5 - 0.2 * k for k, edge in enumerate(graph.edges)}, "coupling")
    nx.set_node_attributes(graph, {node: 0.1 * node - 0.2 for node in graph}, "field")
    energy = IsingEnergy.from_graph(graph)
    graph = energy.to_networkx()
    for there, items in ((couplings, graph.edges.values()), (fields, graph.nodes.values())):
        for attributes in [] if there else items:
            attributes.clear()
    nx.write_graphml(graph, tmp_path / "ring.graphml")
    return str(tmp_path / "ring.graphml"), energy


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(("couplings", "fields"), [(True, True), (True, False), (False, True), (False, False)])
def test_couplings_and_fields_of_a_graph_are_the_truth(tmp_path, capsys, couplings, fields):
    path, energy = written(tmp_path, couplings=couplings, fields=fields)
    run("--graph", path, "--samples", "3000", "--out", str(tmp_path / "run"))
    arrays, result = np.load(tmp_path / "run" / "couplings.npz"), json.loads((tmp_path / "run/result.json").read_text())
    shown, page = capsys.readouterr().out, (tmp_path / "run" / "report.html").read_text()
    true = energy.couplings if couplings else 0.4 * (energy.couplings != 0)
    assert np.allclose(arrays["true_couplings"], true.detach().numpy())
    assert result["sigma"] == (None if couplings else 0.2)
    assert ("σ = 0.2" in shown) == (not couplings)
    assert page.count("of the graph") == couplings + fields
    assert result["rmse_physics"] < 0.1
    if not fields:
        assert "true_fields" not in arrays
        assert result["rmse_fields"] is None
        assert result["field"] == 0
        assert "RMSE of h" not in shown
        return
    assert np.allclose(arrays["true_fields"], energy.fields.detach().numpy())
    assert result["field"] is None
    rmse = np.sqrt(((arrays["fields"] - arrays["true_fields"]) ** 2).mean())
    assert result["rmse_fields"] == pytest.approx(rmse)
    assert rmse < 0.1
    assert "RMSE of h" in shown
    assert f"{rmse:.4f}" in shown


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_a_uniform_field_is_part_of_the_truth_too(tmp_path):
    run(*SMALL, "--field", "0.1", "--penalty", "refit", "--out", str(tmp_path / "run"))
    assert np.allclose(np.load(tmp_path / "run" / "couplings.npz")["true_fields"], 0.1)
    assert 0 < json.loads((tmp_path / "run" / "result.json").read_text())["rmse_fields"] < 0.1


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(
    ("option", "what"), [("sigma", "the coupling of every edge"), ("field", "the field of every node")]
)
def test_what_the_graph_says_is_not_said_again(tmp_path, capsys, option, what):
    path, _ = written(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        run("--graph", path, f"--{option}", "0.3", "--out", str(tmp_path / "run"))
    assert capsys.readouterr().err == f"error: {option}: expected none, since {path} has {what}, got 0.3\n"
    assert not (tmp_path / "run").exists()
    path, _ = written(tmp_path, couplings=option != "sigma", fields=option != "field")  # then it may be said
    run("--graph", path, f"--{option}", "0.3", "--penalty", "zero", "--samples", "50", "--out", str(tmp_path / "run"))


@pytest.mark.usefixtures("no_figures")
def test_a_run_on_a_graph_with_couplings_can_be_resumed(tmp_path, monkeypatch):
    path, energy = written(tmp_path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("discrete_ed.jobs.recover.run.report_known_model", interrupted)
        with pytest.raises(SystemExit, match="130"):
            run("--graph", path, "--samples", "100", "--penalty", "zero", "--out", str(tmp_path / "run"))
    run("--resume", str(tmp_path / "run"))
    true = np.load(tmp_path / "run" / "couplings.npz")["true_couplings"]
    assert np.allclose(true, energy.couplings.detach().numpy())


@pytest.mark.parametrize("value", ["strong", True, float("nan"), 1e30, None])
@pytest.mark.parametrize("attribute", ["coupling", "field"])
def test_attributes_that_are_no_numbers_are_one_line(tmp_path, capsys, attribute, value):
    graph = nx.path_graph(3)
    items = list(graph.edges.values()) if attribute == "coupling" else list(graph.nodes.values())
    items[0][attribute] = 0.5
    if value is not None:  # else it is missing
        items[1][attribute] = value
    nx.write_graphml(graph, tmp_path / "bad.graphml")
    with pytest.raises(SystemExit, match="2"):
        run("--graph", str(tmp_path / "bad.graphml"), "--out", str(tmp_path / "run"))
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"error: {tmp_path / 'bad.graphml'}: expected")
    assert attribute in line
    assert not (tmp_path / "run").exists()


def test_too_many_spins_for_maximum_likelihood_are_refused_before_a_folder_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("discrete_ed.lattices.known_models.sample_ising", None)  # nothing is sampled either
    with pytest.raises(SystemExit, match="2"):
        run("--side", "5", "--estimator", "maximum-likelihood", "--out", str(tmp_path / "run"))
    assert "estimator: expected at most 20 spins for maximum-likelihood, got 25" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def table_of(tmp_path, name="birds.csv") -> tuple[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torus_sample(IsingEnergy.from_graph(lattice(5, 1), 0.6, field=0.2), 1500, (5, 1), generator=generator).int()
    path = tmp_path / name
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["owl", "jay", "tit", "wren", "kite"])
        writer.writerows((2 * x - 1).tolist())
    return str(path), x


class Birds(NamedTuple):
    """A run on a user's table: its folder, the table, and what it printed."""

    out: Path
    x: torch.Tensor
    printed: str


@pytest.fixture(scope="module")
def birds(tmp_path_factory) -> Birds:
    folder = tmp_path_factory.mktemp("birds")
    path, x = table_of(folder)
    with redirect_stdout(StringIO()) as printed:
        run("--data", path, "--out", str(folder / "run"))
    return Birds(folder / "run", x, printed.getvalue())


def test_a_users_table_gives_edges_with_intervals_and_goodness_of_fit(birds):
    out, x, printed = birds
    result = json.loads((out / "result.json").read_text())
    assert result["samples"] == 1500
    assert result["spins"] == 5
    assert result["goodness"]["pairs"]["rms_difference"] < 3 * result["goodness"]["pairs"]["expected_of_noise"]
    independent, mean = result["log_likelihood"]["independent"], result["log_likelihood"]["mean"]
    p = x.double().mean(0)
    assert independent == pytest.approx((p * p.log() + (1 - p) * (1 - p).log()).sum().item())
    assert mean > independent + 0.3
    with (out / "edges.csv").open() as file:
        edges = list(csv.DictReader(file))
    strong = {frozenset((edge["first"], edge["second"])) for edge in edges[:5]}
    assert strong == {
        frozenset(pair)
        for pair in zip(["owl", "jay", "tit", "wren", "kite"], ["jay", "tit", "wren", "kite", "owl"], strict=True)
    }
    assert all(float(edge["low_95"]) < float(edge["coupling"]) < float(edge["high_95"]) for edge in edges)
    assert (out / "network.png").exists()
    page = (out / "report.html").read_text()
    verdict = f"{len(edges)} of 10 pairs interact; no measure of the data differs from the model by more than "
    assert page.index(verdict) < page.index("<table>")
    assert float(page.split(verdict)[1].split(" × what noise explains.")[0]) < 4.5
    assert "owl" in printed


@pytest.mark.usefixtures("no_figures")
def test_other_tools_read_the_matrix_and_the_network(birds, tmp_path):
    out, x, _ = birds
    arrays = np.load(out / "couplings.npz")
    with (out / "couplings.csv").open() as file:
        head, *rows = csv.reader(file)
    assert head[1:] == [row[0] for row in rows] == arrays["names"].tolist()
    assert np.allclose(np.array([row[1:] for row in rows], dtype=float), arrays["couplings"], rtol=1e-5)
    with (out / "edges.csv").open() as file:
        edge = next(csv.DictReader(file))
    first, second = (x[:, head.index(edge[end]) - 1].numpy() for end in ("first", "second"))
    table = {f"n{a}{b}": str(((first == a) & (second == b)).sum()) for a in (0, 1) for b in (0, 1)}
    assert table == {name: edge[name] for name in table}
    graph = nx.read_graphml(out / "network.graphml")
    assert list(graph) == arrays["names"].tolist()
    assert graph.edges["owl", "jay"]["coupling"] == arrays["couplings"][0, 1]
    assert graph.edges["owl", "jay"]["standard_error"] == arrays["standard_errors"][0, 1]
    again = tmp_path / "again"
    run("--graph", str(out / "network.graphml"), "--samples", "100", "--penalty", "zero", "--out", str(again))
    known = np.load(again / "couplings.npz")
    assert np.allclose(known["true_couplings"], arrays["couplings"], atol=1e-6)
    assert np.allclose(known["true_fields"], arrays["fields"], atol=1e-6)
    assert len(nx.read_graphml(again / "network.graphml")) == 5


def test_names_that_xml_cannot_hold_are_no_obstacle(tmp_path):
    x = torus_sample(IsingEnergy.from_graph(lattice(4, 1), 0.6), 200, (4, 1)).int()
    with (tmp_path / "odd.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a\x01", "a\x02", "<b>&", "é"], *x.tolist()])
    run("--data", str(tmp_path / "odd.csv"), "--penalty", "none", "--out", str(tmp_path / "run"))
    assert list(nx.read_graphml(tmp_path / "run" / "network.graphml")) == ["1 a\ufffd", "2 a\ufffd", "3 <b>&", "4 é"]


@pytest.mark.parametrize(
    ("arguments", "option", "where"),
    [
        (["--data", "TABLE", "--samples", "50"], "samples", "without --data"),
        (["--data", "TABLE", "--sigma", "0.3"], "sigma", "without --data"),
        (["--data", "TABLE", "--side", "4"], "side", LATTICE),
        (["--data", "TABLE", "--sweeps", "5"], "sweeps", "with --sampler single-site"),
        (["--data", "TABLE", "--epsilon", "0.2"], "epsilon", "with --estimator block or bernoulli"),
        (["--estimator", "block", "--negatives", "8"], "negatives", "with --estimator bernoulli"),
        (["--random-graph", "9", "2", "--side", "4"], "side", LATTICE),
        (["--random-graph", "9", "2", "--no-periodic"], "periodic", LATTICE),
        (["--graph", "GRAPH", "--dimension", "3"], "dimension", LATTICE),
        (["--data", "TABLE", "--random-graph", "9", "2"], "random_graph", "without --data"),
        (["--estimator", "bernoulli", "--block", "4"], "block", "with --estimator block"),
    ],
)
def test_an_option_without_effect_is_refused(tmp_path, capsys, arguments, option, where):
    path, _ = table_of(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        run(
            *[{"TABLE": path, "GRAPH": "g.g6"}.get(argument, argument) for argument in arguments],
            "--out",
            str(tmp_path / "run"),
        )
    error = capsys.readouterr().err
    assert error.startswith(f"error: {option}: expected only {where}, since it has no effect otherwise, got ")
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_table_of_constants_is_one_line(tmp_path, capsys):
    (tmp_path / "same.csv").write_text("a,b\n" + "1,0\n" * 20)
    with pytest.raises(SystemExit, match="2"):
        run("--data", str(tmp_path / "same.csv"), "--out", str(tmp_path / "run"))
    error = capsys.readouterr().err
    assert error == f"error: {tmp_path / 'same.csv'}: expected columns that vary, got 2 constant in all rows\n"
    assert not (tmp_path / "run").exists()


def test_a_users_table_gives_fields_and_names(birds):
    out, x, _ = birds
    arrays = np.load(out / "couplings.npz")  # without pickle
    assert arrays["names"].tolist() == ["owl", "jay", "tit", "wren", "kite"]
    with (out / "fields.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == arrays["names"].tolist()
    assert [float(row["field"]) for row in rows] == pytest.approx(arrays["fields"].tolist(), rel=1e-5)
    errors = np.array([float(row["standard_error"]) for row in rows])
    assert (0.98 * arrays["field_errors"] < errors).all()  # a field also stands for the pairs that were left out
    assert (errors < 1.3 * arrays["field_errors"]).all()
    assert [float(row["share_of_ones"]) for row in rows] == pytest.approx(x.double().mean(0).tolist(), rel=1e-5)
    for row in rows:
        assert float(row["high_95"]) - float(row["low_95"]) == pytest.approx(
            3.92 * float(row["standard_error"]), rel=1e-4
        )
    html = (out / "report.html").read_text()
    assert f"<td>tit</td><td>{arrays['fields'][2]:.3f}</td>" in html
    assert "s is −1 for 0 and +1 for 1" in html


def test_many_fields_are_a_picture_and_no_pair_is_said_in_words(tmp_path, capsys):
    np.save(tmp_path / "many.npy", np.random.default_rng(0).integers(0, 2, (60, 21)))
    run("--data", str(tmp_path / "many.npy"), "--penalty", "zero", "--out", str(tmp_path / "run"))
    assert (tmp_path / "run" / "fields.png").exists()
    page = (tmp_path / "run" / "report.html").read_text()
    assert 'alt="Fields"' in page
    said = "No pair of columns was found to interact; 60 rows can show almost nothing but very strong couplings"
    printed = capsys.readouterr().out
    for text in (printed, page):
        assert said in text
        assert "trongest couplings" not in text


def test_a_model_that_does_not_reproduce_its_data_is_not_to_be_simulated_from(tmp_path, capsys):
    path, _ = table_of(tmp_path)
    run("--data", path, "--penalty", "zero", "--out", str(tmp_path / "run"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    (warning,) = result["warnings"]
    assert "should not be simulated from: covariances of pairs differ" in warning
    assert f"warning: {warning}" in capsys.readouterr().out
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.index(warning) < page.index("<table>")  # where it is seen
    assert "0 of 10 pairs interact, but the model does not reproduce the data: covariances of pairs, " in page
    assert 'class="first"' not in page  # red, which means "apart" here
    assert len(set(re.findall("<h2>(.*?)</h2>", page))) == page.count("<h2>")
    assert result["goodness"]["sum_total_variation"] > 3 * result["goodness"]["sum_total_variation_of_noise"]
    assert result["goodness"]["means"]["rms_difference"] < 3 * result["goodness"]["means"]["expected_of_noise"]


def test_odd_names_are_whole_in_files_and_short_on_the_screen(tmp_path, capsys):
    names = ["cost $x_$", "猫頭鷹", "how often did you feel low, last week", "_b"]
    x = torus_sample(IsingEnergy.from_graph(lattice(4, 1), 0.6), 400, (4, 1)).int()
    with (tmp_path / "odd.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *x.tolist()])
    run("--data", str(tmp_path / "odd.csv"), "--penalty", "none", "--out", str(tmp_path / "run"))
    printed = capsys.readouterr()
    assert "how often did y…ast week" in printed.out
    assert names[2] not in printed.out
    assert "Glyph" not in printed.err
    for name in ("edges.csv", "fields.csv", "report.html"):
        assert names[2] in (tmp_path / "run" / name).read_text().replace('"', "")


@pytest.mark.usefixtures("no_figures")
def test_no_error_has_no_logarithm(tmp_path, capsys):
    run("--side", "3", "--sigma", "0", "--samples", "50", "--penalty", "zero", "--out", str(tmp_path / "run"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["neg_log_rmse"] is result["all_zeros"] is None
    assert [line.split()[-2:] for line in capsys.readouterr().out.splitlines() if "J = 0 " in line] == [["–", "–"]] * 2


@pytest.mark.usefixtures("no_figures")
def test_the_page_shows_the_options_in_effect_with_the_values_that_were_used(tmp_path):
    def shown(name: str, *arguments: str) -> dict[str, str]:
        run(*arguments, "--penalty", "zero", "--out", str(tmp_path / name))
        page = (tmp_path / name / "report.html").read_text()
        return dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page))

    common = {"estimator", "penalty", "sampler", "seed", "seconds to recover"}
    table = shown("table", "--data", table_of(tmp_path)[0])
    assert set(table) == common | {"data", "transpose", "block_length", "missing", "most_missing"}
    assert table["estimator"] == "maximum-likelihood"
    known = common | {"sigma", "field", "samples", "seconds to draw"}
    lattice = {"side", "dimension", "periodic"}
    assert set(shown("lattice", "--side", "3", "--samples", "50")) == known | lattice
    assert set(shown("random", "--random-graph", "6", "2", "--samples", "50")) == known | {"random_graph"}
    chains = ["--side", "3", "--samples", "50", "--sampler", "single-site", "--sweeps", "5", "--estimator", "bernoulli"]
    chain_options = shown("chains", *chains)
    assert set(chain_options) == known | lattice | {"sweeps", "epsilon", "negatives", "w"}
    assert chain_options["epsilon"] == "0.01"
    config = json.loads((tmp_path / "chains" / "config.json").read_text())
    assert set(config) == {"job", *chain_options, "out", "resume", "data", "graph", "random_graph"} - {
        name for name in chain_options if name.startswith("seconds")
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,0\n,1\n", "a"),
        ("a,b\n1,0\n2,1\n", "0 or 1"),
        ("a,b\n" + "1,0\n0,1\n" * 2, "at least 10 samples"),
    ],
)
def test_tables_that_cannot_be_used_are_one_line_and_exit_2(tmp_path, capsys, text, message):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(SystemExit) as stopped:
        run("--data", str(tmp_path / "bad.csv"), "--out", str(tmp_path / "run"))
    assert stopped.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"error: {tmp_path / 'bad.csv'}")
    assert message in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--side", "1"],
        ["--samples", "5"],
        ["--graph", "a.g6", "--random-graph", "9", "2"],
        ["--penalty", "ridge"],
        ["--random-graph", "3", "5"],
        ["--epsilon", "0.7"],
        ["--sigma", "nan"],
        ["--block", "11"],
        ["--side", "200"],
        ["--graph", "nowhere.g6"],
        ["--estimator", "maximum-likelihood", "--side", "5"],
    ],
)
def test_bad_arguments_exit_2(tmp_path, arguments):
    with pytest.raises(SystemExit) as stopped:
        run(*arguments, "--out", str(tmp_path / "run"))
    assert stopped.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recode", "1=2"], "recode: expected CELL=0, CELL=1 or CELL=NA"),
        (["--binarise", "high"], "binarise: expected a number with a decimal point, or median, got 'high'"),
        (["--binarise", "5"], "binarise: expected a threshold that leaves two values in every column"),
        (["--columns", "owl", "emu"], "columns: expected a column of "),
        (["--weights", "owl", "--recode", "x=0"], "expected a weight of at least 0, got -1"),
        (["--block-length", "0"], "block_length: expected auto or a whole number of at least 1"),
        (["--block-length", "800"], "block_length: expected at least two blocks, got 1500 rows in blocks of 800"),
        (["--block-length", "5", "--estimator", "block"], "estimator: expected one that takes weights, blocks"),
        (["--transpose"], "got shape (5, 1500)"),
    ],
)
def test_options_of_the_table_that_do_not_fit_it_leave_nothing(tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        run("--data", table_of(tmp_path)[0], *arguments, "--out", str(tmp_path / "run"))
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("name", "way_on"), [("weight", "use weights or drop"), ("Subject", "use blocks or drop")])
def test_columns_that_hardly_are_variables_are_pointed_out(tmp_path, name, way_on):
    rows = np.random.default_rng(0).integers(0, 2, (20, 3))
    (tmp_path / "table.csv").write_text("\n".join([f"{name},a,b", *(",".join(map(str, row)) for row in rows)]))
    with pytest.warns(UserWarning, match=f"column '{name}' is read as a variable; if it is none, {way_on}"):
        observed_table(RecoverConfig(data=tmp_path / "table.csv"))
    observed_table(RecoverConfig(data=tmp_path / "table.csv", drop=(name,)))  # warnings are errors in tests


def test_options_of_a_table_are_refused_without_one(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(*SMALL, "--block-length", "5", "--out", str(tmp_path / "run"))
    assert "block_length: expected only with --data" in capsys.readouterr().err


@pytest.mark.thorough
def test_a_table_of_counts_with_missing_cells_gives_all_files(tmp_path, capsys):
    bits = table_of(tmp_path)[1].numpy()
    patterns, counts = np.unique(bits, axis=0, return_counts=True)
    cells = [[str(10**6 * count), *map(str, row)] for count, row in zip(counts, patterns, strict=True)]
    cells[0][1] = "NA"
    (tmp_path / "counts.csv").write_text("\n".join(",".join(row) for row in [["n", *"abcde"], *cells]))
    run("--data", str(tmp_path / "counts.csv"), "--weights", "n", "--out", str(tmp_path / "run"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["rows"]["counted"] == 1.5e9
    assert result["rows"]["missing_cells"] == 1
    arrays = np.load(tmp_path / "run" / "couplings.npz")
    assert np.allclose(arrays["couplings_01"], 4 * arrays["couplings"])
    with (tmp_path / "run" / "edges.csv").open() as file:
        edge = next(csv.DictReader(file))
    assert sum(int(edge[f"n{a}{b}"]) for a in (0, 1) for b in (0, 1)) in (1.5e9, 1.5e9 - 10**6 * counts[0])
    assert "(counted 1500000000 times; 1 cells missing)" in capsys.readouterr().out
