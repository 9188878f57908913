"""What a run of density estimation came to, as rows that the terminal and the report page both show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NONE = "–"


def density_table(result: Mapping[str, Any]) -> list[list[str]]:
    """What a run of density estimation came to; the first row is the header.

    Args:
        result: what the job `estimate-density` returns.
    """
    exact, toy = result["exact"], result["toy"]
    rows = [["", "value", "range or error"]]
    bracket = "exact" if exact else f"{result['lower']:.3f} to {result['upper']:.3f}"
    rows.append(["test log-likelihood, nats for a state", f"{result['test_log_likelihood']:.4f}", bracket])
    rows.append(["its error as a mean of test states", f"{result['test_error']:.4f}", NONE])
    for split in ("valid", "train"):
        rows.append([f"{split} log-likelihood", f"{result[f'{split}_log_likelihood']:.4f}", NONE])
    rows.append(["independent columns, same test states: trivial", f"{result['independent_columns']:.4f}", "exact"])
    if toy is not None:
        rows.append(["log-likelihood of the truth, same states: the most", f"{-toy['entropy']:.4f}", NONE])
        for name, key in (("entropy of the truth", "entropy"), ("published protocol's NLL (biased)", "published_nll")):
            rows.append([name, f"{toy[key]:.4f}", f"±{toy[key + '_error']:.4f}"])
    size, repeats = result["mmd_size"], result["mmd_repeats"]
    for name, key in (("samples", "mmd2"), ("training states: the floor", "mmd2_floor")):
        error, interval = result[f"{key}_error"], result[f"{key}_interval"]
        spread = NONE if error is None else f"±{1e4 * error:.3f}"
        if interval is not None:
            spread = " to ".join(f"{1e4 * end:z.3f}" for end in interval)
        rows.append([f"MMD²·10⁴ of {name} ({repeats} × {size})", f"{1e4 * result[key]:z.3f}", spread])
        rows.append(["its p-value, by permutation", f"{result[f'{key}_p_value']:.3f}", NONE])
    return rows


def density_notes(result: Mapping[str, Any]) -> list[str]:
    """What must be known when reading the table."""
    lines = []
    if not result["exact"]:
        lines.append(
            "The likelihood is estimated: log Z lies between forward and reverse annealed importance sampling, and the "
            "range allows three standard errors of each. The reverse runs start at chains begun at training states; a "
            "mode of the model that these never visit would make log Z look smaller."
        )
    lines += [f"Warning: {line}" for line in result["warnings"]]
    if result["toy"] is not None:
        lines.append(
            "The published protocol estimates log Z by importance sampling with a million uniform states, on 4,000 "
            "test states. Its log Z is too low on average, so a model can score below the entropy, which no law can."
        )
    size = result["p_value_size"]
    spread = (
        "The error is the standard error of the mean of its sets"
        if result["mmd2_interval"] is None
        else "The range is as wide as it would scatter with other states, in 95 of 100 cases, by bootstrap"
    )
    lines.append(
        f"MMD² is unbiased: equal laws score zero on average. {spread}. Whether samples and test states differ is for "
        f"the p-value to say, of {size} against {size} dealt anew; where the laws are equal, its values are equally "
        "likely."
    )
    return lines
