"""The options of the job that estimates densities."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, CheckpointedConfig, When, expect
from discrete_ed.names import EPSILON, SMALL_BITS, EnergyName, LossName, NetworkName

if TYPE_CHECKING:
    from discrete_ed.data import TableData

NETWORK = When(energy=get_args(NetworkName))
HIDDEN_UNITS = When(energy=(*get_args(NetworkName), "rbm"))
NOISE = When(loss=("ed", "block-ed"))


@dataclass(frozen=True)
class EstimateConfig(CheckpointedConfig):
    """Learn an energy over binary states, and report how likely it finds held-out data.

    Trains on one of seven densities in the plane, on images, or on your own table; keeps the averaged weights that
    score best on validation data; reports the exact test log-likelihood, or a lower and an upper bound; generates
    samples and compares them with test data. Everything goes into a run folder; open its report.html first.

    Examples:
      python scripts/estimate_density.py
      python scripts/estimate_density.py --data checkerboard --loss ed
      python scripts/estimate_density.py --data nltcs --root ~/data --seed 1
      python scripts/estimate_density.py --data mine.csv --test theirs.csv
    """

    data: str = "pinwheel"
    """2spirals, 8gaussians, circles, moons, pinwheel, swissroll, checkerboard (densities in the plane, 32 bits);
    digits (needs scikit-learn), mnist, omniglot (from files in --root); the name of a table in --root (NAME.train.data,
    .valid.data, .test.data); or the path of a table (.csv, .data, .npy, .npz, .parquet)"""
    root: Path = Path("datasets")
    """folder in which named data sets are looked for"""
    valid: Path | None = None
    """validation table; without it, a tenth of the training rows is chosen at random"""
    test: Path | None = None
    """test table; without it, a fifth of the rows is chosen at random"""
    loss: LossName | None = None
    """ed (energy discrepancy with Bernoulli noise), block-ed (the same on random blocks of bits, summed), pl
    (pseudo-likelihood), rm (ratio matching), cd or pcd (contrastive divergence, persistent), ml (maximum likelihood by
    enumeration, up to 16 bits); without it: ed for densities in the plane, block-ed for others"""
    energy: EnergyName = "mlp"
    """a network on a Bernoulli base (mlp, residual; conv for images), an rbm, or the pairwise ising model"""
    width: Annotated[int | None, HIDDEN_UNITS] = None
    """units of a hidden layer; channels of conv; hidden units of rbm; without it: 128 for densities in the plane, else
    64 (conv: 16)"""
    layers: Annotated[int | None, NETWORK] = None
    """hidden layers, or residual blocks; without it: 3 for densities in the plane, else 2 (conv: 1)"""
    members: int = 1
    """ensemble size: so many energies are trained, from different initial weights, and their mean is the result"""
    epsilon: Annotated[float | None, NOISE] = None
    """ε, the probability that noise flips a bit; without it: .1 (ed), .5 (block-ed)"""
    negatives: Annotated[int, When(loss="ed")] = 32
    """M, perturbed copies of each state (ed)"""
    w: Annotated[float, When(loss="ed")] = 1.0
    """w, stabilisation (ed)"""
    block: Annotated[int, When(loss="block-ed")] = 5
    """k, bits of a block (block-ed)"""
    chain_steps: Annotated[int, When(loss=("cd", "pcd"))] = 10
    """k, steps of each chain (cd, pcd)"""
    buffer: Annotated[int, When(loss="pcd")] = 1000
    """chains that are kept from step to step (pcd); at least as many as there are states in a step"""
    steps: int | None = None
    """training steps; without it: 3000 for densities in the plane, else 4000"""
    batch: int | None = None
    """training states in a step; without it: 128 for densities in the plane, else 256"""
    learning_rate: float | None = None
    """peak learning rate of AdamW; without it: .004 for densities in the plane, whose data has no end, else .0015"""
    weight_decay: float = 0.0
    """decoupled weight decay"""
    ema: float = 0.999
    """decay of the averaged weights"""
    patience: int | None = None
    """stop after so many validation scores (20 are taken in all) without a new best; without it, training never stops
    early"""
    samples: int = 4000
    """chains that generate samples; each gives ten"""
    sampler_steps: Annotated[int, When(enumerated=False)] = 400
    """steps of each chain (Gibbs-with-gradients; block Gibbs for rbm) from noise to its first sample; between two
    samples it makes a tenth of them. Where importance sampling from uniform states works, every sample has a chain of
    its own with a tenth of the steps. Up to 16 bits states are enumerated, and there are no chains"""
    temperatures: Annotated[int, When(exact=False)] = 1000
    """inverse temperatures of annealed importance sampling, where the likelihood can't be computed exactly, and steps
    of the chains that its reverse runs start from"""
    runs: Annotated[int, When(exact=False)] = 256
    """runs of annealed importance sampling, each way"""
    seed: int = 0
    """seed of everything random"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; without it: runs/estimate/DATA-TIME"""

    def __post_init__(self) -> None:
        super().__post_init__()
        given = {name for name in ("width", "steps", "batch", "patience") if getattr(self, name) is not None}
        expect(self, "at least 1", *given, "members", "negatives", "block", "chain_steps", "buffer", low=1)
        expect(self, "at least 1", "sampler_steps", "temperatures", low=1)
        expect(self, "at least 2", "samples", "runs", low=2)
        expect(self, "at least 0", *(["layers"] if self.layers is not None else []), low=0)
        expect(self, "at least 0", "w", "weight_decay", low=0)
        check_seed(self.seed)
        if self.epsilon is not None and not 0 < self.epsilon <= 0.5:
            raise InputError(f"epsilon: expected a probability in (0, 0.5], got {self.epsilon}")
        if not 0 <= self.ema < 1:
            raise InputError(f"ema: expected a decay in [0, 1), got {self.ema}")
        if self.learning_rate is not None and not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate: expected a positive number, got {self.learning_rate}")


@dataclass(frozen=True, kw_only=True)
class ResolvedEstimateConfig(EstimateConfig):
    """The options with everything filled in that the user may leave open."""

    loss: LossName
    width: Annotated[int, HIDDEN_UNITS]
    layers: Annotated[int, NETWORK]
    steps: int
    batch: int
    learning_rate: float


PLANE = {"loss": "ed", "width": 128, "layers": 3, "steps": 3000, "batch": 128, "learning_rate": 4e-3}
TABLE = {"loss": "block-ed", "width": 64, "layers": 2, "steps": 4000, "batch": 256, "learning_rate": 1.5e-3}
CONV = {"width": 16, "layers": 1}
"""what the user may leave open: for densities in the plane, for tables and images, and for a convolutional energy"""


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
    chosen = {field.name: getattr(config, field.name) for field in fields(config)}
    values = {**usual, **{name: value for name, value in chosen.items() if value is not None}}
    values.setdefault("epsilon", EPSILON.get(values["loss"]))
    if values["loss"] == "pcd":
        values["buffer"] = max(values["buffer"], values["batch"])
    return ResolvedEstimateConfig(**values)
