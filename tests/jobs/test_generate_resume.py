"""The job `generate` continues where it was stopped."""

from __future__ import annotations

import json
import os
import signal
import time

import forked
import pytest
from small_runs import TINY, run_script

from discrete_ed import InputError, NoiseConditionalEnergy, load_energy
from discrete_ed.graphs import evaluation, generation
from discrete_ed.jobs.generate import run as generate
from discrete_ed.jobs.generate import training
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.run_folder import RunFolder


def test_a_signal_saves_what_was_learned_and_the_run_goes_on_from_there(tmp_path, monkeypatch):
    folder, started, told = tmp_path / "run", 0, tmp_path / "told"
    arguments = ["--steps", "100000", "--width", "8", "--out", str(folder)]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with told.open("wb") as file:
            program = forked.start(
                lambda arguments=arguments: run_script(monkeypatch, "generate_ego_graphs.py", *arguments),
                stdout=file.fileno(),
                stderr=file.fileno(),
            )
        metrics = folder / "metrics.jsonl"
        for _ in range(600):
            if metrics.exists() and metrics.stat().st_size > started:
                break
            time.sleep(0.1)
        os.kill(program, number)
        assert forked.wait(program) == code
        errors = told.read_text()
        assert "interrupted" in errors
        assert f"the energy so far is kept in {folder / 'checkpoint'}" in errors
        assert f"to go on: --resume {folder}" in errors
        assert "Traceback" not in errors
        assert load_energy(folder / "checkpoint", NoiseConditionalEnergy).noise.count == 40
        arguments, started = ["--resume", str(folder)], metrics.stat().st_size
        steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
        assert steps == list(range(1, len(steps) + 1))


class Killed(Exception):
    """Stands for kill -9."""


@pytest.mark.thorough
@pytest.mark.drawn
def test_killed_in_every_phase_and_resumed_is_uninterrupted(small_run, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.setattr(generation, "SEGMENT", 2)

    def killed(real, when):
        calls = []

        def call(*arguments, **named):
            calls.append(1)
            if len(calls) == when:
                raise Killed
            return real(*arguments, **named)

        return call

    config = GenerateConfig(out=folder, checkpoint_seconds=0, **TINY)
    for where, name, when in (
        (RunFolder, "log", 4),
        (training, "fit", 1),
        (generation, "sample", 2),
        (generation, "sample", 2),
        (evaluation, "permutation_test", 2),
        (generate, "write_report", 1),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, killed(getattr(where, name), when))
            with pytest.raises(Killed):
                generate.run(config)
        assert (folder / "progress").is_dir()
        config = GenerateConfig(resume=folder)
    result = generate.run(config)
    for file in ("checkpoint/weights.safetensors", "metrics.jsonl", "samples.g6", "curves.png"):
        assert (folder / file).read_bytes() == (small_run[0] / file).read_bytes(), file
    assert {**result, "seconds": 0} == {**small_run[1], "seconds": 0}
    assert not (folder / "progress").exists()
    with pytest.raises(InputError, match="expected a run that is not finished"):
        generate.run(config)
