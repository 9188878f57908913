"""Small recoveries keep the couplings, fields and errors that they had: 23 cases of estimator × penalty × size.

`python tests/ising/test_frozen.py` runs every case with the package that is on the path and writes `frozen.npz` beside
this file. The results that are kept came from the version of the package before its estimators were rewritten as values
(`Parameters`, `Support`, `Estimator`), with one thread. Write them anew only where a formula is meant to change, and
say so in the changelog.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from discrete_ed import recover_couplings
from discrete_ed.ising import EstimatorSettings, Recovery

FROZEN = Path(__file__).with_name("frozen.npz")
KEPT = ("couplings", "fields", "standard_errors", "field_errors")


@dataclass(frozen=True)
class FrozenCase:
    """One recovery: which table, which estimator and penalty, with or without fields, and with which settings."""

    table: str
    estimator: str
    penalty: str
    fields: bool = True
    settings: dict[str, Any] = field(default_factory=dict)
    thorough: bool = False
    """whether it takes seconds, and runs only with the thorough tests"""
    site_by_site: bool = False
    """whether standard errors are taken spin by spin, as they are beyond 1,500 parameters"""

    @property
    def name(self) -> str:
        """Name of the case in `frozen.npz`."""
        words = [self.table, self.estimator, self.penalty, "fields" if self.fields else "no-fields"]
        return "_".join([*words, *(["site-by-site"] if self.site_by_site else [])])


CASES = (
    FrozenCase("ring8", "auto", "auto"),
    FrozenCase("ring8", "single-site", "refit", fields=False),
    FrozenCase("ring8", "single-site", "l1"),
    FrozenCase("ring8", "single-site", "none"),
    FrozenCase("ring8", "single-site", "zero"),
    FrozenCase("ring8", "single-site", "none", site_by_site=True),
    FrozenCase("ring8", "block", "refit", settings={"block": 3}, thorough=True),
    FrozenCase("ring8", "block", "none", fields=False, settings={"block": 4, "epsilon": 0.2}),
    FrozenCase("ring8", "bernoulli", "refit", settings={"m": 8, "epsilon": 0.05}, thorough=True),
    FrozenCase("ring8", "bernoulli", "l1", fields=False, settings={"m": 4, "w": 0.5}),
    FrozenCase("ring8", "interaction-screening", "common"),
    FrozenCase("ring8", "ratio-matching", "none", fields=False),
    FrozenCase("ring8", "ratio-matching", "refit"),
    FrozenCase("ring8", "maximum-likelihood", "none"),
    FrozenCase("ring8", "maximum-likelihood", "l1", fields=False),
    FrozenCase("ring8", "contrastive-divergence", "refit", thorough=True),
    FrozenCase("grid20", "auto", "auto"),
    FrozenCase("grid20", "auto", "auto", fields=False, thorough=True),
    FrozenCase("grid20", "single-site", "common", fields=False),
    FrozenCase("grid20", "interaction-screening", "refit", site_by_site=True),
    FrozenCase("grid20", "block", "zero"),
    FrozenCase("few18", "auto", "auto", thorough=True),
    FrozenCase("few18", "single-site", "refit"),
)


def tables() -> dict[str, np.ndarray]:
    """The tables, which need no code of the package: sweeps of single spins in numpy from random states."""
    found = {}
    for name, seed, rows, cells, strength, tilt in (
        ("ring8", 0, 500, (8, 1), 0.6, 0.3),
        ("grid20", 1, 600, (5, 4), 0.35, 0.1),
        ("few18", 2, 60, (6, 3), 0.4, 0.0),
    ):
        rng = np.random.default_rng(seed)
        sites = np.arange(cells[0] * cells[1]).reshape(cells)
        couplings = np.zeros((sites.size, sites.size))
        for axis, length in enumerate(cells):
            if length > 1:
                couplings[sites.ravel(), np.roll(sites, 1, axis).ravel()] = strength
        couplings = np.maximum(couplings, couplings.T)
        couplings[0, 1] = couplings[1, 0] = -strength
        spins = np.where(rng.random((rows, sites.size)) < 0.5, 1.0, -1.0)
        for _ in range(60):
            for i in range(sites.size):
                up = 1 / (1 + np.exp(-2 * (spins @ couplings[i] + tilt * (-1) ** (i % 3))))
                spins[:, i] = np.where(rng.random(rows) < up, 1.0, -1.0)
        found[name] = (spins > 0).astype(np.uint8)
    return found


def recovered(case: FrozenCase, bits: np.ndarray) -> Recovery:
    """What the package finds for a case."""
    return recover_couplings(
        bits, case.estimator, case.penalty, fields=case.fields, settings=EstimatorSettings(**case.settings)
    )


def set_limits(patch: pytest.MonkeyPatch, case: FrozenCase) -> None:
    """Few steps of contrastive divergence; and errors spin by spin where the case asks for them."""
    patch.setattr("discrete_ed.ising.contrastive.STEPS", 60)
    if case.site_by_site:
        patch.setattr("discrete_ed.ising.standard_errors.TOGETHER", 0)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name, marks=[pytest.mark.thorough] * case.thorough) for case in CASES]
)
def test_a_recovery_is_what_it_was(case, monkeypatch):
    kept = np.load(FROZEN)
    shape = kept[f"{case.table}.shape"]
    set_limits(monkeypatch, case)
    found = recovered(case, np.unpackbits(kept[f"{case.table}.bits"], axis=0, count=shape[0]))
    assert found.choice == str(kept[f"{case.name}.choice"])
    assert found.shrinkage == pytest.approx(float(kept[f"{case.name}.shrinkage"]), abs=1e-5)
    # contrastive divergence steps in single precision, so that processors differ by more
    atol = 1e-5 if case.estimator == "contrastive-divergence" else 1e-8
    for array in KEPT:
        np.testing.assert_allclose(getattr(found, array), kept[f"{case.name}.{array}"], rtol=0, atol=atol)


def write() -> None:
    """Write `frozen.npz`: the tables as packed bits, and every kept array of every case, by `CASE.ARRAY`."""
    data = tables()
    kept = {f"{name}.bits": np.packbits(bits, axis=0) for name, bits in data.items()}
    kept |= {f"{name}.shape": np.array(bits.shape) for name, bits in data.items()}
    for case in CASES:
        with pytest.MonkeyPatch.context() as patch:
            set_limits(patch, case)
            found = recovered(case, data[case.table])
        kept |= {f"{case.name}.{array}": getattr(found, array) for array in KEPT}
        kept[f"{case.name}.choice"] = np.array(found.choice)
        kept[f"{case.name}.shrinkage"] = np.array(found.shrinkage)
    np.savez_compressed(FROZEN, **kept)


if __name__ == "__main__":
    write()
