"""The density job goes on where it was killed."""

from __future__ import annotations

import json

import pytest

from discrete_ed.density import sampling as density_sampling
from discrete_ed.jobs.estimate import config as estimate_config
from discrete_ed.jobs.estimate import report
from discrete_ed.jobs.estimate import run as estimate
from discrete_ed.jobs.estimate.config import EstimateConfig
from discrete_ed.jobs.run_folder import RunFolder

TINY = {"steps": 20, "samples": 20, "sampler_steps": 10, "width": 8, "layers": 1, "loss": "pcd"}


class Killed(Exception):
    """Stands for kill -9."""


@pytest.mark.thorough
def test_killed_in_every_phase_and_resumed_is_uninterrupted(tmp_path, monkeypatch):
    table = tmp_path / "table.csv"
    table.write_text("\n".join(f"{k % 2},{k % 3 % 2},{k * k % 5 % 2},{k // 4 % 2}" for k in range(200)))
    for module in (density_sampling, estimate_config):  # chains, as with more bits
        monkeypatch.setattr(module, "SMALL_BITS", 0)
    monkeypatch.setattr(density_sampling, "UNIFORM_STARTS", 1000)

    def killed(real, when):
        calls = []

        def call(*arguments, **named):
            calls.append(1)
            if len(calls) == when:
                raise Killed
            return real(*arguments, **named)

        return call

    whole = estimate.run(EstimateConfig(data=str(table), out=tmp_path / "whole", members=2, **TINY))
    folder = tmp_path / "run"
    config = EstimateConfig(data=str(table), out=folder, members=2, checkpoint_seconds=0, **TINY)
    for where, name, when in (
        (RunFolder, "log", 8),
        (RunFolder, "log", 20),
        (estimate, "sample_density", 1),
        (estimate, "score_density", 1),
        (report, "write_report", 1),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, killed(getattr(where, name), when))
            with pytest.raises(Killed):
                estimate.run(config)
        config = EstimateConfig(resume=folder)
    result = estimate.run(config)
    for file in (
        "checkpoint/weights.safetensors",
        "checkpoint/manifest.json",
        "metrics.jsonl",
        "samples.npy",
    ):
        assert (folder / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file
    assert {**result, "seconds": 0} == {**whole, "seconds": 0}
    assert json.loads((folder / "result.json").read_text())["members"] == 2
