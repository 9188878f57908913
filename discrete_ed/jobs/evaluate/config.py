"""Options of the job that scores generated graphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, GraphFileConfig
from discrete_ed.names import PropertyName, ProtocolName


@dataclass(frozen=True)
class EvaluateConfig(GraphFileConfig):
    """Score the graphs of one or several generators against reference graphs.

    Prints MMD² of degree, clustering, orbit and spectral statistics next to the scores of real graphs and of random
    graphs, and the shares of graphs that are novel, unique, connected and, with --valid, valid. Several generators are
    compared in one table. --json, --report and --out keep the scores. Name the files either by position, the reference
    first, or with --reference and --generated.

    Examples:
      discrete-ed evaluate reference.g6 mine.g6 --train train.g6
      discrete-ed evaluate reference.g6 mine.g6 theirs.g6 --protocol psd --valid planar --report scores.html
      discrete-ed evaluate reference.g6 mine.g6 --out RUN
      discrete-ed evaluate --resume RUN
      python scripts/evaluate_graphs.py --reference test.g6 --generated mine.g6 --train train.g6
    """

    files: Annotated[Positional[tuple[Path, ...]], arg(metavar="REFERENCE GENERATED ...", help_behavior_hint="")] = ()
    """test graphs, then generated graphs, a file or folder for each generator (the short form of --reference and
    --generated)"""
    reference: Path | None = None
    """test graphs: a graph file (graph6, edge list, JSON, GraphML and others; see the page of graphs) or a folder"""
    generated: tuple[Path, ...] = ()
    """generated graphs: a graph file or folder for each generator"""
    train: Path | None = None
    """graphs that the generators were trained on, a graph file or folder; they are needed for the score of training
    graphs (the floor) and for novelty"""
    protocol: ProtocolName = "edp"
    """how scores are computed: edp (GraphRNN, EDP-GNN, GDSS), gran (GRAN, SPECTRE) or psd
    (positive definite kernels, unbiased)"""
    valid: PropertyName | None = None
    """the property that makes a graph valid. The share of valid graphs is reported, and with --train the share of
    graphs that are valid, unique and novel at once. By default a connected graph counts as valid, provided that all
    real graphs are connected"""
    json: Annotated[Path | None, HOUSEKEEPING] = None
    """JSON file to write the scores to"""
    report: Annotated[Path | None, HOUSEKEEPING] = None
    """HTML page to write, with the scores, histograms and pictures of graphs"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty: it keeps the result, the report, and what --resume needs after a stop;
    by default there is no run folder"""
    seed: int = 0
    """seed of the random graphs, the permutations and the bootstrap"""

    def __post_init__(self) -> None:
        check_seed(self.seed)
        generated = self.files[1:] or self.generated
        if len(set(generated)) < len(generated):
            raise InputError("generated: expected every file once, got one twice; leave out the repeated one")

    def graph_files(self) -> tuple[Path, tuple[Path, ...]]:
        """The file of reference graphs, and those of generated graphs.

        Raises:
            InputError: the files are named in both forms, or not all of them are named.
        """
        options = [*([] if self.reference is None else [self.reference]), *self.generated]
        if self.files and options:
            raise InputError(
                "files: expected graph files either by position (REFERENCE GENERATED ...) or with --reference and "
                f"--generated, got both: {_listed(self.files)} and {_listed(options)}"
            )
        reference = self.files[0] if self.files else self.reference
        generated = self.files[1:] or self.generated
        if reference is None or not generated:
            named = [*self.files, *options]
            raise InputError(
                "reference, generated: expected at least one file of generated graphs beside one of test graphs, or "
                f"--resume with the folder of a run, got {f'only {_listed(named)}' if named else 'none'}"
            )
        return reference, generated


def _listed(paths: tuple[Path, ...] | list[Path]) -> str:
    return " and ".join(map(str, paths))
