"""Tables, notes and the verdict of an evaluation, for the terminal and the report page alike.

All of them iterate over the statistics of an evaluation, so that a new statistic appears without a change here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from discrete_ed.graphs.descriptors import AVERAGED
from discrete_ed.graphs.evaluation import GraphEvaluation
from discrete_ed.graphs.protocols import get_protocol
from discrete_ed.graphs.scores import StatisticScores
from discrete_ed.jobs.text import MISSING, as_text

ROUNDING = 1e-12  # rounding errors of scores can be this large where the exact value is zero
SMALLEST_FLOOR = 1e-4  # a ratio to a smaller floor would be mostly noise
Cell = Callable[[StatisticScores], str]
"""how a cell is written from the scores of a statistic"""
CLEANED = {
    "lost_isolated_nodes": "lost isolated nodes",
    "became_one_node": "had no edge and became a single node",
    "dropped_without_nodes": "had no node and were left out",
}
"""how a note describes each change that the cleaning of a protocol makes to graphs"""


def score_table(evaluation: GraphEvaluation) -> list[list[str]]:
    """MMD² of the generated graphs, and below it the scores of real and of random graphs; the first row is the
    header."""
    generated, learned = evaluation.generated_graphs, evaluation.train_graphs
    lines: list[tuple[str, Cell]] = [(f"generated ({generated})", _score)]
    if not get_protocol(evaluation.protocol).unbiased:  # then the score is the U-statistic, and its floor is noise
        lines += [("ratio to the floor", _ratio), ("unbiased (U-statistic)", lambda row: _number(row.mmd2_u))]
    lines += [("p-value, by permutation", _p_value), ("95% interval, by bootstrap", _interval)]
    if learned is None:
        lines.append(("floor: halves of the reference", _floor))
    else:
        lines.append((f"floor: training graphs ({learned})", _floor))
        lines.append((f"training graphs resampled ({generated})", _resampled))
    lines.append((f"random graphs, same n and m ({generated})", lambda row: _number(row.erdos_renyi)))
    columns = _columns(evaluation)
    header = [_caption(evaluation), *columns]
    return [header, *([label, *map(cell, columns.values())] for label, cell in lines)]


def overall(evaluation: GraphEvaluation) -> list[tuple[str, str]]:
    """Facts on the whole set of generated graphs, such as the share of novel ones, as names and values."""
    shares = evaluation.shares

    def beside(generated: float | None, reference: float | None, train: float | None = None) -> str:
        trained = "" if train is None else f", of the training graphs: {train:.1%}"
        return f"{generated:.1%} (of the reference graphs: {reference:.1%}{trained})"

    rows = [("p-value of all statistics together", f"{evaluation.p_value:.3f}")]
    if shares.novel is not None:
        novel = beside(shares.novel, shares.novel_reference)
        rows.append(("not isomorphic to a training graph", novel))
    rows += [("unique", f"{shares.unique:.1%}"), ("connected", f"{shares.connected:.1%}")]
    if shares.valid is not None:
        valid = beside(shares.valid, shares.valid_reference, shares.valid_train)
        rows.append((f"valid ({shares.valid_property}{', in pieces' if shares.valid_pieces else ''})", valid))
    if shares.vun is not None:
        short, long = _vun_names(evaluation)
        rows.append((f"{long} ({short})", beside(shares.vun, shares.vun_reference, shares.vun_train)))
    if shares.undecided:
        rows.append(("graphs that may be isomorphic to others, counted as if they weren't", str(shares.undecided)))
    return rows


def measure_table(evaluation: GraphEvaluation) -> list[list[str]]:
    """The further measures, one in each line, next to their values for real and for random graphs; the first row is the
    header."""
    learned = evaluation.train_graphs is not None
    header = ["lower is better", "generated", "floor", *(["resampled"] if learned else []), "random", "p-value", "from"]
    rows = []
    for name, found in evaluation.measures.items():
        resampled = [f"{_number(found.resampled)} ±{_number(found.resampled_sd)}"] if learned else []
        values = [_number(found.value), _number(found.floor), *resampled, _number(found.erdos_renyi)]
        parts = ", ".join(f"{part} {value:.3g}" for part, value in found.parts.items())
        rows.append([name, *values, f"{found.p_value:.3f}", parts or MISSING])
    return [header, *rows]


def comparison(evaluations: Mapping[str, GraphEvaluation]) -> list[list[str]]:
    """One line for each generator, and the floor that they share; the first row is the header.

    Args:
        evaluations: by name of the generator, with the same reference graphs, training graphs, protocol and seed.
    """
    first = next(iter(evaluations.values()))
    columns = _comparison_columns(first)
    header = [_caption(first), *_columns(first), *columns]
    rows = [
        [
            f"{name} ({evaluation.generated_graphs})",
            *map(_score, _columns(evaluation).values()),
            *(cell(evaluation) for cell in columns.values()),
        ]
        for name, evaluation in evaluations.items()
    ]
    floor = ["floor", *map(_floor, _columns(first).values())]
    return [header, *rows, floor + [MISSING] * (len(header) - len(floor))]


def _comparison_columns(first: GraphEvaluation) -> dict[str, Callable[[GraphEvaluation], str]]:
    """The columns of a comparison that follow the scores, by their headers."""
    columns: dict[str, Callable[[GraphEvaluation], str]] = {}
    if not get_protocol(first.protocol).unbiased:
        columns["ratio"] = lambda evaluation: _ratio(evaluation.mean)
    columns["p-value"] = lambda evaluation: f"{evaluation.p_value:.3f}"
    if first.shares.novel is not None:
        columns["novel"] = lambda evaluation: f"{evaluation.shares.novel:.1%}"
    for name in first.measures:
        columns[name] = partial(_measured, name)
    columns["unique"] = lambda evaluation: f"{evaluation.shares.unique:.1%}"
    columns["connected"] = lambda evaluation: f"{evaluation.shares.connected:.1%}"
    if first.shares.valid_property not in (None, "connected"):
        columns[str(first.shares.valid_property)] = lambda evaluation: f"{evaluation.shares.valid:.1%}"
    if first.shares.vun is not None:
        columns[_vun_names(first)[0]] = lambda evaluation: f"{evaluation.shares.vun:.1%}"
    return columns


def verdict(evaluations: Mapping[str, GraphEvaluation]) -> str:
    """The result in one sentence, next to the scores of real and of random graphs."""
    first = next(iter(evaluations.values()))
    scores = ", ".join(f"{name} {_score(evaluation.mean)}" for name, evaluation in evaluations.items())
    if len(evaluations) == 1:
        scores = _score(first.mean)
    real = "real training graphs score" if first.train_graphs is not None else "halves of the reference score"
    if get_protocol(first.protocol).unbiased:
        real = f"a perfect generator scores 0 on average, {real}"
    yardsticks = f"where {real} {_floor(first.mean)} and random graphs {_number(first.mean.erdos_renyi)}"
    p_values = ", ".join(f"{evaluation.p_value:.2g}" for evaluation in evaluations.values())
    shares = [evaluation.shares.novel for evaluation in evaluations.values()]
    novel = [f"{share:.0%}" for share in shares if share is not None]
    counted = [evaluation.shares for evaluation in evaluations.values() if evaluation.shares.vun is not None]
    vun = ", ".join(f"{shares.vun:.0%}" for shares in counted)
    parts = [
        f"Mean MMD² {scores}, {yardsticks}",
        f"p = {p_values} for all statistics",
        *([f"{', '.join(novel)} novel"] if novel else []),
        *([f"{vun} {_vun_names(first)[1]} (reference graphs: {counted[0].vun_reference:.0%})"] if counted else []),
    ]
    return "; ".join(parts) + "."


def notes(evaluation: GraphEvaluation) -> list[str]:
    """Notes needed to read the table: defects of the protocol, its bias for these sets, and the graphs that it
    changed."""
    protocol = get_protocol(evaluation.protocol)
    lines: list[str] = []
    if protocol.unbiased:
        lines.append(
            "Scores are unbiased: they are zero on average if the laws are equal, so the floor is noise around zero, "
            "and there is no ratio to it. Read the p-value."
        )
    elif evaluation.mean.bias is not None:
        lines.append(_bias_note(evaluation))
    kernels = {name: protocol.kernels[name] for name in evaluation.statistics}
    indefinite = [name for name, kernel in kernels.items() if not kernel.positive_definite]
    if indefinite:
        which = "all statistics" if len(indefinite) == len(kernels) else _listed(indefinite)
        lines.append(
            f"The kernels that {protocol.name} uses for {which} are not positive definite: a score of zero or less "
            "need not mean equal laws. Protocol psd has none of these defects."
        )
    if evaluation.mean.interval is not None:
        lines.append(
            "The interval shows, by bootstrap, how far 95% of the scores of other graphs from the same two laws would "
            "scatter around this score. Read the p-value to see whether the laws differ."
        )
    if protocol.name == "gran":
        lines.append(
            "Clustering is saturated: two graphs count as unrelated if their histograms differ in 30% of the nodes."
        )
    for name, changes in evaluation.cleaned.items():
        changed = [f"{count} {CLEANED[change]}" for change, count in changes.items() if count]
        if changed:
            lines.append(f"Cleaned, as {protocol.name} requires: of the {name} graphs {', '.join(changed)}.")
    lines.append("Graphs are compared without labels, weights and directions, for novelty and uniqueness as well.")
    return lines


def _bias_note(evaluation: GraphEvaluation) -> str:
    own, floor = (
        ", ".join(f"{name} {_number(getattr(scores, row))}" for name, scores in evaluation.statistics.items())
        for row in ("bias", "floor_bias")
    )
    return (
        f"Scores are biased, the more the fewer graphs there are. With {evaluation.generated_graphs} against "
        f"{evaluation.reference_graphs} graphs the bias in the score of a perfect generator is: {own}; in the floor: "
        f"{floor}. Where these differ, a perfect generator's ratio to the floor is not 1."
    )


def common_notes(evaluations: Mapping[str, GraphEvaluation]) -> list[str]:
    """The notes on several evaluations: those common to all once, the others with the name of their generator."""
    lines = {name: notes(evaluation) for name, evaluation in evaluations.items()}
    shared = [note for note in next(iter(lines.values())) if all(note in some for some in lines.values())]
    own = [f"{name}: {note}" for name, some in lines.items() for note in some if note not in shared]
    return [*own, *shared]


def summary(evaluation: GraphEvaluation) -> str:
    """One evaluation as text for the terminal."""
    whole = (f"{name}: {value}" for name, value in overall(evaluation))
    measured = [as_text(measure_table(evaluation)), ""] if evaluation.measures else []
    return "\n".join([as_text(score_table(evaluation)), "", *measured, *notes(evaluation), "", *whole])


def comparison_summary(evaluations: Mapping[str, GraphEvaluation]) -> str:
    """Several evaluations as text for the terminal."""
    lines = ["The p-value is that of all statistics together; the ratio is that of the mean of 3 to its floor."]
    first = next(iter(evaluations.values()))
    if first.shares.vun is not None:
        lines.append("{} is the share of graphs that are {} at once.".format(*_vun_names(first)))
    return "\n".join([as_text(comparison(evaluations)), "", *lines, *common_notes(evaluations)])


def _columns(evaluation: GraphEvaluation) -> dict[str, StatisticScores]:
    """The columns of a table: the averaged statistics, their mean, and all others."""
    found = evaluation.statistics
    others = {name: scores for name, scores in found.items() if name not in AVERAGED}
    return {**{name: found[name] for name in AVERAGED}, "mean of 3": evaluation.mean, **others}


def _caption(evaluation: GraphEvaluation) -> str:
    return f"MMD², {evaluation.protocol}, against {evaluation.reference_graphs} graphs"


def _vun_names(evaluation: GraphEvaluation) -> tuple[str, str]:
    """The literature's name of the share `vun`, and the properties that it requires of a graph."""
    needed = evaluation.shares.vun_property
    if evaluation.shares.valid_pieces:
        needed = f"{needed} in pieces"
    return ("V.U.N.", f"{needed}, unique and novel") if needed else ("U.N.", "unique and novel")


def _number(value: float | None) -> str:
    """Four decimals, or one significant digit of a smaller number; rounding noise is zero."""
    if value is None:
        return MISSING
    return f"{value:z.4f}" if abs(value) < ROUNDING or abs(value) >= 1e-4 else f"{value:.0e}"


def _measured(name: str, evaluation: GraphEvaluation) -> str:
    return _number(evaluation.measures[name].value)


def _score(row: StatisticScores) -> str:
    return _number(row.mmd2)


def _floor(row: StatisticScores) -> str:
    return _number(row.floor)


def _resampled(row: StatisticScores) -> str:
    return f"{_number(row.resampled)} ±{_number(row.resampled_sd)}"


def _ratio(row: StatisticScores) -> str:
    return MISSING if row.floor < SMALLEST_FLOOR else f"{row.mmd2 / row.floor:.2f}"


def _p_value(row: StatisticScores) -> str:
    return f"{row.p_value:.3f}"


def _interval(row: StatisticScores) -> str:
    return MISSING if row.interval is None else " to ".join(map(_number, row.interval))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
