"""The score table, as rows that the terminal and the report page both show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from discrete_ed.jobs.text import as_text

STATISTICS = ("degree", "clustering", "orbit")
NONE = "–"
NOISE = 1e-12  # what sums of numbers around one leave behind that should be zero
Cell = Callable[[Mapping[str, Any]], str]
CLEANED = {
    "lost_isolated_nodes": "lost isolated nodes",
    "became_one_node": "had no edge and became a single node",
    "dropped_without_nodes": "had no node and were left out",
}


def score_table(result: Mapping[str, Any]) -> list[list[str]]:
    """MMD² of the generated graphs above its yardsticks; the first row is the header.

    Args:
        result: what `evaluate_graphs` returns.
    """
    made, real, learned = (result[f"{kind}_graphs"] for kind in ("generated", "reference", "train"))
    lines = [(f"generated ({made})", _score("mmd2"))]
    if result["protocol"] != "psd":  # whose score is the U-statistic, and whose floor is zero but for noise
        lines += [("ratio to the floor", _ratio), ("unbiased (U-statistic)", _score("mmd2_u"))]
    lines += [("p-value, by permutation", _p_value), ("95% interval, by bootstrap", _interval)]
    if learned is None:
        lines.append(("floor: halves of the reference", _score("floor")))
    else:
        lines.append((f"floor: training graphs ({learned})", _score("floor")))
        lines.append((f"training graphs resampled ({made})", _score("resampled")))
    lines.append((f"random graphs, same n and m ({made})", _score("erdos_renyi")))
    header = [f"MMD², {result['protocol']}, against {real} graphs", *STATISTICS, "mean of 3", "spectral"]
    return [header, *([label, *map(cell, _columns(result))] for label, cell in lines)]


def _columns(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    statistics = result["statistics"]
    return [*(statistics[name] for name in STATISTICS), result["mean"], statistics["spectral"]]


def _score(row: str) -> Cell:
    def cell(column: Mapping[str, Any]) -> str:
        if column[row] is None:
            return NONE
        spread = f" ±{_number(column[row + '_sd'])}" if row + "_sd" in column else ""
        return f"{_number(column[row])}{spread}"

    return cell


def _number(value: float) -> str:
    """Four decimals, or a digit of what would vanish there; rounding noise is zero."""
    return f"{value:z.4f}" if abs(value) < NOISE or abs(value) >= 1e-4 else f"{value:.0e}"


def _ratio(column: Mapping[str, Any]) -> str:
    return NONE if column["floor"] < 1e-4 else f"{column['mmd2'] / column['floor']:.2f}"


def _p_value(column: Mapping[str, Any]) -> str:
    return f"{column['p_value']:.3f}"


def _interval(column: Mapping[str, Any]) -> str:
    return NONE if column["interval"] is None else " to ".join(map(_number, column["interval"]))


def notes(result: Mapping[str, Any]) -> list[str]:
    """What must be known when reading the table: the protocol's defects, its bias for these sets, what it cleaned."""
    protocol, real, made = result["protocol"], result["reference_graphs"], result["generated_graphs"]
    lines = []
    if protocol == "psd":
        lines.append(
            "Scores are unbiased: equal laws score zero on average, so the floor is noise around zero, and there is no "
            "ratio to it. Read the p-value."
        )
    else:
        if "bias" in result["mean"]:
            own, floor = (
                ", ".join(f"{name} {_number(scores[row])}" for name, scores in result["statistics"].items())
                for row in ("bias", "floor_bias")
            )
            lines.append(
                f"Scores are biased, the more the fewer graphs there are. With {made} against {real} graphs so much of "
                f"a perfect generator's score is bias: {own}; of the floor: {floor}. Where these differ, its ratio to "
                "the floor isn't 1."
            )
        which = "degree, clustering and spectral" if protocol == "edp" else "all four statistics"
        lines.append(
            f"The kernels that {protocol} has for {which} are not positive definite: a score of zero or less need not "
            "mean equal laws. Protocol psd has none of this."
        )
    if result["mean"]["interval"] is not None:
        lines.append(
            "The interval is as wide as scores of other graphs from both laws would scatter, in 95 of 100 cases, by "
            "bootstrap; it lies about this score. Whether the laws differ is for the p-value to say."
        )
    if protocol == "gran":
        lines.append("Clustering is saturated: graphs whose histograms differ in .3 of their nodes count as unrelated.")
    for name, changes in result["cleaned"].items():
        changed = [f"{count} {CLEANED[change]}" for change, count in changes.items() if count]
        if changed:
            lines.append(f"Cleaned, as {protocol} has it: of the {name} graphs {', '.join(changed)}.")
    return lines


