"""Contestants that do the same work in turn, and their rates."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from peers import Run


@dataclass
class Race:
    """Several implementations of the same work; the first is that of this package."""

    name: str
    unit: str
    """What is counted, such as "steps/s"."""
    work: float
    """number of these in one repetition"""
    runs: Mapping[str, Run]
    targets: Mapping[str, float] = field(default_factory=dict)
    """the ratio that must be reached against some of the others"""


def rate_of(race: Race, name: str, repetitions: int) -> tuple[float, float]:
    """The rate of a contestant in processor time, and the seconds that it took."""
    start = time.process_time()
    done = race.runs[name](repetitions) or repetitions
    took = time.process_time() - start
    return race.work * done / took, took


def rates(race: Race, rounds: int, seconds: float) -> dict[str, float]:
    """The best rate of each contestant; each repeats as often as fills its share of the time."""
    repetitions = {}
    for name in race.runs:
        rate_of(race, name, 1)  # compiles, where something is compiled
        repetitions[name], (_, took) = 1, rate_of(race, name, 1)
        enough = max(seconds / 2, min(10 * took, 5 * seconds))  # what a call costs before its first step hardly counts
        while took < enough:
            repetitions[name] *= 2 if took > enough / 8 else 8
            _, took = rate_of(race, name, repetitions[name])
    best = dict.fromkeys(race.runs, 0.0)
    for _ in range(rounds):
        for name in race.runs:
            best[name] = max(best[name], rate_of(race, name, repetitions[name])[0])
    return best


def rows_of(race: Race, best: Mapping[str, float]) -> list[list[str]]:
    ours = next(iter(best))
    return [
        [
            race.name if name == ours else "",
            name,
            f"{rate:,.0f}" if rate < 1e7 else f"{rate / 1e6:,.0f} M",
            race.unit,
            "" if name == ours else f"{best[ours] / rate:.1f} ×",
            f"≥ {race.targets[name]:g} ×" if name in race.targets else "",
        ]
        for name, rate in best.items()
    ]
