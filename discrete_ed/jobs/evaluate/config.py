"""What the job that scores graphs can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import ResumableConfig
from discrete_ed.names import PropertyName, ProtocolName

NEEDED = "(needed, unless --resume is given)"


@dataclass(frozen=True, kw_only=True)
class JudgingConfig(ResumableConfig):
    """What both forms of the judging job can be told."""

    train: Path | None = None
    """graphs that the generator learned from, likewise: they give the floor and the novelty"""
    protocol: ProtocolName = "edp"
    """how scores are computed: edp (GraphRNN, EDP-GNN, GDSS), gran (GRAN, SPECTRE) or psd
    (positive definite kernels, unbiased)"""
    valid: PropertyName | None = None
    """the property that makes a graph valid; its share is reported, and with --train that of the graphs which are
    valid, unique and novel at once (where no property is named, connected counts if all real graphs are)"""
    json: Path | None = None
    """file to write the result to"""
    report: Path | None = None
    """HTML file to write with galleries, histograms and the scores"""
    out: Path | None = None
    """run folder, which must be new or empty: it keeps result and report, and what --resume needs after a stop;
    without it nothing is kept"""
    seed: int = 0
    """seed of the yardsticks' random draws"""

    def __post_init__(self) -> None:
        check_seed(self.seed)


@dataclass(frozen=True)
class EvaluateGraphsConfig(JudgingConfig):
    """Score anybody's generated graphs against reference graphs.

    Prints MMD² of degree, clustering, orbit and spectral statistics beside what real graphs and random graphs score,
    and how many of the graphs are novel, unique, connected and, with --valid, valid.

    Examples:
      python scripts/evaluate_graphs.py --reference test.g6 --generated mine.g6 --train train.g6
      python scripts/evaluate_graphs.py --reference test.g6 --generated mine.g6 --out RUN
      python scripts/evaluate_graphs.py --resume RUN
    """

    reference: Annotated[Path | None, arg(help_behavior_hint=NEEDED)] = None
    """test graphs: a graph file (.g6, .s6, .jsonl, .edges, .graphml) or a folder of them"""
    generated: Annotated[Path | None, arg(help_behavior_hint=NEEDED)] = None
    """generated graphs, likewise"""


@dataclass(frozen=True)
class EvaluateConfig(JudgingConfig):
    """Score the graphs of one or several generators against reference graphs.

    The short form of evaluate-graphs. Several generated files give one comparison table.

    Examples:
      discrete-ed evaluate reference.g6 mine.g6 --train train.g6
      discrete-ed evaluate reference.g6 mine.g6 theirs.g6 --protocol psd --valid planar --report scores.html
      discrete-ed evaluate reference.g6 mine.g6 --out RUN
      discrete-ed evaluate --resume RUN
    """

    reference: Annotated[Positional[Path | None], arg(metavar="REFERENCE", help_behavior_hint=NEEDED)] = None
    """test graphs: a graph file (.g6, .s6, .jsonl, .edges, .graphml) or a folder of them"""
    generated: Annotated[Positional[tuple[Path, ...]], arg(metavar="GENERATED ...", help_behavior_hint=NEEDED)] = ()
    """generated graphs, likewise; a file or folder for each generator"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.generated)) < len(self.generated):
            raise InputError("generated: expected every file once, got one again")
