"""What tests of several jobs share: a small run of `generate` that nothing disturbed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_runs import TINY

from discrete_ed.jobs.generate import run as generate
from discrete_ed.jobs.generate.config import GenerateConfig


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a run, and its result."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    return folder, generate.run(GenerateConfig(out=folder, **TINY))
