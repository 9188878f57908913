"""The lines that `scripts/maintenance/mutations.py` breaks are still there; the script sees whether tests notice."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def check(root: Path) -> subprocess.CompletedProcess[str]:
    script = root / "scripts" / "maintenance" / "mutations.py"
    return subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)


def test_every_line_is_there_once_and_broken_it_is_python_still():
    done = check(ROOT)
    assert done.returncode == 0, done.stdout
    assert re.fullmatch(r"\d\d lines, 0 problems", done.stdout.strip())


def test_a_line_that_is_gone_is_noticed(tmp_path):
    for part in ("discrete_ed", "tests", "scripts"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "discrete_ed" / "runtime" / "files.py").write_text("")
    done = check(tmp_path)
    assert done.returncode == 1
    assert "runtime/files.py: expected once, got 0 times" in done.stdout
