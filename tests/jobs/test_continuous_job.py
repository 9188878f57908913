"""The job on real vectors, from a user's side."""

from __future__ import annotations

import json

import numpy as np
import pytest

from discrete_ed import InputError
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.continuous import run as continuous
from discrete_ed.jobs.continuous.config import ContinuousConfig


@pytest.mark.thorough
@pytest.mark.drawn
def test_the_mixture_figure_shows_what_it_claims(tmp_path):
    numbers = continuous.run(ContinuousConfig(part="mixture", out=tmp_path / "run"))["mixture"]
    assert numbers["energy discrepancy, t = 32"]["correlation_with_likelihood"] > 0.99
    assert numbers["score matching"]["spread_of_likelihood"] < 0.05
    assert numbers["maximum likelihood"]["minimiser"] == pytest.approx(0.2, abs=0.03)
    assert (tmp_path / "run" / "mixture.png").stat().st_size > 10_000
    assert json.loads((tmp_path / "run" / "result.json").read_text())["mixture"] == numbers


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The options, the result and the folder of a run of all parts that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    np.save(folder / "mine.npy", np.random.default_rng(0).random((60, 4, 4)))
    options = {"images": folder / "mine.npy", "steps": 3, "sampler_steps": 2, "latent": 2}
    return options, continuous.run(ContinuousConfig(**options, out=folder / "run")), folder / "run"


@pytest.mark.thorough
def test_all_parts_leave_a_page_behind(whole):
    _, result, folder = whole
    assert {"mixture", "gaussians", "latent"} <= result.keys()
    assert result["latent"]["images"] == 60
    assert (folder / "report.html").read_text().count("data:image/svg+xml;base64,") == 3


@pytest.mark.thorough
@pytest.mark.drawn
def test_a_run_goes_on_part_by_part(whole, tmp_path, monkeypatch):
    options, result, folder = whole

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(continuous, "latent", killed)
        with pytest.raises(KeyboardInterrupt):
            continuous.run(ContinuousConfig(**options, out=tmp_path / "run"))
    monkeypatch.setattr(continuous, "mixture", killed)  # it is not done again
    assert continuous.run(ContinuousConfig(resume=tmp_path / "run")) == result
    for name in ("mixture.png", "gaussians.png", "latent.png"):
        assert (tmp_path / "run" / name).read_bytes() == (folder / name).read_bytes()


def test_a_missing_file_of_images_is_told_before_anything_is_made(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run_job("continuous", ["--part", "latent", "--images", "absent.gz", "--out", str(tmp_path / "run")])
    assert capsys.readouterr().err.startswith("error: absent.gz: expected images as idx")
    assert not (tmp_path / "run").exists()


@pytest.mark.thorough
def test_the_page_has_a_verdict_and_the_options_in_effect(tmp_path):
    continuous.run(ContinuousConfig(part="gaussians", steps=3, sampler_steps=2, out=tmp_path / "run"))
    page = (tmp_path / "run" / "report.html").read_text()
    assert "the learned density of 25 modes has total variation" in page
    assert "<dt>steps</dt>" in page
    assert "<dt>latent</dt>" not in page
    assert "None" not in page
    assert "latent" not in json.loads((tmp_path / "run" / "config.json").read_text())


@pytest.mark.parametrize(
    ("part", "option", "value"),
    [
        ("mixture", "steps", 5),
        ("mixture", "sampler_steps", 5),
        ("gaussians", "latent", 2),
        ("gaussians", "images", "x"),
    ],
)
def test_an_option_of_another_part_is_refused(tmp_path, part, option, value):
    with pytest.raises(InputError, match=f"{option}: expected only with --part"):
        continuous.run(ContinuousConfig(part=part, out=tmp_path / "run", **{option: value}))


@pytest.mark.parametrize(
    ("option", "value"),
    [("steps", 0), ("latent", 0), ("most_images", 9), ("sampler_steps", -1), ("learning_rate", 0.0)],
)
def test_bad_settings_are_refused(option, value):
    with pytest.raises(InputError, match=f"{option}: expected"):
        ContinuousConfig(**{option: value})
