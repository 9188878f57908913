"""What tests of several jobs share: small figures, and a small run of `generate` that nothing disturbed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_runs import TINY

from discrete_ed.jobs import style
from discrete_ed.jobs.generate import run as generate
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.run_folder import RunFolder

ONE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
"""a PNG"""
EMPTY = '<svg xmlns="http://www.w3.org/2000/svg"/>'
MANY = 20
"""Panels of a figure that take seconds."""


@pytest.fixture(scope="session", autouse=True)
def _small_figures() -> Iterator[None]:
    """Few dots per inch: most of the time of a small run would go into the pixels of its figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 30)
        yield


@pytest.fixture(autouse=True)
def _sketched_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is plotted, but what is written of it is one pixel and an empty vector graphic: most of the time is saved.

    A run that fixtures of a module or a session share, and a test marked `drawn`, have figures as users get them.
    """
    if "drawn" not in request.keywords:
        monkeypatch.setattr(style, "as_png", lambda _: ONE_PIXEL)
        monkeypatch.setattr(style, "as_svg", lambda _: EMPTY)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For runs whose figures nobody looks at: plotting would take longer than all else."""
    monkeypatch.setattr(RunFolder, "plot", lambda *_: [])


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a run, and its result. Of its figures only the gallery is sketched, whose many panels would take
    half of the time."""
    folder, png, svg = tmp_path_factory.mktemp("runs") / "first", style.as_png, style.as_svg
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "as_png", lambda figure: png(figure) if len(figure.axes) < MANY else ONE_PIXEL)
        patch.setattr(style, "as_svg", lambda figure: svg(figure) if len(figure.axes) < MANY else EMPTY)
        return folder, generate.run(GenerateConfig(out=folder, **TINY))
