"""The job that compares perturbations, small."""

from __future__ import annotations

import json

import pytest

from discrete_ed import InputError
from discrete_ed.experiments import perturbations
from discrete_ed.experiments.configs import ComparePerturbations


def test_the_comparison_measures_bias_noise_and_time(tmp_path, capsys):
    config = ComparePerturbations(side=3, samples=1000, probe=1000, m=4, steps=60, batch=200, out=tmp_path / "run")
    result = perturbations.run(config)
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == result
    rows = result["losses"]
    printed = capsys.readouterr().out
    for name, row in rows.items():
        assert f"{row['bias']:+.4f}" in printed
        assert row["noise"] > 0
        if "w = 0" not in name:  # no bias but that of 1,000 samples, which all losses share
            assert abs(row["bias"]) < 4.5 * row["bias_error"] + 0.02
    assert rows["Bernoulli, ε = 0.1, w = 0"]["bias"] > 5 * rows["Bernoulli, ε = 0.1, w = 0"]["bias_error"]
    assert rows["Informed, ε = 0.1"]["noise"] < rows["Bernoulli, ε = 0.1"]["noise"]
    assert min(row["relative_time"] for row in rows.values()) == 1


@pytest.mark.parametrize(
    "wrong", [{"epsilon": 0.0}, {"side": 2}, {"steps": 0}, {"learning_rate": 0.0}, {"sigma": -1.0}]
)
def test_bad_settings_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        ComparePerturbations(**wrong)
