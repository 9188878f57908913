"""Density estimation from a user's side: what a run leaves behind, and what a mistake looks like."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import refused

from discrete_ed import (
    InputError,
    IsingEnergy,
    NetworkEnergy,
    NumericalError,
    RBMEnergy,
    SumEnergy,
    enumerate_states,
    load_energy,
    log_law,
    log_likelihood,
    read_table,
)
from discrete_ed.data import datasets
from discrete_ed.density import fitting
from discrete_ed.density import sampling as density_sampling
from discrete_ed.density import scores as density_scores
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.estimate import figures as density_figures
from discrete_ed.jobs.estimate import report, training, tuning
from discrete_ed.jobs.estimate import run as estimate
from discrete_ed.jobs.estimate.config import EstimateConfig, resolve, rival_of
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.sample import run as sampling
from discrete_ed.jobs.sample.config import SampleConfig
from discrete_ed.training.selection import Selected

TINY = {"steps": 40, "samples": 40, "batch": 32}
CHAINS = {"sampler_steps": 4, "temperatures": 5}  # for data that can't be enumerated
SMALL = {**TINY, "width": 8, "layers": 1}
FILES = {"config.json", "env.json", "metrics.jsonl", "checkpoint", "result.json", "report.html", "samples.npy"}
FIGURES = {"marginals.png", "curves.png"}


@pytest.fixture
def table(tmp_path):
    """A hundred rows of five bits, of which the second copies the first."""
    rng = np.random.default_rng(0)
    values = rng.integers(2, size=(100, 5))
    values[:, 1] = values[:, 0]
    path = tmp_path / "mine.csv"
    np.savetxt(path, values, fmt="%d", delimiter=",", header="a,b,c,d,e", comments="")
    return path


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(density_scores, "UNIFORM_SAMPLES", 2000)
    monkeypatch.setattr(density_sampling, "UNIFORM_STARTS", 2000)
    monkeypatch.setattr(density_figures, "PIXELS", 12)
    monkeypatch.setattr(datasets, "TOY_SIZES", {"train": 2000, "valid": 100, "test": 400})


def test_a_table_with_missing_cells_is_fitted_and_scored_by_the_cells_that_are_there(table, tmp_path, capsys):
    """The likelihood of a row in which cells are missing is a sum over their values."""
    head, *lines = table.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    holes = np.random.default_rng(1).random((len(cells), 5)) < 0.1
    rows = [",".join(np.where(gap, "", row)) for row, gap in zip(cells, holes, strict=True)]
    holed = tmp_path / "holed.csv"
    holed.write_text("\n".join([head, *rows]) + "\n")
    assert "got a missing value (''); --missing (missing=True) allows" in refused(capsys, "estimate", "--data", holed)
    out = tmp_path / "run"
    result = estimate.run(EstimateConfig(data=str(holed), missing=True, out=out, loss="block-ed", **SMALL))
    data = datasets.load_table_data(holed, missing=True)
    assert sum(mask.sum() for mask in data.missing) == holes.sum()
    law = log_law(load_energy(out / "checkpoint", NetworkEnergy).double())
    states = enumerate_states(5)
    expected = [
        law[((states == torch.from_numpy(row)) | torch.from_numpy(gap)).all(1)].logsumexp(0).item()
        for row, gap in zip(data.test, data.missing[2], strict=True)
    ]
    assert result["test_log_likelihood"] == pytest.approx(np.mean(expected), abs=1e-5)
    scored = [float(row["log_likelihood"]) for row in csv.DictReader((out / "test.scores.csv").open())]
    assert scored == pytest.approx(expected, abs=1e-5)
    assert "of the cells are missing" in capsys.readouterr().err


def test_options_are_looked_for_by_validation_rows_and_a_resumed_run_repeats_no_trial(table, tmp_path, monkeypatch):
    """Options that differ from their defaults are kept; the best trial decides the others."""
    monkeypatch.setattr(tuning, "FEWEST_STEPS", 5)
    monkeypatch.setattr(tuning, "ALTERNATIVES", {"mlp": {"width": (8, 4), "weight_decay": (0.5,), "layers": (1,)}})
    data = datasets.load_table_data(table)
    config = resolve(EstimateConfig(data=str(table), tune=0.0005, weight_decay=0.2, batch=32, loss="block-ed"), data)
    train, valid = torch.from_numpy(data.train), torch.from_numpy(data.valid).float()
    own, fits = tuning.fit_density, []

    def fit(energy, *arguments, **named):
        fits.append(energy)
        if len(fits) == 2:
            raise KeyboardInterrupt
        return own(energy, *arguments, **named)

    monkeypatch.setattr(tuning, "fit_density", fit)

    def tuned():
        folder = RunFolder(tmp_path / "run" if not fits else None, "estimate", "mine", resumable())
        build = partial(training.build_energy, train, None)
        return tuning.tuned(config, data, train, valid, build, training.loss_of, folder)

    def resumable():
        return config if not fits else replace(config, resume=tmp_path / "run")

    with pytest.raises(KeyboardInterrupt):
        tuned()
    chosen, trials = tuned()
    assert len(fits) == len(trials) + 1  # the interrupted trial was repeated, the first one was not
    assert trials[0].settings == {"width": 64, "layers": 2}
    assert {tuple(trial.settings) for trial in trials} == {("width", "layers")}
    best = max(trials, key=lambda trial: trial.score)
    assert (chosen.width, chosen.layers, chosen.weight_decay) == (*best.settings.values(), 0.2)
    assert 1 <= chosen.steps < config.steps
    rows = tuning.trial_table([vars(trial) for trial in trials], 0)
    assert rows[0] == ["width", "layers", "validation log-likelihood", ""]
    assert rows[1] == ["64", "2", f"{trials[0].score:.4f}", "chosen"]


def test_minutes_limit_the_steps_and_the_ensemble_of_small_tables_too(table, tmp_path, monkeypatch, capsys):
    """Their defaults are an ensemble and two recipes, both of which are tried; too few minutes are told of."""
    monkeypatch.setattr(tuning, "FEWEST_STEPS", 5)
    monkeypatch.setattr(tuning, "ALTERNATIVES", {"mlp": {"width": (4,)}})
    data = datasets.load_table_data(table)
    config = resolve(EstimateConfig(data=str(table), tune=0.0005), data)
    train, valid = torch.from_numpy(data.train), torch.from_numpy(data.valid).float()
    with RunFolder(tmp_path / "run", "estimate", "mine", config) as folder:
        build = partial(training.build_energy, train, None)
        chosen, trials = tuning.tuned(config, data, train, valid, build, training.loss_of, folder)
    assert [trial.settings["loss"] for trial in trials[:2]] == ["pl", "block-ed"]
    assert chosen.members == 1
    assert chosen.steps < config.steps
    assert f"steps, fewer than the {config.steps} of a run without --tune; --tune" in capsys.readouterr().err


@pytest.mark.parametrize("last", [True, False])
def test_the_final_fit_is_longer_only_where_trials_still_gained(table, tmp_path, monkeypatch, capsys, last):
    """Trials are no longer than usual, minutes go into the usual ensemble first, and the choice is told."""
    data = datasets.load_table_data(table)
    config = resolve(EstimateConfig(data=str(table), tune=30.0), data)
    assert (config.members, config.steps) == (6, 2500)
    train, valid = torch.from_numpy(data.train), torch.from_numpy(data.valid).float()

    def fit(*arguments, **_named):
        steps = arguments[4].steps
        assert steps == 2500
        return Selected(steps if last else steps - 125, 0.0, [], [])

    monkeypatch.setattr(tuning, "fit_density", fit)
    monkeypatch.setattr(tuning, "score_on_valid", lambda energy, *_: -float(sum(map(torch.numel, energy.parameters()))))
    with RunFolder(tmp_path / "run", "estimate", "mine", config) as folder:
        build = partial(training.build_energy, train, None)
        chosen, trials = tuning.tuned(config, data, train, valid, build, training.loss_of, folder)
    assert chosen.members == 6
    assert (chosen.steps > 2500) == last
    assert (chosen.width, chosen.layers) == (64, 1)  # the smallest
    said = capsys.readouterr().err
    assert "trial 3: width 256: -" in said
    assert f"the best of {len(trials)} trials of 2500 steps" in said
    assert f"the final fit trains 6 of {chosen.steps} steps" in said


def test_a_run_on_a_table_leaves_everything_behind(table, tmp_path, capsys):
    out = tmp_path / "run"
    result = estimate.run(EstimateConfig(data=str(table), out=out, loss="block-ed", **SMALL))
    assert {path.name for path in out.iterdir()} == FILES | FIGURES | {"inputs.json", "samples.csv", "test.scores.csv"}
    assert json.loads((out / "result.json").read_text()) == result
    assert result["exact"]
    assert result["lower"] == result["upper"] == result["test_log_likelihood"]
    assert {"mmd2", "mmd2_floor", "seconds"} <= result.keys()
    assert (result["mmd_size"], result["mmd_repeats"], result["mmd2_error"]) == (20, 1, None)
    assert result["mmd2_interval"][0] < result["mmd2"] < result["mmd2_interval"][1]
    assert result["toy"] is None
    energy = load_energy(out / "checkpoint", NetworkEnergy)
    test = torch.from_numpy(datasets.load_table_data(table).test).float()
    assert log_likelihood(energy, test).mean == pytest.approx(result["test_log_likelihood"], abs=1e-5)
    samples = read_table(out / "samples.npy").values
    assert samples.shape == (400, 5)
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert len(records) == 40
    assert sum("score" in record for record in records) == 20
    rows = list(csv.DictReader((out / "test.scores.csv").open()))
    assert np.mean([float(row["log_likelihood"]) for row in rows]) == pytest.approx(result["test_log_likelihood"])
    places = torch.tensor([int(row["row"]) - 1 for row in rows])  # in the table from which they were split off
    whole = torch.from_numpy(read_table(table).values)[places].float()
    found = log_likelihood(energy, whole).values.tolist()
    assert found == pytest.approx([float(row["log_likelihood"]) for row in rows], abs=1e-5)
    assert max(places) >= len(test)
    page = (out / "report.html").read_text()
    worst = min(rows, key=lambda row: float(row["log_likelihood"]))
    assert page.index("The least probable test rows") < page.index(worst["log_likelihood"])
    assert "<img" in page
    assert "http" not in page.split("</style>")[1]
    assert report.verdict(result) in page
    assert "None" not in page
    printed = capsys.readouterr().out
    for row in ("test log-likelihood", "independent columns", "p-value"):
        assert row in printed
        assert row in page


def wide_table(folder: Path) -> Path:
    """Two hundred rows of 17 bits."""
    path = folder / "wide.csv"
    values = (np.random.default_rng(0).random((200, 17)) < 0.3).astype(int)
    np.savetxt(path, values, fmt="%d", delimiter=",", header=",".join("abcdefghijklmnopq"), comments="")
    return path


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_validation_rows_choose_between_two_recipes_and_a_diverged_one_never_wins(tmp_path, monkeypatch):
    """On 17 bits, so all scores are exact. Training by the second recipe diverges in the second run."""
    path = wide_table(tmp_path)
    results, own = [], training.fit_ensemble

    def fit_ensemble(build, *arguments, **named):
        if results and build.args[-1].loss == "block-ed":
            raise NumericalError("diverged")
        return own(build, *arguments, **named)

    monkeypatch.setattr(training, "fit_ensemble", fit_ensemble)
    monkeypatch.setattr(training, "TRIED", 2.0)  # nothing is dropped
    for name in ("both", "one"):
        result = estimate.run(EstimateConfig(data=str(path), out=tmp_path / name, sampler_steps=5, **SMALL))
        first, second = result["tuning"]["trials"]
        assert [trial["settings"]["loss"] for trial in (first, second)] == ["erasure", "block-ed"]
        assert [trial["settings"]["components"] for trial in (first, second)] == [2, 1]
        assert {trial["settings"]["width"] for trial in (first, second)} == {8}  # what the user chose stays
        chosen = result["tuning"]["trials"][result["tuning"]["chosen"]]
        if name == "both":
            gained = result["valid_log_likelihood"] - chosen["score"]  # by the linear term that refits the marginals
            marginals = result["marginals"]
            assert gained == pytest.approx(marginals["gain"] if marginals["taken"] else 0.0, abs=0.05)
            assert chosen["score"] == max(first["score"], second["score"])
        assert result["loss"] == chosen["settings"]["loss"]
        energy = load_energy(tmp_path / name / "checkpoint")
        test = torch.from_numpy(datasets.load_table_data(path).test).float()
        assert log_likelihood(energy, test).mean == pytest.approx(result["test_log_likelihood"], abs=1e-4)
        results.append(result)
    assert (first["score"], first["reason"]) == (None, "the only one left")
    assert (second["score"], second["reason"]) == (None, "training diverged")


@pytest.mark.parametrize("worse", [True, False])
def test_a_second_recipe_is_dropped_after_a_quarter_of_its_steps_if_it_is_worse(tmp_path, monkeypatch, worse):
    """Its scores are below the best one of the first recipe at first, and in the end always above it."""
    data = datasets.load_table_data(wide_table(tmp_path))
    train, valid = torch.from_numpy(data.train), torch.from_numpy(data.valid).float()
    first = resolve(EstimateConfig(width=4, layers=1, steps=40, batch=16), data)
    calls = []

    def score(energy, x):  # noqa: ARG001
        calls.append(energy)
        return 1.0 if len(calls) <= 20 else len(calls) - (29.5 if worse else 24)

    monkeypatch.setattr(fitting, "validation_score", score)
    with RunFolder(tmp_path / "run", "estimate", "mine", first) as folder:
        one, other = training.fit_recipes(train, valid, None, [first, rival_of(first, data)], folder)
        trials = tuning.compared([first, rival_of(first, data)], [one, other], train, valid, folder)
    assert [len(fit.records) for fit in one.ensemble.fits] == [40]
    if worse:
        assert other.ensemble is None
        assert other.reason == "dropped after 10 steps, -4.500 against 1.000"
        assert len(calls) == 20 + 5
        assert [trial.score for trial in trials] == [None, None]
        assert tuning.chosen_recipe(trials, [one, other]) == 0
        assert tuning.chosen_recipe(trials, [other, one]) == 1
    else:
        assert [len(fit.records) for fit in other.ensemble.fits] == [40]
        assert tuning.chosen_recipe(trials, [one, other]) == int(trials[1].score > trials[0].score)


def test_there_are_two_recipes_unless_the_user_chooses_a_part_of_one(tmp_path):
    path = wide_table(tmp_path)
    data = datasets.load_table_data(path)
    first = resolve(EstimateConfig(data=str(path), width=8), data)
    second = rival_of(first, data)
    assert (first.loss, first.components, first.width) == ("erasure", 2, 8)
    assert (second.loss, second.components, second.width, second.weight_decay) == ("block-ed", 1, 8, 0.0)
    for alone in ({"loss": "erasure"}, {"components": 2}, {"choose": False}, {"energy": "rbm"}):
        assert rival_of(resolve(EstimateConfig(data=str(path), **alone), data), data) is None
    with pytest.raises(InputError, match="choose: expected a network and a table, for which"):
        rival_of(resolve(EstimateConfig(data=str(path), energy="rbm", choose=True), data), data)


@pytest.mark.usefixtures("no_figures")
def test_held_out_rows_that_are_the_training_rows_bring_a_warning(table, tmp_path):
    with pytest.warns(UserWarning, match="test: the rows are the training rows"):
        estimate.run(EstimateConfig(data=str(table), test=table, out=tmp_path / "run", loss="pl", **SMALL))


@pytest.mark.thorough
def test_a_run_on_a_toy_knows_the_truth(quick, tmp_path):  # noqa: ARG001
    out = tmp_path / "run"
    result = estimate.run(EstimateConfig(data="checkerboard", loss="ed", out=out, **SMALL, **CHAINS))
    assert {path.name for path in out.iterdir()} == FILES | FIGURES | {"density.png", "samples.png"}
    assert not result["exact"]
    assert result["lower"] < result["test_log_likelihood"] < result["upper"]
    assert result["toy"]["entropy"] == pytest.approx(20.677, abs=1e-3)
    assert -result["upper"] > result["toy"]["entropy"] - 1
    assert result["warnings"] == [] or "bracket" in result["warnings"][0]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "build"),
    [
        ({"energy": "rbm", "loss": "pcd", "buffer": 50, "width": 8}, RBMEnergy),
        ({"energy": "ising", "loss": "pl", "patience": 3}, IsingEnergy),
        ({"energy": "residual", "loss": "rm", "width": 8, "layers": 1}, NetworkEnergy),
        ({"loss": "cd", "chain_steps": 2, "width": 8, "layers": 1}, NetworkEnergy),
        ({"energy": "ising", "loss": "pl", "members": 2}, SumEnergy),
    ],
)
def test_every_energy_and_loss_runs_and_can_be_loaded(table, tmp_path, arguments, build):
    out = tmp_path / "run"
    result = estimate.run(EstimateConfig(data=str(table), out=out, **{**TINY, **arguments}))
    energy = load_energy(out / "checkpoint", build)
    assert len(result["steps"]) == arguments.get("members", 1)
    assert sum(parameter.numel() for parameter in energy.parameters()) == result["parameters"]
    test = torch.from_numpy(datasets.load_table_data(table).test).float()
    assert log_likelihood(energy, test).mean == pytest.approx(result["test_log_likelihood"], abs=1e-5)
    drawn = sampling.run(SampleConfig(energy=out / "checkpoint", chains=2, steps=5, warmup=1, out=tmp_path / "drawn"))
    assert drawn["energy"] == build.__name__


def test_an_ensemble_that_is_interrupted_keeps_the_members_that_are_whole(table, tmp_path, monkeypatch):
    real, calls = training.fit_member, []

    def interrupted(*arguments, **settings):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **settings)

    monkeypatch.setattr(training, "fit_member", interrupted)
    config = EstimateConfig(data=str(table), out=tmp_path / "run", energy="ising", loss="pl", members=3, **TINY)
    with pytest.raises(KeyboardInterrupt):
        estimate.run(config)
    energy = load_energy(tmp_path / "run" / "checkpoint", SumEnergy)
    assert energy.scale == 1 / 2
    assert [torch.equal(a.pairs, b[0].pairs) for a, b in zip(energy.terms, calls, strict=False)] == [True, True]


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_the_same_seed_gives_the_same_result(table, tmp_path):
    def result(name: str, seed: int) -> dict:
        found = estimate.run(EstimateConfig(data=str(table), out=tmp_path / name, seed=seed, loss="pl", **SMALL))
        return {key: value for key, value in found.items() if key != "seconds"}

    assert result("a", 1) == result("b", 1)
    assert result("c", 2) != result("d", 1)


@pytest.mark.thorough
def test_images_are_shown_as_such(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(density_sampling, "UNIFORM_STARTS", 2000)
    out = tmp_path / "run"
    estimate.run(
        EstimateConfig(data="digits", energy="conv", loss="ed", out=out, **{**SMALL, **CHAINS, "steps": 3, "width": 2})
    )
    assert {path.name for path in out.iterdir()} == FILES | FIGURES | {"samples.png"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nonsense"], "data: expected one of 2spirals"),
        (["--steps", "0"], "steps"),
        (["--epsilon", "0.7"], "epsilon"),
        (["--device", "abacus"], "device: expected cpu"),
        (["--energy", "conv"], "energy: expected mlp, residual, rbm or ising, as mine is no set of images, got conv"),
        (["--data", "wide.csv", "--loss", "ml"], "loss: expected ml with at most 16 columns only, got 17"),
        (["--test", "labels.csv"], "row 2, column 'e': expected 0 or 1"),
        (["--valid", "narrow.csv"], "expected 5 columns as in"),
        (["--negatives", "4"], "negatives: expected only with --loss ed or erasure, since it has no effect otherwise"),
        (["--loss", "pl", "--epsilon", "0.2"], "epsilon: expected only with --loss ed or block-ed"),
        (["--energy", "ising", "--width", "8"], "width: expected only with --energy mlp or residual or conv or rbm"),
        (["--energy", "rbm", "--layers", "1"], "layers: expected only with --energy mlp or residual or conv"),
        (["--loss", "cd", "--buffer", "50"], "buffer: expected only with --loss pcd"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(table, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.csv").write_text("a,b,c,d,e\n1,0,1,0,7\n0,1,0,0,0\n")
    (tmp_path / "narrow.csv").write_text("a,b\n1,0\n0,1\n")
    np.savetxt(tmp_path / "wide.csv", np.random.default_rng(0).integers(2, size=(50, 17)), fmt="%d", delimiter=",")
    given = arguments if "--data" in arguments else ["--data", str(table), *arguments]
    with pytest.raises(SystemExit) as stop:
        run_job("estimate", given)
    assert stop.value.code == 2
    streams = capsys.readouterr()
    assert message in " ".join((streams.err + streams.out).split())
    assert "Traceback" not in streams.err
    assert not (tmp_path / "runs").exists()


def resolved(**arguments):
    """The options of a run on a table of five columns."""
    rows = np.eye(5, dtype=np.uint8)
    return resolve(EstimateConfig(**arguments), datasets.TableData("x", "rows of x", rows, rows, rows, tuple("abcde")))


@pytest.mark.parametrize(
    ("arguments", "exact", "without_effect"),
    [
        (
            {"loss": "block-ed"},
            True,
            {"negatives", "w", "chain_steps", "buffer", "temperatures", "runs", "sampler_steps"},
        ),
        ({"loss": "ed", "energy": "rbm"}, False, {"layers", "components", "choose", "block", "chain_steps", "buffer"}),
        (
            {"loss": "pcd", "energy": "ising"},
            False,
            {"width", "layers", "components", "choose", "epsilon", "negatives", "w", "block"},
        ),
    ],
)
def test_the_page_shows_the_options_that_have_an_effect(arguments, exact, without_effect):
    config = resolved(patience=3, temperatures=9, tune=1.0, valid=Path("v"), test=Path("t"), **arguments)
    shown = reported_options(config, exact=exact, enumerated=exact)
    assert vars(config).keys() - shown.keys() - {"out", "resume", "checkpoint_seconds", "types"} == without_effect
    assert None not in shown.values()


def test_options_of_chains_and_annealing_have_no_effect_where_states_are_enumerated(table, tmp_path):
    for option in ("sampler_steps", "temperatures", "runs", "root"):
        value = Path("elsewhere") if option == "root" else 7
        with pytest.raises(InputError, match=f"^{option}: expected only .*, since it has no effect otherwise"):
            estimate.run(EstimateConfig(data=str(table), out=tmp_path / "run", **{option: value}, **TINY))
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ({}, {"loss": "pl", "epsilon": None, "choose": True, "members": 6, "width": 64, "steps": 2500, "batch": 256}),
        ({"members": 2, "choose": False}, {"loss": "pl", "members": 2, "weight_decay": 0.05}),
        ({"loss": "block-ed"}, {"epsilon": 0.5, "choose": False, "members": 1, "layers": 2, "weight_decay": 0.0}),
        ({"energy": "rbm"}, {"loss": "block-ed", "choose": False, "members": 1}),
        ({"loss": "ed"}, {"epsilon": 0.1, "learning_rate": 1.5e-3}),
        ({"loss": "ed", "epsilon": 0.2, "steps": 7}, {"epsilon": 0.2, "steps": 7}),
        ({"loss": "pcd", "buffer": 50, "batch": 60}, {"buffer": 60}),
        ({"loss": "pcd"}, {"buffer": 1000}),
    ],
)
def test_what_the_user_leaves_open_is_filled_in(arguments, chosen):
    config = resolved(**arguments)
    assert {name: getattr(config, name) for name in chosen} == chosen


def test_densities_in_the_plane_and_images_have_defaults_of_their_own(quick):  # noqa: ARG001
    plane = resolve(EstimateConfig(), datasets.load_table_data("moons"))
    assert (plane.loss, plane.epsilon, plane.width, plane.layers, plane.steps) == ("ed", 0.1, 128, 3, 3000)
    rows = np.eye(4, dtype=np.uint8)
    pictures = datasets.TableData("x", "images", rows, rows, rows, tuple("abcd"), shape=(2, 2))
    images = resolve(EstimateConfig(energy="conv"), pictures)
    assert (images.loss, images.width, images.layers, images.steps) == ("block-ed", 16, 1, 4000)


RESULT = {
    "exact": True,
    "test_log_likelihood": -5.994,
    "lower": -6.1,
    "upper": -5.9,
    "independent_columns": -9.234,
    "toy": None,
    "mmd2_p_value": 0.412,
    "mmd2_floor_p_value": 0.7,
}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {},
            "Test log-likelihood -5.994 nats a row (exact), where independent columns have -9.234; samples differ from "
            "test rows no more than chance allows (p = 0.41).",
        ),
        (
            {"exact": False, "mmd2_p_value": 0.003, "toy": {"entropy": 5.5}},
            "Test log-likelihood -5.994 nats a row (between -6.100 and -5.900), where independent columns have -9.234 "
            "and the truth -5.500; samples differ from test rows (p = 0.003; training rows: p = 0.700).",
        ),
    ],
)
def test_the_verdict_gives_each_number_with_its_yardstick(changes, sentence):
    assert report.verdict({**RESULT, **changes}) == sentence


def test_scores_on_the_page_have_a_name(table, tmp_path, monkeypatch):
    real, plotted = density_figures.curves, []
    monkeypatch.setattr(density_figures, "curves", lambda *given: plotted.append(real(*given)) or plotted[0])
    estimate.run(EstimateConfig(data=str(table), out=tmp_path / "run", loss="block-ed", **SMALL))
    assert plotted[0].axes[1].get_ylabel() == "mean log-likelihood, nats"
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<dt>block</dt>" in page
    assert "<dt>negatives</dt>" not in page


def test_the_help_lists_every_named_data_set(capsys):
    with pytest.raises(SystemExit):
        run_job("estimate", ["--help"])
    words = capsys.readouterr().out.replace(",", " ").replace(";", " ").split()
    assert not datasets.NAMED.keys() - set(words)


@pytest.mark.usefixtures("no_figures")
def test_two_test_rows_are_enough(table, tmp_path):
    (tmp_path / "two.csv").write_text("a,b,c,d,e\n1,1,1,0,1\n0,0,0,0,0\n")
    config = EstimateConfig(data=str(table), test=tmp_path / "two.csv", out=tmp_path / "run", **SMALL)
    assert estimate.run(config)["mmd_size"] == 2


def test_a_diverging_fit_says_so_and_keeps_the_energy(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "density_loss", lambda *_, **__: lambda energy, x: energy(x).sum() * torch.nan)
    with pytest.raises(SystemExit) as stop:
        run_job("estimate", ["--data", str(table), "--steps", "3", "--out", str(tmp_path / "run")])
    assert stop.value.code == 2
    assert "not finite at step 1" in capsys.readouterr().err
    assert (tmp_path / "run" / "checkpoint" / "manifest.json").exists()
