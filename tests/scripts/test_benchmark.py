"""The benchmark runs without peers, names those that are missing, and prints ratios of what it measured."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import forked
import pytest
from small_runs import run_script

FOLDER = Path(__file__).parents[2] / "scripts" / "maintenance"


@pytest.mark.thorough
def test_one_race_prints_rates_and_ratios_that_fit(tmp_path, monkeypatch):
    options = ["--only", "Gibbs-with-gradients, MLP 32", "--rounds", "1", "--seconds", "0.02"]

    def program() -> None:
        sys.path.insert(0, str(FOLDER))
        run_script(monkeypatch, "maintenance/benchmark.py", *options)

    code, printed, errors = forked.run(program, tmp_path)
    assert code == 0, errors
    assert re.search(r"peers not installed: (none|(thrml|dwave-samplers|ebmkit)[, \w-]*)\n", printed)
    lines = [re.split(r"\s{2,}", line.strip()) for line in printed.splitlines() if "steps/s" in line]
    assert lines[0][:2] == ["Gibbs-with-gradients, MLP 32–256×3", "ours, torch"]
    ours = float(lines[0][2].replace(",", ""))
    assert len(lines) >= 3
    for _, rate, _, ratio, *_ in lines[1:]:
        assert abs(float(ratio.removesuffix(" ×")) - ours / float(rate.replace(",", ""))) < 0.06
    assert "≥ 1.9 ×" in printed
