"""The job that compares perturbations, and the main job with each of them, small."""

from __future__ import annotations

import json

import networkx as nx
import pytest

from discrete_ed import InputError, write_graphs
from discrete_ed.jobs.compare_perturbations import run as perturbations
from discrete_ed.jobs.compare_perturbations.config import ComparePerturbationsConfig
from discrete_ed.jobs.generate import run as generate
from discrete_ed.jobs.generate.config import GenerateConfig


@pytest.mark.thorough
def test_the_comparison_measures_bias_noise_and_time(tmp_path, capsys):
    config = ComparePerturbationsConfig(side=3, samples=800, probe=800, m=4, steps=20, batch=100, out=tmp_path / "run")
    result = perturbations.run(config)
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == result
    rows = result["losses"]
    printed = capsys.readouterr().out
    for name, row in rows.items():
        assert f"{row['bias']:+.4f}" in printed
        assert row["noise"] > 0
        if "w = 0" not in name:  # no bias but that of 800 samples, which all losses share
            assert abs(row["bias"]) < 4.5 * row["bias_error"] + 0.02
    assert rows["Bernoulli, ε = 0.1, w = 0"]["bias"] > 5 * rows["Bernoulli, ε = 0.1, w = 0"]["bias_error"]
    assert rows["Informed, ε = 0.1"]["noise"] < rows["Bernoulli, ε = 0.1"]["noise"]
    assert all(0.1 < rows[name]["among_errors"] < 0.4 for name in ("Informed, ε = 0.1", "Block, k = 6, ε = 0.5"))
    assert min(row["relative_time"] for row in rows.values()) == 1


@pytest.mark.thorough
def test_a_comparison_goes_on_loss_by_loss(tmp_path, monkeypatch):
    options = {"side": 3, "samples": 200, "probe": 200, "m": 2, "steps": 5, "batch": 50}
    whole = perturbations.run(ComparePerturbationsConfig(**options, out=tmp_path / "whole"))
    real, calls = perturbations.compare_loss, []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(perturbations, "compare_loss", killed)
    with pytest.raises(KeyboardInterrupt):
        perturbations.run(ComparePerturbationsConfig(**options, out=tmp_path / "run"))
    found = perturbations.run(ComparePerturbationsConfig(resume=tmp_path / "run"))
    assert len(calls) == len(whole["losses"]) + 1
    for name, row in found["losses"].items():
        assert row["bias"] == whole["losses"][name]["bias"]
        assert row["mean_edge"] == whole["losses"][name]["mean_edge"]


@pytest.mark.parametrize(
    "wrong", [{"epsilon": 0.0}, {"side": 2}, {"side": 11}, {"steps": 0}, {"learning_rate": 0.0}, {"sigma": -1.0}]
)
def test_bad_settings_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        ComparePerturbationsConfig(**wrong)


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("name", ["informed", "block", "node-block"])
def test_the_main_job_trains_with_other_perturbations(tmp_path, name):
    graphs = [nx.cycle_graph(n) for n in range(3, 7)] + [nx.path_graph(2)]
    write_graphs(tmp_path / "mine.g6", graphs * 3)
    sizes = {"levels": 0, "steps": 3, "samples": 6, "sampler_steps": 2, "batch": 6, "width": 4, "layers": 1}
    sizes |= {"negatives": 2} if name == "informed" else {}
    config = GenerateConfig(data=str(tmp_path / "mine.g6"), perturbation=name, out=tmp_path / "run", **sizes)
    result = generate.run(config)
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert len([r for r in records if r["phase"] == "train" and r["grad_norm"] > 0]) == 3
    assert result["generated_graphs"] == 6
