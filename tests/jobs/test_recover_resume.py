"""The job that recovers couplings goes on where it was killed."""

from __future__ import annotations

import pytest

from discrete_ed.jobs.recover import run as recover
from discrete_ed.jobs.recover.config import RecoverConfig

TINY = {"side": 3, "samples": 60, "penalty": "refit"}


class Killed(Exception):
    """Stands for kill -9."""


def killed(*_: object, **__: object) -> None:
    raise Killed


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    recover.run(RecoverConfig(out=folder, **TINY))
    return folder


@pytest.mark.thorough
@pytest.mark.drawn
@pytest.mark.parametrize("where", ["recover", "report_known_model"])
def test_killed_and_resumed_is_uninterrupted(whole, tmp_path, monkeypatch, where):
    with monkeypatch.context() as patch:
        patch.setattr(recover, where, killed)
        with pytest.raises(Killed):
            recover.run(RecoverConfig(out=tmp_path / "run", **TINY))
        assert (tmp_path / "run" / "progress").exists() == (where == "report_known_model")
    if where == "report_known_model":
        monkeypatch.setattr(recover, "recover", killed)  # it is not done again
    recover.run(RecoverConfig(resume=tmp_path / "run"))
    for name in ("couplings.npz", "model/weights.safetensors", "couplings.png"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes()
    assert not (tmp_path / "run" / "progress").exists()
