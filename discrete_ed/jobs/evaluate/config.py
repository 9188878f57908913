"""Options of the job that scores generated graphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, GraphFileConfig, When, expect
from discrete_ed.names import GRAPH_DATA_FROM_FILES, MeasureName, PropertyName, ProtocolName


@dataclass(frozen=True)
class EvaluateConfig(GraphFileConfig):
    """Score the graphs of one or several generators against reference graphs.

    Prints MMD² of degree, clustering, orbit and spectral statistics next to the scores of real graphs and of random
    graphs, and the shares of graphs that are novel, unique, connected and, with --valid, valid; with --measures, more
    scores. Several generators are compared in one table. --json, --report and --out keep the scores. Name the files
    either by position, the reference first, or with --reference and --generated.

    A run of generate in the place of the reference stands for its test and training graphs; without other files, the
    energies that it kept in training (generate --snapshots) are sampled and give a curve of scores, or else its own
    samples are scored. With --data, the graphs are those of a data set, and without files trivial generators show what
    its scores mean.

    Examples:
      discrete-ed evaluate reference.g6 mine.g6 --train train.g6
      discrete-ed evaluate reference.g6 mine.g6 theirs.g6 --protocol psd --valid planar --report scores.html
      discrete-ed evaluate reference.g6 mine.g6 --train train.g6 --valid sbm --measures average-ratio gin-mmd
      discrete-ed evaluate reference.g6 mine.g6 --out RUN
      discrete-ed evaluate runs/generate/mine --report curve.html
      discrete-ed evaluate --data planar-64
      discrete-ed evaluate --resume RUN
      python scripts/evaluate_graphs.py --reference test.g6 --generated mine.g6 --train train.g6
    """

    files: Annotated[Positional[tuple[Path, ...]], arg(metavar="REFERENCE GENERATED ...", help_behavior_hint="")] = ()
    """test graphs, then generated graphs, a file or folder for each generator (the short form of --reference and
    --generated); with --data, generated graphs only"""
    reference: Path | None = None
    """test graphs: a graph file (graph6, edge list, JSON, GraphML and others; see the page of graphs), a folder, or a
    run of generate"""
    generated: tuple[Path, ...] = ()
    """generated graphs: a graph file, a folder or a run of generate for each generator"""
    data: str | None = None
    """data set of generate whose test and training graphs are used, such as planar-64 (not a file)"""
    root: Annotated[Path, When(data=GRAPH_DATA_FROM_FILES)] = Path("datasets")
    """folder that holds the files of the data set, see generate"""
    split_seed: Annotated[int, When("with --data whose split is random", random_split=True)] = 0
    """seed of the random split, and of graphs that a recipe makes"""
    graphs: Annotated[
        int | None, When("with --data planar-64 or another data set that a recipe makes", recipe=True)
    ] = None
    """number of graphs that the recipe makes; by default 200"""
    samples: Annotated[int | None, When("with a run of generate that kept snapshots", snapshots=True)] = None
    """number of graphs that are sampled from each snapshot; by default as many as the run generated"""
    device: Annotated[str, When("with a run of generate that kept snapshots", snapshots=True)] = "cpu"
    """where snapshots are sampled: cpu, cuda, or cuda:1"""
    train: Annotated[Path | None, When("with a file of reference graphs", split=False)] = None
    """graphs that the generators were trained on, a graph file or folder; they are needed for the score of training
    graphs (the floor) and for novelty"""
    protocol: ProtocolName = "edp"
    """how scores are computed: edp (GraphRNN, EDP-GNN, GDSS), gran (GRAN, SPECTRE) or psd
    (positive definite kernels, unbiased)"""
    valid: PropertyName | None = None
    """the property that makes a graph valid, as published code tests it: all but sbm (blocks as in SPECTRE's data set)
    require a connected graph. The share of valid graphs is reported, and with --train the share of graphs that are
    valid, unique and novel at once. By default a connected graph counts as valid, provided that all real graphs are
    connected"""
    pieces: Annotated[bool, When(valid=("planar", "tree", "lobster", "grid", "bipartite"))] = False
    """graphs in several pieces may be valid, too, if each piece has the property"""
    measures: tuple[MeasureName, ...] = ()
    """further measures: average-ratio (mean ratio to the training graphs' scores in five statistics, as SPECTRE and
    HSpectre print it), classifier (how well a logistic regression tells generated from reference graphs; needs
    scikit-learn), classifier-tabpfn (the same with TabPFN, which fetches its weights on first use; never run with
    them so far), gin-mmd and gin-frechet (MMD² and Fréchet distance of the features of ten random graph networks)"""
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
        check_seed(self.split_seed, "split_seed")
        if self.samples is not None:
            expect(self, "at least 1", "samples", low=1)
        generated = self.files[1:] or self.generated
        if len(set(generated)) < len(generated):
            raise InputError("generated: expected every file once, got one twice; leave out the repeated one")

    def graph_files(self) -> tuple[Path | None, tuple[Path, ...]]:
        """The file of reference graphs, or None with a data set by name, and the files of generated graphs.

        Raises:
            InputError: the files are named in both forms, or reference graphs together with a data set.
        """
        options = [*([] if self.reference is None else [self.reference]), *self.generated]
        if self.files and options:
            raise InputError(
                "files: expected graph files either by position (REFERENCE GENERATED ...) or with --reference and "
                f"--generated, got both: {_listed(self.files)} and {_listed(options)}"
            )
        if self.data is not None:
            if self.reference is not None:
                raise InputError(f"reference: expected none with --data {self.data}, got {self.reference}")
            return None, self.files or self.generated
        return self.files[0] if self.files else self.reference, self.files[1:] or self.generated


def _listed(paths: tuple[Path, ...] | list[Path]) -> str:
    return " and ".join(map(str, paths))
