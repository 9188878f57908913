"""The results of a simulation: for programs, as a table, and on a page."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from discrete_ed.jobs import page
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.simulate.simulated import (
    Simulated,
    critical_temperature,
    exact_of,
    infinite_magnetisation,
    why_not_exact,
)
from discrete_ed.jobs.simulate.text import exact_text, shown_temperatures, with_error
from discrete_ed.jobs.text import MISSING, finite
from discrete_ed.lattices import QUANTITIES, Scaling
from discrete_ed.lattices.observables import Estimate, susceptibility_formula
from discrete_ed.lattices.results import LONG

LEAST_RATE, LEAST_TRIPS = 0.05, 5  # swap rate of neighbours, and round trips, below which tempering is warned of
TIMES = {"energy": "E", "abs_magnetisation": "|m|", "abs_overlap": "|q|"}  # symbols of what has a τ
PICTURED = 2**20  # largest number of sites of which pictures are drawn


def result_of(done: Simulated) -> dict[str, Any]:
    """The content of `result.json`."""
    rows = []
    for size, ats in done.results.items():
        for at in ats:
            values, times = at.estimates(), at.autocorrelation()
            row: dict[str, Any] = {"size": size, "temperature": at.temperature}
            for name, each in values.items():
                row |= {name: finite(each.value), f"{name}_error": finite(each.error)}
            row |= {f"{name}_exact": value for name, value in exact_of(done, size, at.temperature).items()}
            infinite = infinite_magnetisation(done, size, at.temperature)
            row |= {} if infinite is None else {"abs_magnetisation_infinite": infinite}
            for name, (time, ess) in times.items():
                row |= {f"{name}_autocorrelation_time": time, f"{name}_ess": ess}
            row |= {
                "draws": at.series.energy.size,
                "dropped": at.dropped,
                "starts_differ_by": finite(at.difference),
                "thermal": at.thermal,
                "long": at.long,
                "update": at.update,
                "steps_of_a_draw": at.steps,
            }
            rows.append(row)
    result: dict[str, Any] = {
        "lattice": done.config.lattice,
        "sizes": list(done.config.size),
        "known_critical_temperature": critical_temperature(done.config),
        "susceptibility": susceptibility_formula(bool(done.config.field)),
        "rows": rows,
        "scaling": None,
        "tempering": {
            str(size): {"swap_rates": each.swap_rates.tolist(), "round_trips": each.round_trips.tolist()}
            for size, each in done.tempered.items()
        },
    }
    if isinstance(done.scaling, Scaling):
        s = done.scaling
        result["scaling"] = {
            "critical_temperature": _pair(s.critical_temperature),
            "binder": _pair(s.binder),
            "correction": None if s.correction is None else _pair(s.correction),
            "crossings": {f"{a}, {b}": _pair(each) for (a, b), each in s.crossings.items()},
            "exponents": {name: _pair(each) for name, each in s.exponents.items()},
        }
    return result


def _pair(each: Estimate) -> list[float | None]:
    return [finite(each.value), finite(each.error)]


def table_of(done: Simulated) -> dict[str, list[list[str]]]:
    """Tables by their titles; the first row of each is the header."""
    tables = {}
    for size, ats in done.results.items():
        names = list(ats[0].estimates())
        known = exact_of(done, size, ats[-1].temperature)
        shown = shown_temperatures([at.temperature for at in ats])
        header = ["T", *(QUANTITIES[name].symbol for name in names), *(f"{QUANTITIES[n].symbol} exact" for n in known)]
        infinite = infinite_magnetisation(done, size, ats[0].temperature) is not None
        header += ["⟨|m|⟩ infinite"] if infinite else []
        header += [f"{what}({TIMES[name]})" for name in ats[0].autocorrelation() for what in ("τ", "ESS")]
        rows = [header]
        for at, temperature in zip(ats, shown, strict=True):
            values, times = at.estimates(), at.autocorrelation()
            exact = exact_of(done, size, at.temperature)
            measured = [f"{number:.1f}" if k % 2 == 0 else f"{number:,.0f}" for pair in times.values() for k, number in
                        enumerate(pair)]  # fmt: skip
            rows.append(
                [
                    temperature,
                    *(with_error(values[name]) for name in names),
                    *(exact_text(exact[name]) if name in exact else MISSING for name in known),
                    *([f"{infinite_magnetisation(done, size, at.temperature):.5f}"] if infinite else []),
                    *measured,
                ]
            )
        tables[f"{done.config.lattice}, {' × '.join(map(str, done.graphs[size].shape))}"] = rows
        if size in done.tempered:
            found, sweeps = done.tempered[size], len(ats[0].series.energy)
            rows = [["T", "next T", "swap rate"]]
            rows += [
                [low, high, f"{rate:.3f}"] for (low, high), rate in zip(pairwise(shown), found.swap_rates, strict=True)
            ]
            title = f"Tempering, size {size}: rates of swaps; round trips of the ladders in {sweeps:,} sweeps: "
            tables[title + ", ".join(map(str, found.round_trips))] = rows
    if isinstance(done.scaling, Scaling):
        s = done.scaling
        rows = [["critical point", "value"], ["T_c", with_error(s.critical_temperature)]]
        rows += [[f"crossing of {a} and {b}", with_error(each)] for (a, b), each in s.crossings.items()]
        rows += [["U₄ at T_c", with_error(s.binder)]]
        shift = "not fitted" if s.correction is None else with_error(s.correction)
        rows += [[f"correction to U₄ at T_c, size {min(done.graphs)}", shift]]
        rows += [[name, with_error(each)] for name, each in s.exponents.items()]
        tables["Critical point from Binder crossings"] = rows
    return tables


def verdict(done: Simulated) -> str:
    """The result in one sentence, with its yardstick."""
    known = critical_temperature(done.config)
    if isinstance(done.scaling, Scaling):
        yardstick = "" if known is None else f" (known: {known:.5f})"
        return f"The Binder cumulants cross at T_c = {with_error(done.scaling.critical_temperature)}{yardstick}."
    misses = []
    for size, ats in done.results.items():
        for at in ats:
            values = at.estimates()
            misses += [
                abs(values[name].value - value) / values[name].error
                for name, value in exact_of(done, size, at.temperature).items()
                if values[name].error > 0
            ]
    if misses:
        return (
            f"Energies and specific heats are within {max(misses):.1f} standard errors of Kaufman's exact values "
            f"({len(misses)} comparisons; about {_expected_largest(len(misses)):.1f} is expected)."
        )
    errors = [at.estimates()["energy"].error for ats in done.results.values() for at in ats]
    if 0 in errors:
        still = sum(error == 0 for error in errors)
        return (
            f"At {still} of {len(errors)} temperatures the energy never changed while it was measured, so its error is "
            "not known there; more sweeps would tell."
        )
    relative = max(errors)
    return f"The energy of a site is known to {relative:.2g} or better at all {len(done.temperatures)} temperatures."


def _expected_largest(count: int) -> float:
    """The median of the largest size of so many normal numbers."""
    from scipy.stats import norm

    return float(norm.isf((1 - 0.5 ** (1 / count)) / 2))


def notes_of(done: Simulated) -> list[str]:
    """How the tables are to be read: the formula of the susceptibility, what is left out, and why."""
    in_field = bool(done.config.field)
    of_overlaps = ", and of overlaps N⟨q²⟩ and U₄(q)" if done.has("abs_overlap") else ""
    more = (
        f", the response ∂⟨m⟩/∂h. N⟨m²⟩/T, U₄ and ξ{of_overlaps} are left out with a field, since they take ⟨m⟩ to be "
        "zero" + (", and ⟨q⟩" if of_overlaps else "")
        if in_field
        else "; above T_c also N⟨m²⟩/T"
    )
    notes = [f"χ = {susceptibility_formula(in_field)}{more}."]
    missing = [why for why in (why_not_exact(done, size) for size in done.results) if why]
    return [*notes, *([f"No exact values for {'; '.join(missing)}."] if missing else [])]


def warnings_of(done: Simulated) -> list[str]:
    """What a reader must know, on the page and the terminal: what has not thermalised, isn't certain or isn't meant."""
    results = []
    if done.config.disorder == "none" and done.config.coupling < 0:
        results.append(
            "All couplings are negative: magnetisation, susceptibility and Binder cumulant are those of the uniform "
            "magnetisation, not of the staggered order of an antiferromagnet"
            + (", which |m_s|, χ_s and U₄ˢ measure." if done.has("staggered_binder") else ".")
        )
    for size, tempered in done.tempered.items():
        rate, trips = tempered.swap_rates.min(), int(tempered.round_trips.min())
        if rate < LEAST_RATE or trips < LEAST_TRIPS:
            results.append(
                f"Size {size}: replicas hardly travel between the temperatures (lowest swap rate {rate:.2f}, {trips} "
                "round trips in a ladder): take more temperatures, --place-temperatures, or more --sweeps."
            )
    for size, ats in done.results.items():
        shown = shown_temperatures([at.temperature for at in ats])
        bad = [text for text, at in zip(shown, ats, strict=True) if not at.thermal]
        short = [text for text, at in zip(shown, ats, strict=True) if not at.long]
        if bad:
            results.append(
                f"Size {size}: not thermalised at T = {', '.join(bad)}: chains still drift, or those from order and "
                "from disorder have different mean energies. Neither values nor errors there are to be trusted. "
                f"More --sweeps{_remedy(done)}."
            )
        if short:
            results.append(
                f"Size {size}: chains are shorter than {LONG} autocorrelation times at T = {', '.join(short)}, so that "
                "these times and the errors there are uncertain, and probably too small. More --sweeps"
                f"{_remedy(done)}."
            )
    if isinstance(done.scaling, str):
        results.append(f"No critical point is estimated: {done.scaling}.")
    return results


def _remedy(done: Simulated) -> str:
    """What helps besides more sweeps, where few draws are independent."""
    if done.clusters_would_do:
        return ", or clusters, help"
    frustrated = done.config.disorder != "none" and not done.config.tempering
    return ", or --tempering, help" if frustrated else " help"


def write_report(folder: RunFolder, done: Simulated, seconds: float) -> None:
    """`report.html` with tables and figures, and each figure as PNG."""
    from discrete_ed.jobs.simulate import figures  # loads matplotlib

    drawn_at = np.linspace(min(done.temperatures), max(done.temperatures), 200)
    critical = critical_temperature(done.config)
    known = any(exact_of(done, size, max(drawn_at)) for size in done.results)
    lines = " Lines are Kaufman's exact values." if known else ""
    drawn_line = critical is not None and figures.inside(critical, done.results)
    dashed = " The dashed line is the known critical temperature." if drawn_line else ""
    plots = {
        "curves": (
            "Measured quantities",
            lambda: figures.curves(
                done.results, {size: {t: exact_of(done, size, t) for t in drawn_at} for size in done.results}, critical
            ),
            f"Points are measurements with their standard errors.{lines}{dashed}",
        )
    }
    largest = max(done.results)
    graph = done.graphs[largest]
    if graph.sites <= PICTURED and len(graph.shape) >= 2:
        plots["states"] = (
            "The lattice",
            lambda: figures.states(done.results[largest], graph, critical),
            "The last state of one chain at the lowest, a middle (the one closest to the critical one, where that is "
            "known) and the highest temperature; up is dark. Of a lattice of three or more dimensions, one layer.",
        )
    if done.results[largest][0].overlaps is not None:
        plots["overlaps"] = (
            "Overlaps of replicas",
            lambda: figures.overlaps(done.results[largest]),
            "Distributions of the overlap q and of the link overlap between independent replicas of the largest "
            "lattice, with standard errors. Without a field P(q) is even; where it is not, replicas have not mixed.",
        )
    if "correlations" in done.config.measure:
        plots["correlations"] = (
            "Correlation function",
            lambda: figures.correlations(done.results[largest], critical),
            "⟨s_i s_j⟩ of sites r cells apart along the directions of the largest lattice, with standard errors.",
        )
    if isinstance(done.scaling, Scaling):
        scaling = done.scaling
        plots["collapse"] = (
            "Data collapse",
            lambda: figures.collapse(done.results, scaling),
            "Left: Binder cumulants cross at the critical temperature. Right: with the measured T_c and exponents, the "
            "curves of all sizes fall on one.",
        )
    drawn = folder.plot(plots)
    config, facts = done.config, {"seconds": f"{seconds:.1f}"}
    sites = ", ".join(f"{graph.sites:,}" for graph in done.graphs.values())
    updates = sorted({at.update for ats in done.results.values() for at in ats})
    lead = (
        f"The Ising model with {sites} spins at {len(done.temperatures)} temperatures, by {', '.join(updates)}. "
        "Errors are standard errors, the larger ones of those by the jackknife over blocks of draws and over whole "
        "chains; numbers in brackets are errors in the last digits. τ is the integrated autocorrelation time in "
        "sweeps, ESS the number of independent draws."
    )
    html = page.render_page(
        f"Ising model on the {config.lattice} lattice",
        verdict(done),
        lead,
        table_of(done),
        drawn,
        {**reported_options(config), **facts},
        notes_of(done),
        warnings=warnings_of(done),
        marked=False,
    )
    folder.write("report.html", html.encode())
