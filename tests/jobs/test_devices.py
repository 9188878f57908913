"""Jobs on another device: they finish, and a run that was cut short goes on there."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from place import DEVICE

from discrete_ed import MLPEnergy, save_energy
from discrete_ed.graphs import generation
from discrete_ed.jobs import run_folder
from discrete_ed.jobs.cli import run_job

pytestmark = [
    pytest.mark.anywhere,
    pytest.mark.skipif(DEVICE.type == "cpu", reason="other tests run the jobs on the CPU: this is for --device"),
]
DENSITY = (
    "estimate --data moons --steps 20 --width 8 --layers 1 --samples 20 --sampler-steps 2 --temperatures 5 --runs 4"
)
JOBS = {  # each with the number of the checkpoint after which it is cut
    "generate --data community-small --levels 0 --steps 4 --samples 6 --sampler-steps 6 --width 4 --layers 1": 4,
    DENSITY: 4,
    f"{DENSITY} --loss pcd": 4,
    "sample ENERGY --kernel dmala --chains 4 --steps 8 --warmup 4": 1,
}


class Cut(Exception):
    """Stands for kill -9."""


@pytest.mark.parametrize("job", JOBS)
def test_a_job_finishes_and_goes_on_where_it_was_cut(job, tmp_path, monkeypatch):
    monkeypatch.setattr(generation, "SEGMENT", 2)

    save_energy(tmp_path / "energy", MLPEnergy(6, hidden=(8,)))
    name, *arguments = job.replace("ENERGY", str(tmp_path / "energy")).split()

    def start(folder: str, *options: str) -> None:
        run_job(name, [*arguments, "--device", str(DEVICE), "--out", str(tmp_path / folder), *options])

    start("whole")
    saves, save = [], run_folder.Checkpoints.save

    def cut(self, *arguments):
        save(self, *arguments)
        saves.append(self)
        if len(saves) == JOBS[job]:
            raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(run_folder.Checkpoints, "save", cut)
        with pytest.raises(Cut):
            start("cut", *([] if name == "sample" else ["--checkpoint-seconds", "0"]))
    run_job(name, ["--resume", str(tmp_path / "cut")])
    whole, resumed = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("whole", "cut"))
    assert whole.keys() == resumed.keys()
    assert comparable(whole) == pytest.approx(comparable(resumed), rel=1e-3)


@pytest.mark.parametrize("kernel", ["auto", "dmala", "path-auxiliary"])
def test_a_saved_energy_is_sampled_there(kernel, tmp_path):
    save_energy(tmp_path / "energy", MLPEnergy(6, hidden=(8,)))
    options = ["--kernel", kernel, "--chains", "4", "--steps", "8", "--warmup", "4", "--device", str(DEVICE)]
    run_job("sample", [str(tmp_path / "energy"), *options, "--out", str(tmp_path / "run")])
    with np.load(tmp_path / "run" / "samples.npz", allow_pickle=False) as drawn:
        assert drawn["bits"].shape == (4, 8, 6)
        assert np.isin(drawn["bits"], (0, 1)).all()
        assert np.isfinite(drawn["energy"]).all()


@pytest.mark.skipif(DEVICE.type != "simulated", reason="of the simulated device")
def test_the_simulated_device_computes_what_the_cpu_does_and_is_as_strict_as_a_gpu():
    here = torch.arange(12.0, device="cpu").view(3, 4)
    there = here.to(DEVICE)
    assert there.device.type == "simulated"
    weight = there.clone().requires_grad_()
    ((weight[1:] * 2 + 0.1).exp().sum() + weight.T[0].logsumexp(0)).backward()
    other = here.clone().requires_grad_()
    ((other[1:] * 2 + 0.1).exp().sum() + other.T[0].logsumexp(0)).backward()
    assert torch.equal(weight.grad.cpu(), other.grad)
    there.T[1:].mul_(0)  # a view shares its memory
    assert there.sum().item() == 12
    assert torch.equal(there[torch.tensor([2, 0], device="cpu")].cpu()[:, 0], torch.tensor([8.0, 0.0], device="cpu"))
    for mix in (lambda: there + here, lambda: there @ here.T, lambda: torch.cat([there, here]), lambda: there.numpy()):
        with pytest.raises((RuntimeError, TypeError)):
            mix()
    assert (there + torch.tensor(1.0, device="cpu")).device == there.device  # a number is at home everywhere
    for mix in (lambda: here[there[:, 0] > 0], lambda: here.clone().index_put_((torch.tensor([0]),), here[1])):
        with pytest.raises(RuntimeError, match=r"indices should be|expected all tensors on simulated"):
            mix()
    with pytest.raises(RuntimeError, match="expected a generator of simulated"):
        torch.rand(3, generator=torch.Generator("cpu"), device=DEVICE)
    with pytest.raises(RuntimeError):
        torch.randperm(3, generator=torch.Generator("cpu"), device=DEVICE)
    assert torch.rand(3, generator=torch.Generator(DEVICE).manual_seed(1), device=DEVICE).device == there.device


def comparable(result: dict) -> list[float]:
    """All numbers of a result but the seconds."""
    if isinstance(result, dict):
        return [x for name, value in result.items() if "second" not in name for x in comparable(value)]
    if isinstance(result, list):
        return [x for value in result for x in comparable(value)]
    return [float(result)] if isinstance(result, int | float) else []
