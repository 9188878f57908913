"""The diagnosis of a sampling run: in numbers for `result.json`, as a table, and on a page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from discrete_ed.jobs import page
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.sample.config import SampleConfig
from discrete_ed.jobs.text import finite, number
from discrete_ed.metrics import Diagnosis
from discrete_ed.metrics.diagnostics import RHAT_OF_MIXED


def summary_of(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis in numbers; None for a number that is not finite, such as R̂ if nothing moved."""
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
        return number(result[name], form)

    rows = [["of", "R̂", "bulk ESS", "tail ESS"]]
    for name, quantity in (("bits", "the worst bit that moved"), ("energy", "the energy")):
        sizes = [cell(f"{name}_{size}", ",.0f") for size in ("ess_bulk", "ess_tail")]
        rows.append([quantity, cell(f"{name}_rhat", ".3f"), *sizes])
    rows.append(["", "", "", ""])
    for label, name, form in (
        ("bits that never moved", "bits_that_never_moved", "d"),
        ("acceptance", "acceptance", ".3f"),
        ("bits that differ between successive samples", "jump", ".2f"),
        ("ESS of the energy, per second", "ess_per_second", ",.1f"),
        ("ESS of the energy, per evaluation", "ess_per_evaluation", ".2g"),
    ):
        rows.append([label, cell(name, form), "", ""])
    high = (diagnosis.rhat > RHAT_OF_MIXED).sum().item()
    if high or not diagnosis.energy_rhat <= RHAT_OF_MIXED:
        rows.append([f"not mixed: bits whose R̂ is above {RHAT_OF_MIXED}", f"{high}", "", ""])
    return rows


def verdict(diagnosis: Diagnosis, result: dict[str, Any]) -> str:
    """The diagnosis in one sentence, with its yardstick, the largest R̂ of mixed chains."""
    chains = f"{result['chains']} chains of {result['draws']:,} samples"
    moving = diagnosis.rhat[diagnosis.rhat.isfinite()]
    if not len(moving):
        return f"No bit moved in any of the {chains}: they say nothing about the energy's law."
    worst = max(moving.max().item(), diagnosis.energy_rhat if math.isfinite(diagnosis.energy_rhat) else 0.0)
    still = f"{len(diagnosis.rhat) - len(moving)} of {len(diagnosis.rhat)} bits never moved; "
    still = still if len(moving) < len(diagnosis.rhat) else ""
    mixed = "agree on the bits that moved, which does not show that they have mixed" if still else "have mixed"
    if worst > RHAT_OF_MIXED:
        mixed = "have not mixed: run them longer, or take another kernel"
    size = f"the energy has an effective sample size of {number(result['energy_ess_bulk'], ',.0f')}"
    return (
        f"The {chains} {mixed} (largest R̂ {worst:.3f}, where mixed chains have at most {RHAT_OF_MIXED}); {still}{size}."
    )


def write_report(
    folder: RunFolder,
    config: SampleConfig,
    facts: dict[str, Any],
    diagnosis: Diagnosis,
    result: dict[str, Any],
    energies: np.ndarray,
) -> None:
    """Write the figure, and `report.html` with the verdict, the table and the figure.

    Args:
        folder: the run folder.
        config: the options.
        facts: facts of the run that conditions on options are about.
        diagnosis: the diagnosis of the chains.
        result: the content of `result.json`.
        energies: the energy of each sample, `(chain, draw)`.
    """
    from discrete_ed.jobs.sample.figures import mixing  # matplotlib is needed only where something is plotted

    caption = (
        "Left: the energies of the chains, one line for each. Middle and right: R̂ and the effective sample size of "
        f"each bit that moved; the dashed lines mark R̂ = {RHAT_OF_MIXED}, above which chains have not mixed, and the "
        "effective sample size of the energy."
    )
    figures = folder.plot({"chains": ("Chains", lambda: mixing(energies, diagnosis), caption)})
    lead = (
        f"Samples of {result['energy']}, {result['bits']} bits, by {result['kernel']}. Chains start at random bits; "
        "their first samples are dropped as warm-up. R̂ compares the spread between chains with that within them."
    )
    title, tables = f"Samples of {result['energy']}", {"Diagnostics": table_of(diagnosis, result)}
    facts = {**reported_options(config, **facts), "seconds": f"{result['seconds']:.1f}"}
    html = page.render_page(title, verdict(diagnosis, result), lead, tables, figures, facts, marked=False)
    folder.write("report.html", html.encode())
