"""`train --dry-run`: its figures are those of the networks and stages, and it writes nothing."""

from pathlib import Path

import pytest
import torch
from command import call
from torch.nn.modules.module import register_module_forward_pre_hook

from colorizegan.training.configure import load_config
from colorizegan.training.estimate import estimate
from colorizegan.training.networks.unet import ColorUNet


def test_operations_and_memory_grow_with_the_batch() -> None:
    stage = "stages=[{images=100,size=48,batch=%d},{kind='adversarial',images=9,size=48,batch=%d,adversarial=0.1}]"
    small, large = (estimate(load_config("tiny", None, [stage % (n, n)])) for n in (2, 4))
    assert [s.steps for s in small.stages] == [50, 5]
    for one, two in zip(small.stages, large.stages, strict=True):
        assert two.flops == pytest.approx(2 * one.flops, rel=0.02)
        assert one.memory < two.memory < 2 * one.memory  # the weights are there once
        assert one.seconds > 0
    assert small.stages[1].flops > small.stages[0].flops  # the discriminator's come on top
    assert small.stages[0].memory > 20 * small.learning  # weights, average, gradients, two moments: 4 bytes each


def test_the_threads_of_the_process_stay_as_they_were() -> None:
    before = torch.get_num_threads()
    stage = "stages=[{images=4,size=48,batch=2}]"
    estimate(load_config("tiny", None, [stage, f"threads={before + 1}"]), seconds=0)
    assert torch.get_num_threads() == before


def test_operations_are_those_of_the_convolutions() -> None:
    """One convolution of pix2pix, counted by hand, and the whole of it against the published figure."""
    found = estimate(load_config("pix2pix", None, ["stages.0.batch=1", "stages.0.images=3"]), seconds=0)
    # 54.4 M parameters (Isola et al. 2017: 54 M); a step at 256 px about 86 GFLOP, 50 of it the discriminator's.
    assert found.generator == pytest.approx(54.4e6, rel=0.01)
    assert 70e9 < found.stages[0].flops < 110e9
    assert torch.get_default_dtype() == torch.float32


def test_a_large_batch_is_told_from_a_small_one_where_time_is_short() -> None:
    crops: list[int] = []  # that went through the generator

    def note(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, ColorUNet):
            crops.append(len(given[0]))

    noted = register_module_forward_pre_hook(note)
    stage = "stages=[{images=100,size=48,batch=64}]"
    told: list[int] = []
    try:
        short = estimate(load_config("tiny", None, [stage]), seconds=0, progress=told.append)
        assert max(crops) == 2
        assert told == [1, 2, 4]
        assert len(crops) == 2  # steps
        long = estimate(load_config("tiny", None, [stage]), seconds=1e6)
        assert max(crops) == 64
    finally:
        noted.remove()
    assert short.stages[0].flops == long.stages[0].flops
    assert short.stages[0].memory == long.stages[0].memory


def test_the_command_prints_and_writes_nothing(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("train", "--preset", "tiny", "--data", photos, "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("20 photos, ")
    assert lines[1].startswith("generator ")
    assert [line.split(":")[0] for line in lines[2:-1]] == [
        "stage 0 pretrain_generator", "stage 1 pretrain_discriminator", "stage 2 adversarial",
    ]  # fmt: skip
    assert "GFLOP" in lines[2]
    assert list(tmp_path.iterdir()) == []
