"""The benchmark runs without peers, names those that are missing, and prints ratios of what it measured."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "maintenance" / "benchmark.py"


def test_one_race_prints_rates_and_ratios_that_fit():
    options = ["--only", "gradients, MLP", "--rounds", "1", "--seconds", "0.02"]
    done = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"peers not installed: (none|(thrml|dwave-samplers|ebmkit)[, \w-]*)\n", done.stdout)
    lines = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines() if "steps/s" in line]
    assert lines[0][:2] == ["Gibbs-with-gradients, MLP 32–256×3", "ours, torch"]
    ours = float(lines[0][2].replace(",", ""))
    assert len(lines) >= 3
    for _, rate, _, ratio, *_ in lines[1:]:
        assert abs(float(ratio.removesuffix(" ×")) - ours / float(rate.replace(",", ""))) < 0.06
    assert "≥ 1.9 ×" in done.stdout
