"""The job `simulate`: what it leaves behind, that it is right, resumed runs, and mistakes in one line."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from small_runs import refused, run_script

from discrete_ed import kaufman
from discrete_ed.jobs import style
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.simulate import run as simulate_job
from discrete_ed.jobs.simulate.config import SimulateConfig
from discrete_ed.lattices import simulation

pytest.importorskip("numba")

OPTIONS = ["--size", "8", "12", "--temperatures", "2", "2.6", "4", "--sweeps", "400"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run of two sizes, whose figures are written as empty files."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "as_png", lambda _: b"")
        patch.setattr(style, "as_svg", lambda _: "<svg/>")
        run_script(patch, "simulate_lattice.py", *OPTIONS, "--out", folder)
    return folder


def test_a_run_leaves_a_table_curves_pictures_and_states(finished):
    assert {path.name for path in finished.iterdir()} == {
        "config.json", "env.json", "metrics.jsonl", "result.json", "report.html", "table.txt", "table.csv",
        "curves.png", "states.png", "collapse.png",
        "states-8.npz", "states-12.npz", "series-8.npz", "series-12.npz",
    }  # fmt: skip
    result = json.loads((finished / "result.json").read_text())
    rows = list(csv.DictReader((finished / "table.csv").open()))
    assert len(rows) == len(result["rows"]) == 8
    for row, cells in zip(result["rows"], rows, strict=True):
        assert float(cells["energy"]) == row["energy"]
        exact = kaufman(row["size"], row["size"], row["temperature"])
        assert row["energy_exact"] == pytest.approx(exact.energy)
        assert abs(row["energy"] - exact.energy) < 4.5 * row["energy_error"]
        assert abs(row["specific_heat"] - exact.specific_heat) < 4.5 * row["specific_heat_error"]
        assert row["energy_ess"] > 100
    critical, error = result["scaling"]["critical_temperature"]
    assert abs(critical - result["known_critical_temperature"]) < 4 * error + 0.03  # sizes this small shift it
    with np.load(finished / "states-12.npz") as states, np.load(finished / "series-12.npz") as series:
        assert states["bits"].shape == (4, 4, 144)
        for k in range(4):
            last = 2.0 * states["bits"][k].mean(1) - 1
            assert series[f"magnetisation_{k}"][-1] == pytest.approx(last)
    assert "Binder cumulants cross at T_c" in (finished / "report.html").read_text()


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(finished, tmp_path, monkeypatch, capsys):
    folder, pieces, piece = tmp_path / "run", [], simulation.Chains.piece

    def stopping(self, name, count, **options):
        pieces.append(name)
        if len(pieces) > 30:
            raise KeyboardInterrupt
        return piece(self, name, count, **options)

    monkeypatch.setattr(simulation.Chains, "piece", stopping)
    with pytest.raises(SystemExit) as caught:
        run_job("simulate", [*OPTIONS, "--threads", "1", "--out", str(folder)])
    assert caught.value.code == 130
    assert f"--resume {folder}" in capsys.readouterr().err
    monkeypatch.setattr(simulation.Chains, "piece", piece)
    run_job("simulate", ["--resume", str(folder)])
    for size in (8, 12):
        with np.load(folder / f"states-{size}.npz") as again, np.load(finished / f"states-{size}.npz") as first:
            assert (again["bits"] == first["bits"]).all()
    assert (folder / "table.csv").read_text() == (finished / "table.csv").read_text()


@pytest.mark.thorough
@pytest.mark.drawn
@pytest.mark.parametrize(
    "options",
    [
        {"lattice": "kagome", "size": (4,)},
        {"lattice": "cubic", "size": (4,), "disorder": "plus-minus", "temperatures": (1.0, 2.0, 2)},
        {"lattice": "hypercubic", "dimension": 4, "size": (3,), "field": 0.2, "temperatures": (5.0, 5.0, 1)},
        {"lattice": "honeycomb", "size": (4,), "open": True, "coupling": -1.0, "update": "wolff"},
    ],
    ids=lambda options: options["lattice"],
)
def test_other_lattices_and_models(options, tmp_path, monkeypatch):
    if options["lattice"] not in ("kagome", "cubic"):  # one picture of points, one of a layer
        monkeypatch.setattr(RunFolder, "plot", lambda *_: [])
    result = simulate_job.run(SimulateConfig(**options, sweeps=40, out=tmp_path / "run"))
    assert all(np.isfinite(row["energy"]) and "energy_exact" not in row for row in result["rows"])
    assert (tmp_path / "run" / "states.png").exists() == (options["lattice"] in ("kagome", "cubic"))
    if options["lattice"] == "cubic":
        assert {row["update"] for row in result["rows"]} == {"sweeps"}


@pytest.mark.thorough
def test_tempering_and_more_observables(tmp_path):
    """A glass in tempering: overlaps, swaps and correlations are in the files, and in the figures."""
    out = tmp_path / "run"
    run_job("simulate", [
        *("--size", "4", "--disorder", "plus-minus", "--temperatures", "0.6", "3", "5", "--tempering"),
        *("--place-temperatures", "--measure", "correlations", "sublattices", "--sweeps", "100", "--out", str(out)),
    ])  # fmt: skip
    result = json.loads((out / "result.json").read_text())
    assert len(result["tempering"]["4"]["swap_rates"]) == 4
    assert min(result["tempering"]["4"]["swap_rates"]) > 0.1
    for row in result["rows"]:
        assert row["link_overlap"] ** 2 <= 1
        assert row["staggered_magnetisation"] > 0
    rows = list(csv.DictReader((out / "correlations-4.csv").open()))
    assert [row["cells"] for row in rows] == ["1", "2"] * 5
    with np.load(out / "series-4.npz") as series:
        q = series["overlap_0"]
        assert q.shape == (100, 4)
        assert abs(q).mean() == pytest.approx(result["rows"][0]["abs_overlap"], abs=0.05)
        assert series["link_overlap_0"].shape == (100, 4)
        assert series["sublattices_0"].shape == (100, 8, 2)
    assert all((out / f"{name}.png").exists() for name in ("correlations", "overlaps"))
    assert "swap rate" in (out / "table.txt").read_text()


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_antiferromagnets_have_their_critical_point(tmp_path):
    """By the order of their sublattices; the exact magnetisation of ferromagnets stands beside the measured one."""
    sizes = ["--size", "8", "12", "--temperatures", "2", "2.6", "4", "--sweeps", "400"]
    result = run_job("simulate", [*sizes, "--coupling", "-1", "--out", str(tmp_path / "run")])
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    critical, error = result["scaling"]["critical_temperature"]
    assert abs(critical - result["known_critical_temperature"]) < 4 * error + 0.03
    assert "abs_magnetisation_infinite" not in result["rows"][0]


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(
    ("options", "temperature", "there", "hint"),
    [
        (["--coupling", "-1"], "0.9", "not of the staggered order", ""),
        (["--disorder", "gaussian"], "0.9", "a transition shows only in averages over many of them", ""),
        (
            ["--update", "sweeps"],
            "2.3",
            "No critical point is estimated: size: expected",
            "More --sweeps, or clusters, help.",
        ),
        (["--disorder", "plus-minus"], "0.9", "shorter than 50 autocorrelation times at T = 0.9", "--tempering, help."),
    ],
)
def test_what_the_page_warns_of_is_on_the_terminal_and_in_the_table(
    options, temperature, there, hint, tmp_path, capsys
):
    out = tmp_path / "run"
    temperatures = ["--temperatures", temperature, temperature, "1"]
    run_job("simulate", [*options, *temperatures, "--size", "4", "6", "--sweeps", "20", "--out", str(out)])
    warnings = " ".join(json.loads((out / "result.json").read_text())["warnings"])
    for text in (capsys.readouterr().out, (out / "table.txt").read_text(), (out / "report.html").read_text(), warnings):
        assert there in text
        assert hint in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--temperatures", "-1", "2", "3"], "temperatures: expected a positive number, from 1e-100"),
        (["--temperatures", "1e-300", "1", "2"], "temperatures: expected a positive number, from 1e-100"),
        (["--temperatures", "0", "2", "3"], "temperatures: expected"),
        (["--temperatures", "3", "2", "3"], "temperatures: expected"),
        (["--size", "8", "8"], "size: expected different sizes"),
        (["--size", "1"], "shape: expected sides of at least 1, one of them at least 2"),
        (["--size", "0"], "shape: expected sides"),
        (["--size", "3000000"], "shape: expected a lattice of 9,000,000,000,000 sites that fits into memory"),
        (["--coupling", "0"], "coupling: expected a number other than 0"),
        (["--dimension", "3"], "dimension: expected only with --lattice hypercubic"),
        (["--lattice", "bcc", "--dimension", "2"], "dimension: expected only with --lattice hypercubic"),
        (["--error", "0"], "error: expected a positive number"),
        (["--sweeps", "5"], "sweeps: expected at least 20"),
        (["--place-temperatures"], "place_temperatures: expected only with --tempering,"),
        (["--exchange-clusters"], "exchange_clusters: expected only with --tempering,"),
        (["--tempering", "--chains", "3"], "chains: expected an even number with --tempering, got 3$"),
        (["--tempering", "--temperatures", "2", "2", "1"], "temperatures: expected at least two with --tempering, got"),
        (["--tempering", "--update", "wolff"], "update: expected only without --tempering,"),
        (["--measure", "sublattices", "--size", "5"], "measure: sublattices expected a bipartite lattice"),
        (["--measure", "correlations", "--open"], "graph: correlations expected a lattice that is periodic"),
        (["--measure", "overlaps", "overlaps"], "measure: expected each name once"),
        (["--measure", "overlaps", "--chains", "3"], "chains: expected an even number to measure overlaps"),
        (["--disorder", "plus-minus", "--update", "wolff", "--size", "6"], "frustration .* take --update sweeps"),
        (["--lattice", "triangular", "--coupling", "-1", "--update", "swendsen-wang"], "without frustration"),
    ],
)
def test_mistakes_are_one_line(arguments, message, capsys, tmp_path):
    assert re.search(message, refused(capsys, "simulate", *arguments, "--out", tmp_path / "run"))


def of_run(monkeypatch, out, *options):
    """The result, the table and the captions of a short run without figures."""
    captions = {}
    monkeypatch.setattr(
        RunFolder, "plot", lambda _, plots: captions.update({name: each[-1] for name, each in plots.items()}) or []
    )
    run_job("simulate", [*options, "--sweeps", "20", "--out", str(out)])
    return json.loads((out / "result.json").read_text()), (out / "table.txt").read_text(), captions


def test_a_page_says_what_holds_with_a_field(tmp_path, monkeypatch):
    result, table, captions = of_run(
        monkeypatch, tmp_path / "run", "--size", "4", "--field", "0.3", "--temperatures", "2", "2.00001", "2"
    )
    assert result["susceptibility"] == "N (⟨m²⟩ − ⟨m⟩²) / T"
    for text in (table, (tmp_path / "run" / "report.html").read_text()):
        assert "χ = N (⟨m²⟩ − ⟨m⟩²) / T, the response ∂⟨m⟩/∂h" in text
        assert "2.00001" in text
    assert "dashed" not in captions["curves"]


def test_a_page_says_why_exact_values_are_missing(tmp_path, monkeypatch):
    result, table, captions = of_run(
        monkeypatch, tmp_path / "run", "--size", "2", "4", "--temperatures", "0.01", "4.01", "2"
    )
    assert result["susceptibility"] == "N (⟨m²⟩ − ⟨|m|⟩²) / T"
    assert "No exact values for size 2: Kaufman's formula counts two bonds" in table
    assert "size 4 below T = 0.05" in table
    assert "dashed line" in captions["curves"]
    rows = list(csv.DictReader((tmp_path / "run" / "table.csv").open()))
    assert [bool(row["energy_exact"]) for row in rows] == [False, False, False, True]


def test_an_energy_that_never_changed_has_no_error(tmp_path, capsys, no_figures):  # noqa: ARG001
    options = ["--lattice", "bcc", "--size", "2", "--temperatures", "0.5", "0.5", "1", "--sweeps", "20"]
    run_job("simulate", [*options, "--out", str(tmp_path / "run")])
    assert "At 1 of 1 temperatures the energy never changed" in capsys.readouterr().out
    assert "0.666667" in (tmp_path / "run" / "table.txt").read_text()