def overall(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the generated graphs are as a whole."""
    rows = [("p-value of all four statistics together", f"{result['p_value']:.3f}")]
    rows += [("unique", f"{result['unique']:.1%}"), ("connected", f"{result['connected']:.1%}")]
    if result["novel"] is not None:
        novel = f"{result['novel']:.1%} (of the reference graphs: {result['novel_reference']:.1%})"
        rows.insert(1, ("not isomorphic to a training graph", novel))
    if result["valid"] is not None:
        valid = f"{result['valid']:.1%} (of the reference graphs: {result['valid_reference']:.1%})"
        rows.append((f"valid ({result['valid_property']})", valid))
    if result["vun"] is not None:
        short, asked = _all_at_once(result)
        vun = f"{result['vun']:.1%} (of the reference graphs: {result['vun_reference']:.1%})"
        rows.append((f"{asked} ({short})", vun))
    return rows


def _all_at_once(result: Mapping[str, Any]) -> tuple[str, str]:
    """The name that the literature has for the share `vun`, and what it asks of a graph."""
    named = result["vun_property"]
    return ("V.U.N.", f"{named}, unique and novel") if named else ("U.N.", "unique and novel")


def comparison(results: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """One line for each generator, and the floor that they share; the first row is the header.

    Args:
        results: what `evaluate_graphs` returns for each, by name, with the same reference, training graphs and seed.
    """
    first = next(iter(results.values()))
    biased, learned, named = first["protocol"] != "psd", first["novel"] is not None, first["valid_property"]
    header = [f"MMD², {first['protocol']}, against {first['reference_graphs']} graphs", *STATISTICS, "mean of 3"]
    header += ["spectral", *(["ratio"] if biased else []), "p-value", *(["novel"] if learned else [])]
    header += ["unique", "connected", *([named] if named and named != "connected" else [])]
    header += [_all_at_once(first)[0]] if learned else []
    rows = [header]
    for name, result in results.items():
        rows.append([f"{name} ({result['generated_graphs']})", *map(_score("mmd2"), _columns(result))])
        rows[-1] += [*([_ratio(result["mean"])] if biased else []), _p_value(result)]
        shown = [*(["novel"] if learned else []), "unique", "connected"]
        shown += ["valid"] if named and named != "connected" else []
        shown += ["vun"] if learned else []
        rows[-1] += [f"{result[share]:.1%}" for share in shown]
    floor = ["floor", *map(_score("floor"), _columns(first))]
    return [*rows, floor + [NONE] * (len(header) - len(floor))]


def comparison_summary(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The comparison as text for the terminal, with what must be known of each result."""
    told = ["The p-value is that of all four statistics; the ratio is to the floor, of the mean of 3."]
    first = next(iter(results.values()))
    if first["vun"] is not None:
        told.append("{} is the share of graphs that are {} at once.".format(*_all_at_once(first)))
    told += common_notes(results)
    return "\n".join([as_text(comparison(results)), "", *told])


def common_notes(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The notes on several results: what holds for all once, the rest with the name of the generator."""
    told = {name: notes(result) for name, result in results.items()}
    shared = [note for note in next(iter(told.values())) if all(note in lines for lines in told.values())]
    own = [f"{name}: {note}" for name, lines in told.items() for note in lines if note not in shared]
    return [*own, *shared]


def summary(result: Mapping[str, Any]) -> str:
    """The whole result as text for the terminal."""
    told = (f"{name}: {share}" for name, share in overall(result))
    return "\n".join([as_text(score_table(result)), "", *notes(result), "", *told])
