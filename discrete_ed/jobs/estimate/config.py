"""The options of the job that estimates densities."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, CheckpointedConfig, When, expect, expect_noise, expect_positive
from discrete_ed.names import (
    ENUMERABLE_BITS,
    EPSILON,
    GRAY_BITS,
    SMALL_BITS,
    EnergyName,
    LossName,
    NetworkName,
    usual_components,
)

if TYPE_CHECKING:
    from discrete_ed.data import TableData

# the conditions under which some of the options have an effect
NETWORK = When(energy=get_args(NetworkName))
HIDDEN_UNITS = When(energy=(*get_args(NetworkName), "rbm"))
NOISE = When(loss=("ed", "block-ed"))
SAMPLED = When(loss=("ed", "erasure"))
CHAINS = When(f"for data of more than {SMALL_BITS} bits", enumerated=False)
ANNEALED = When("where the log-likelihood can't be computed exactly", exact=False)
ROOT = When("with the name of a data set that is read from files", from_root=True)


@dataclass(frozen=True)
class EstimateConfig(CheckpointedConfig):
    """Learn an energy over binary states, and report the log-likelihood of held-out data.

    Trains on one of seven densities in the plane, on images, or on your own table, and keeps the averaged weights that
    score best on validation data. Reports the test log-likelihood, exactly where that is possible, otherwise as a lower
    and an upper bound; generates samples and compares them with test data. The saved energy, the samples, the scores
    and the figures go into a run folder; open its report.html first.

    Examples:
      discrete-ed estimate
      discrete-ed estimate --data checkerboard --loss ed
      discrete-ed estimate --data nltcs --root ~/data --seed 1
      discrete-ed estimate --data mine.csv --test theirs.csv
      discrete-ed estimate --data mixed.csv --types age=number,size=small<medium<large
      python scripts/estimate_density.py --data mine.csv
    """

    data: str = "pinwheel"
    """2spirals, 8gaussians, circles, moons, pinwheel, swissroll, checkerboard (densities in the plane, 32 bits);
    digits (needs scikit-learn), mnist, omniglot (from files in --root); the name of a table in --root (NAME.train.data,
    .valid.data, .test.data); or the path of a table (.csv, .data, .npy, .npz, .parquet)"""
    root: Annotated[Path, ROOT] = Path("datasets")
    """folder that holds the data sets given by name"""
    valid: Path | None = None
    """validation table; by default a random tenth of the training rows"""
    test: Path | None = None
    """test table; by default a random fifth of the rows"""
    missing: bool = False
    """whether cells of the tables may be missing (empty, NA, nan). The model is fitted to the others, and missing ones
    are sampled from it meanwhile, which is right where it doesn't depend on a cell's value whether it is missing. The
    likelihood is that of the other cells; at most 16 cells of a validation or test row may be missing"""
    types: tuple[str, ...] = ()
    """for a table of any kind (.csv, .tsv, .txt, .data, names in the first row): auto, or kinds of columns where they
    are recognised wrongly (NAME=category, NAME=ordinal, NAME=number) or values in order (NAME=low<high); a table of
    which fewer than half of the columns are binary is read so without it"""
    loss: LossName | None = None
    """ed (energy discrepancy with Bernoulli noise), block-ed (energy discrepancy on random blocks of bits, whose states
    are summed), erasure (energy discrepancy of any number of erased bits, which the mixture of the base fills in), pl
    (pseudo-likelihood), rm (ratio matching), cd (contrastive divergence), pcd (persistent contrastive divergence) or ml
    (maximum likelihood by enumeration, up to 16 bits); by default ed for densities in the plane, erasure for networks
    on tables of more than 16 bits, pl for those on smaller tables (see --choose), and block-ed otherwise"""
    energy: EnergyName = "mlp"
    """the energy: a network plus a term linear in the bits (mlp, residual; conv for images), a restricted Boltzmann
    machine (rbm), or the pairwise Ising model (ising)"""
    width: Annotated[int | None, HIDDEN_UNITS] = None
    """units of a hidden layer, channels of conv, or hidden units of rbm; by default 128 for densities in the plane and
    with erasure on tables, and 64 for other data (16 for conv)"""
    layers: Annotated[int | None, NETWORK] = None
    """hidden layers, or residual blocks; by default 3 for densities in the plane and 2 for other data (1 for conv)"""
    components: Annotated[int | None, NETWORK] = None
    """components of the mixture of trees to which a network is added, fitted by expectation maximisation, so that the
    law is low far from the data; 1: independent bits, which are trained with the network. By default 20 for tables of
    more than 16 bits (at most one for every 50 rows), otherwise 1"""
    choose: Annotated[bool | None, NETWORK] = None
    """whether two recipes are tried, of which validation rows choose one: erasure on the mixture, and block-ed on
    independent bits, which learns finer dependences but may have a spurious mode; for up to 16 bits pl and block-ed,
    which doesn't lose modes that are far apart. The second one is dropped after a quarter of its steps unless it then
    scores better than the first one ever did. By default for tables where neither --loss nor --components is given"""
    tune: float | None = None
    """minutes, on one idle core, in which the job itself looks for width, components, weight decay, learning rate,
    layers, steps and ensemble size. It changes one after the other, keeps what scores better on validation rows, and
    spends 60% of the minutes on the final fit. Options that differ from their defaults are not changed"""
    members: int | None = None
    """ensemble size: this many energies are trained from different initial weights, and their mean is saved as one
    energy; by default 6 for networks on tables of up to 16 bits without --loss, otherwise 1"""
    epsilon: Annotated[float | None, NOISE] = None
    """ε, the probability that noise flips a bit; by default 0.1 for ed and 0.5 for block-ed"""
    negatives: Annotated[int, SAMPLED] = 32
    """M, number of perturbed copies of each state (ed, erasure)"""
    w: Annotated[float, SAMPLED] = 1.0
    """w, stabilisation of the loss (ed, erasure)"""
    block: Annotated[int, When(loss="block-ed")] = 5
    """k, number of bits in a block (block-ed)"""
    chain_steps: Annotated[int, When(loss=("cd", "pcd"))] = 10
    """k, number of sampler steps for each training step (cd, pcd)"""
    buffer: Annotated[int, When(loss="pcd")] = 1000
    """number of chains that continue from step to step (pcd); raised to the batch size if it is smaller"""
    steps: int | None = None
    """training steps; by default 3000 for densities in the plane, 2000 with erasure on tables, 2500 for networks on
    tables of up to 16 bits without --loss, 4000 otherwise, and 300 for tables of categories and numbers"""
    batch: int | None = None
    """training states in a step; by default 128 for densities in the plane and 256 for other data"""
    learning_rate: float | None = None
    """peak learning rate of AdamW; by default 0.004 for densities in the plane, whose training data are sampled afresh
    in every step, 0.003 with erasure on tables, 0.0025 for networks on tables of up to 16 bits, otherwise 0.0015,
    and 0.01 for tables of categories and numbers"""
    weight_decay: float | None = None
    """decoupled weight decay of AdamW; by default 0.1 with erasure on tables, 0.05 for networks on tables of up to 16
    bits, otherwise 0"""
    ema: float = 0.999
    """decay of the exponential moving average of the weights, for each step"""
    patience: int | None = None
    """stop training after this many validation scores without a new best (20 scores are taken in a full run); by
    default training never stops early"""
    samples: int = 4000
    """a tenth of the number of samples; where they come from chains, each chain yields ten"""
    sampler_steps: Annotated[int, CHAINS] = 400
    """inverse temperatures of the annealing that makes samples, or steps of each chain between its start at noise and
    its first sample; between two samples, and where chains start at weighted states, it makes a tenth of them. With up
    to 16 bits, all states are enumerated and no chain runs"""
    temperatures: Annotated[int | None, ANNEALED] = None
    """number of inverse temperatures of annealed importance sampling, which estimates the log-likelihood where it can't
    be computed exactly; by default as many as bring its range down to 0.05 nats, but no more than take about a minute
    on one core"""
    runs: Annotated[int, ANNEALED] = 256
    """number of runs of annealed importance sampling, in each direction"""
    seed: int = 0
    """seed of everything random"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/estimate/DATA-TIME"""

    def __post_init__(self) -> None:
        super().__post_init__()
        chosen = {
            name
            for name in ("width", "components", "members", "steps", "batch", "patience", "temperatures")
            if getattr(self, name) is not None
        }
        expect(self, "at least 1", *chosen, "negatives", "block", "chain_steps", "buffer", low=1)
        expect(self, "at least 1", "sampler_steps", low=1)
        expect(self, "at least 2", "samples", "runs", low=2)
        expect(self, "at least 0", *(["layers"] if self.layers is not None else []), low=0)
        expect(self, "at least 0", "w", *(["weight_decay"] if self.weight_decay is not None else []), low=0)
        check_seed(self.seed)
        expect_noise(self, "epsilon")
        if not 0 <= self.ema < 1:
            raise InputError(f"ema: expected a decay in [0, 1), got {self.ema}")
        expect_positive(self, "learning_rate", "tune")


