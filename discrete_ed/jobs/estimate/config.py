"""What density estimation can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import CheckpointedConfig, expect
from discrete_ed.names import EnergyName, LossName


@dataclass(frozen=True)
class EstimateConfig(CheckpointedConfig):
    """Learn an energy over binary states, and say how likely it finds held-out data.

    Trains on one of seven densities in the plane, on images, or on a table of your own; keeps the averaged weights that
    judge validation data best; reports the exact test log-likelihood, or its bracket, draws samples and compares them
    with test data. Everything goes into a run folder; open its report.html first.

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
    """validation table; without it: a tenth of the training rows, drawn at random"""
    test: Path | None = None
    """test table; without it: a fifth of the rows, drawn at random"""
    loss: LossName | None = None
    """ed (energy discrepancy with Bernoulli noise), block-ed (the same on random blocks of bits, summed), pl
    (pseudo-likelihood), rm (ratio matching), cd or pcd (contrastive divergence, persistent), ml (maximum likelihood by
    enumeration, up to 16 bits); without it: ed for densities in the plane, block-ed for others"""
    energy: EnergyName = "mlp"
    """a network on a Bernoulli base (mlp, residual; conv for images), an rbm, or the pairwise ising model"""
    width: int | None = None
    """units of a hidden layer; channels of conv; hidden units of rbm; without it: 128 for densities in the plane, else
    64 (conv: 16)"""
    layers: int | None = None
    """hidden layers, or residual blocks; without it: 3 for densities in the plane, else 2 (conv: 1)"""
    members: int = 1
    """energies trained apart, from different initial weights, whose mean is the energy in the end"""
    epsilon: float | None = None
    """ε, the probability that noise flips a bit; without it: .1 (ed), .5 (block-ed)"""
    negatives: int = 32
    """M, perturbed copies of each state (ed)"""
    w: float = 1.0
    """w, stabilisation (ed)"""
    block: int = 5
    """k, bits of a block (block-ed)"""
    chain_steps: int = 10
    """k, steps of each chain (cd, pcd)"""
    buffer: int = 1000
    """chains kept (pcd)"""
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
    """stop after so many validation scores (20 are taken in all) without a new best; without it: never"""
    samples: int = 4000
    """states of a sample; ten are drawn"""
    sampler_steps: int = 400
    """Gibbs-with-gradients steps of chains from noise before their first state, a tenth of them between any two; where
    importance sampling from uniform states works, each state makes a tenth of them; up to 16 bits states are drawn by
    enumeration instead"""
    temperatures: int = 1000
    """inverse temperatures of annealed importance sampling, where the likelihood is bracketed, and steps of the chains
    that its reverse runs start from"""
    runs: int = 256
    """runs of annealed importance sampling, each way"""
    seed: int = 0
    """seed of everything random"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1"""
    out: Path | None = None
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
