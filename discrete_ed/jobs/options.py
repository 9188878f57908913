"""What several jobs can be told, and how it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from discrete_ed.errors import InputError


def expect(config: object, expected: str, *names: str, low: float) -> None:
    """Refuse options below `low`, with words for what was expected."""
    for name in names:
        value = getattr(config, name)
        if not value >= low:
            raise InputError(f"{name}: expected {expected}, got {value}")


@dataclass(frozen=True, kw_only=True)
class Resumable:
    """What every job can be told that may run for long."""

    resume: Path | None = None
    """folder of a run that was cut short, to go on with; it stands alone: every other option is read from the
    config.json in there"""


@dataclass(frozen=True, kw_only=True)
class Checkpointed(Resumable):
    """What a job can be told that trains step by step."""

    checkpoint_seconds: float = 60.0
    """seconds between two checkpoints of the whole state; a kill loses no more than that"""

    def __post_init__(self) -> None:
        expect(self, "at least 0", "checkpoint_seconds", low=0)