@dataclass(frozen=True, kw_only=True)
class ResolvedEstimateConfig(EstimateConfig):
    """The options of a run, with the defaults of its data and loss filled in where the user left an option open."""

    loss: LossName
    width: Annotated[int, HIDDEN_UNITS]
    layers: Annotated[int, NETWORK]
    components: Annotated[int, NETWORK]
    choose: Annotated[bool, NETWORK]
    members: int
    steps: int
    batch: int
    learning_rate: float
    weight_decay: float


PLANE = {"loss": "ed", "width": 128, "layers": 3, "steps": 3000, "batch": 128, "learning_rate": 4e-3}
TABLE = {"loss": "block-ed", "width": 64, "layers": 2, "steps": 4000, "batch": 256, "learning_rate": 1.5e-3}
LARGE = {"loss": "erasure", "width": 128, "steps": 2000, "learning_rate": 3e-3, "weight_decay": 0.1}
SMALL = {"loss": "pl", "members": 6, "steps": 2500, "learning_rate": 2.5e-3, "weight_decay": 0.05}
CONV = {"width": 16, "layers": 1}
"""defaults of the options that the user may leave open: PLANE for densities in the plane, TABLE for tables and images;
LARGE replaces some of them for networks on tables that can't be enumerated, SMALL for those on tables that can, CONV
for a convolutional energy"""
RIVAL: dict[str, Any] = {
    **{name: TABLE[name] for name in ("loss", "width", "steps", "learning_rate")},
    "components": 1,
    "weight_decay": 0.0,
}
"""what replaces LARGE in the second recipe; SMALL has another loss only"""


