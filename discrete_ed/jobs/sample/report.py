"""The diagnosis of a sampling run, in numbers for `result.json` and as a table."""

from __future__ import annotations

import math
from typing import Any

from discrete_ed.metrics import Diagnosis


def summary_of(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis in numbers; None for a number that is not finite, such as R̂ if nothing moved."""

    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    moving = diagnosis.rhat.isfinite()
    worst = {
        "bits_rhat": diagnosis.rhat[moving].max().item() if moving.any() else math.nan,
        "bits_ess_bulk": diagnosis.ess_bulk[moving].min().item() if moving.any() else math.nan,
        "bits_ess_tail": diagnosis.ess_tail[moving].min().item() if moving.any() else math.nan,
    }
    return {
        "bits_that_never_moved": int((~moving).sum()),
        **{name: finite(value) for name, value in worst.items()},
        "energy_rhat": finite(diagnosis.energy_rhat),
        "energy_ess_bulk": finite(diagnosis.energy_ess_bulk),
        "energy_ess_tail": finite(diagnosis.energy_ess_tail),
        "acceptance": diagnosis.acceptance.mean().item(),
        "jump": diagnosis.jump.mean().item(),
        "seconds": diagnosis.seconds,
        "ess_per_second": finite(diagnosis.ess_per_second),
        "ess_per_evaluation": finite(diagnosis.ess_per_evaluation),
    }


def table_of(diagnosis: Diagnosis, result: dict[str, Any]) -> list[list[str]]:
    """The diagnosis as rows; the first one is the header."""

    def cell(name: str, form: str) -> str:
        return "–" if result[name] is None else format(result[name], form)

    rows = [["of", "R̂", "bulk ESS", "tail ESS"]]
    for name, quantity in (("bits", "the worst bit that moved"), ("energy", "the energy")):
        sizes = [cell(f"{name}_{size}", ",.0f") for size in ("ess_bulk", "ess_tail")]
        rows.append([quantity, cell(f"{name}_rhat", ".3f"), *sizes])
    rows.append(["", "", "", ""])
    for label, name, form in (
        ("bits that never moved", "bits_that_never_moved", "d"),
        ("acceptance", "acceptance", ".3f"),
        ("bits that differ between draws", "jump", ".2f"),
        ("ESS of the energy, per second", "ess_per_second", ",.1f"),
        ("ESS of the energy, per evaluation", "ess_per_evaluation", ".2g"),
    ):
        rows.append([label, cell(name, form), "", ""])
    high = (diagnosis.rhat > 1.01).sum().item()
    if high or not diagnosis.energy_rhat <= 1.01:
        rows.append(["not mixed: bits whose R̂ is above 1.01", f"{high}", "", ""])
    return rows
