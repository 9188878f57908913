"""What tests share: a device and a precision, real data where there is some, and one thread each."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a shell's background, where Ctrl-C must not reach
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["OMP_NUM_THREADS"] = "1"  # the tests run side by side, and start programs of their own

import place
import torch

FAST = (
    "test_house.py",
    "test_states.py",
    "test_groups.py",
    "test_losses.py",
    "data/test_binary_tables.py",
    "density/test_models.py",
    "energies/test_kinds.py",
    "graphs/test_statistics.py",
    "ising/test_objectives.py",
    "jobs/test_run_folder.py",
    "lattices/",
    "likelihood/test_enumeration.py",
    "metrics/test_two_sample.py",
    "perturbations/test_perturbations.py",
    "runtime/test_threads.py",
    "samplers/test_kernels.py",
    "tables/test_recognition.py",
    "theory/test_relations.py",
    "training/test_fit.py",
)
"""Files and folders of `python -m pytest -m fast`: the heart of every room, in half a minute on two quiet cores."""

collect_ignore = ["support/simulated_device.py"]  # importing it, as a search for doctests does, registers the device


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where tensors are tested, and how precise."""
    parser.addoption("--device", default="cpu", help="cpu, cuda, cuda:1, or simulated: strict, on any machine")
    parser.addoption("--dtype", default="float64", choices=["float64", "float32"], help="of what is exact but rounded")


def pytest_configure(config: pytest.Config) -> None:
    """Before any test file is imported: they make tensors at once."""
    gc.disable()  # until all is imported: what is imported stays
    try:
        place.use(config.getoption("--device"), config.getoption("--dtype"))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise pytest.UsageError(f"--device: expected a device that is there, or simulated, got {reason}") from None
    if config.getoption("--device") == "cpu":  # memory that was reserved but not yet written holds NaN, not old values
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = True
    if config.getoption("markexpr") == "fast" and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args[:] = [str(Path(__file__).parent / entry) for entry in FAST]  # importing all others takes as long


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the fast tests; elsewhere than on the CPU, or less precise, run only the tests that say they can."""
    here = Path(__file__).parent
    for item in items:
        listed = item.path.is_relative_to(here) and str(item.path.relative_to(here)).startswith(FAST)
        if listed and "thorough" not in item.keywords:
            item.add_marker("fast")
    device, dtype = config.getoption("--device"), config.getoption("--dtype")
    if (device, dtype) == ("cpu", "float64"):
        return
    for item in items:
        if "anywhere" not in item.keywords:
            item.add_marker(pytest.mark.skip(reason="of the CPU and of double precision"))
        elif device == "simulated" and "many_steps" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="takes too long on the simulated device"))


def pytest_collection_finish() -> None:
    """Imported modules are hundreds of thousands of objects that need not be looked through again and again."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def data_root() -> Path:
    """The folder of real data that the environment variable DISCRETE_ED_DATA names; without it the test is skipped."""
    root = os.environ.get("DISCRETE_ED_DATA")
    if not root:
        pytest.skip("needs real data: set DISCRETE_ED_DATA to a folder that holds planetoid/CiteSeer/raw")
    return Path(root)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded source of randomness."""
    return place.seeded(0)