def resolve(config: EstimateConfig, data: TableData) -> ResolvedEstimateConfig:
    """The options with what the user left open filled in, by the kind of data, the energy and the loss.

    Raises:
        InputError: an energy or a loss that doesn't suit these data.
    """
    if config.energy == "conv" and data.shape is None:
        raise InputError(f"energy: expected mlp, residual, rbm or ising, as {data.name} is no set of images, got conv")
    bits = data.train.shape[1]
    if config.loss == "ml" and bits > SMALL_BITS:
        raise InputError(f"loss: expected ml with at most {SMALL_BITS} columns only, got {bits}")
    usual: dict[str, Any] = {**(TABLE if data.toy is None else PLANE), **(CONV if config.energy == "conv" else {})}
    table = data.toy is None and data.shape is None
    usual["components"] = usual_components(config.energy, bits, len(data.train)) if table else 1
    if usual["components"] > 1 and config.loss in (None, "erasure"):
        usual |= LARGE
    network = table and config.energy in get_args(NetworkName)
    small = network and bits <= SMALL_BITS and config.loss is None
    if small:
        usual |= SMALL
    usual["choose"] = (usual["components"] > 1 or small) and config.loss is None and config.components is None
    chosen = {field.name: getattr(config, field.name) for field in fields(config)}
    values = {**usual, **{name: value for name, value in chosen.items() if value is not None}}
    values.setdefault("weight_decay", 0.0)
    values.setdefault("members", 1)
    values.setdefault("epsilon", EPSILON.get(values["loss"]))
    if values["loss"] == "pcd":
        values["buffer"] = max(values["buffer"], values["batch"])
    return ResolvedEstimateConfig(**values)


def rival_of(config: ResolvedEstimateConfig, data: TableData) -> ResolvedEstimateConfig | None:
    """The second recipe, if validation rows are to choose; options that differ from their defaults stay as they are.

    Raises:
        InputError: there is nothing to choose, as the recipes are for networks on tables.
    """
    if not config.choose:
        return None
    usual = resolve(EstimateConfig(data=config.data, energy=config.energy), data)
    if not usual.choose:
        raise InputError("choose: expected a network and a table, for which there are two recipes")
    replaced = RIVAL if usual.loss == LARGE["loss"] else {"loss": RIVAL["loss"]}
    changes = {name: value for name, value in replaced.items() if getattr(config, name) == getattr(usual, name)}
    return replace(config, **changes) if changes else None


def facts_of(config: ResolvedEstimateConfig, data: TableData) -> dict[str, Any]:
    """What conditions on options are about besides other options: sizes of the data, and where they are read from."""
    bits = data.train.shape[1]
    alone = config.members == 1
    smaller_layer = min(bits, config.width) if config.energy == "rbm" and alone else bits
    return {
        "enumerated": bits <= SMALL_BITS,
        "exact": smaller_layer <= (GRAY_BITS if config.energy == "ising" and alone else ENUMERABLE_BITS),
        "from_root": any(path.is_relative_to(config.root) for path in data.files),
    }
