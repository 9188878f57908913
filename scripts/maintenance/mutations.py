"""Break the most load-bearing lines one by one, and see that the tests notice: python scripts/maintenance/mutations.py

Each line is broken in a copy of the repository, where the tests named beside it must then fail. With words as
arguments, only the lines that hold all of them are broken. With --check, no test is run: it is only checked that every
line is there once and that the broken line is Python, too.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Mutation(NamedTuple):
    file: str
    line: str
    broken: str
    tests: str


MUTATIONS = [
    Mutation(
        "energies/ising.py",
        "return self.fields + s @ self.couplings",
        "return self.fields + s @ self.pairs",
        "tests/energies",
    ),
    Mutation("energies/local.py", "(1 - 2 * x) * slope", "(2 * x - 1) * slope", "tests/energies"),
    Mutation(
        "perturbations/bernoulli.py",
        "(flipped[:, :1] ^ flipped[:, 1:])",
        "flipped[:, 1:]",
        "tests/perturbations/test_contract.py tests/test_losses.py",
    ),
    Mutation(
        "samplers/kernels.py",
        "torch.where(accepted, proposed.energy, state.energy)",
        "state.energy",
        "tests/samplers/test_kernels.py tests/samplers/test_gibbs_with_gradients.py",
    ),
    Mutation(
        "samplers/gradients.py",
        "log_ratio = state.energy - proposed.energy + log_reverse.squeeze(-1)",
        "log_ratio = state.energy - proposed.energy",
        "tests/samplers/test_gibbs_with_gradients.py",
    ),
    Mutation(
        "likelihood/enumeration.py",
        "logits = torch.cat([-value for _, value in _evaluate_all(energy, energy.bits, dtype)])",
        "logits = torch.cat([value for _, value in _evaluate_all(energy, energy.bits, dtype)])",
        "tests/likelihood/test_enumeration.py tests/test_losses.py",
    ),
    Mutation("training/loop.py", "self.averaged.update_parameters(self.energy)", "pass", "tests/training/test_fit.py"),
    Mutation(
        "training/batches.py",
        'self.generator.set_state(state["now"])',
        "pass",
        "tests/runtime/test_resume.py",
    ),
    Mutation(
        "runtime/files.py",
        "if hashlib.sha256(content).hexdigest() == digest:",
        "if len(hashlib.sha256(content).hexdigest()) == len(str(digest)):",
        "tests/runtime/test_resume.py tests/energies/test_saving.py",
    ),
    Mutation(
        "metrics/two_sample.py",
        "return (xx - m) / (m * (m - 1))",
        "return xx / (m * (m - 1))",
        "tests/graphs/test_mmd.py tests/metrics/test_two_sample.py",
    ),
]


def problems(mutation: Mutation) -> list[str]:
    """What keeps a line from being broken."""
    source = (ROOT / "discrete_ed" / mutation.file).read_text(encoding="utf-8")
    if source.count(mutation.line) != 1:
        return [f"{mutation.file}: expected once, got {source.count(mutation.line)} times: {mutation.line}"]
    try:
        ast.parse(source.replace(mutation.line, mutation.broken))
    except SyntaxError as error:
        return [f"{mutation.file}: expected Python, got {error}: {mutation.broken}"]
    missing = [path for path in mutation.tests.split() if not (ROOT / path).exists()]
    return [f"{mutation.file}: expected tests in {path}, but it isn't there" for path in missing]


def caught(mutation: Mutation) -> bool:
    """Whether the tests fail once the line is broken."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for part in ("discrete_ed", "tests", "scripts", ".ci"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / part, copy)
        path = copy / "discrete_ed" / mutation.file
        source = path.read_text(encoding="utf-8")
        path.write_text(source.replace(mutation.line, mutation.broken), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "0", "-x", "-p", "no:cacheprovider", *mutation.tests.split()],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
        print(f"{mutation.file}: {failed[0][7:90] if failed else 'NOT CAUGHT'}", file=sys.stderr, flush=True)
        return done.returncode == 1 and bool(failed)


def main() -> None:
    words = sys.argv[1:]
    found = [problem for mutation in MUTATIONS for problem in problems(mutation)]
    if found or words == ["--check"]:
        print(*found, f"{len(MUTATIONS)} lines, {len(found)} problems", sep="\n")
        raise SystemExit(1 if found else 0)
    wanted = [mutation for mutation in MUTATIONS if all(word in mutation.line for word in words)]
    rows = [(mutation, caught(mutation)) for mutation in wanted]
    print("| line | broken | caught |\n|---|---|---|")
    for mutation, was in rows:
        print(f"| `{mutation.file}`: `{mutation.line}` | `{mutation.broken}` | {'yes' if was else 'NO'} |")
    raise SystemExit(0 if all(was for _, was in rows) else 1)


if __name__ == "__main__":
    main()
