"""Distances between two sets of pictures in the features of a fixed network, under that network's own name.

The network is SqueezeNet 1.0 from a local safetensors file; torch runs it, so this part needs the extra `train`. A
distance on it is never an FID: FID proper needs Inception weights (`Inception`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorizegan.errors import DataError, InputError, MissingExtraError, UsageError, first_line

Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def open_networks(squeezenet: Path | None, inception: Path | None) -> dict[str, Network]:
    """The feature networks whose weights are given, by name. Raises as their classes do."""
    found: dict[str, Network] = {}
    if squeezenet is not None:
        found["squeezenet"] = SqueezeNet(squeezenet)
    if inception is not None:
        found["fid"] = Inception(inception)
    if found:
        # The bench has several photos under way at once, and digits must not hang on the machine's cores.
        _torch().set_num_threads(1)
    return found


def distances(network: str, features: NDArray[np.floating], truth: NDArray[np.floating]) -> dict[str, float]:
    """The metrics of `figures.METRICS` that a network stands for; features and truth (n, d), the same photos in order.

    Nothing where there are fewer than two photos. Features of SqueezeNet are first scaled to length sqrt(d) each, since
    the kernel takes them to be of the order of 1; those of Inception are taken as they are, as FID is defined.
    """
    if len(features) < 2:
        return {}
    if network == "fid":
        return {"fid": frechet_distance(features, truth)}
    x, y = (_to_length(rows, features.shape[1] ** 0.5) for rows in (features, truth))
    return {f"{network}_frechet": frechet_distance(x, y), f"{network}_kernel": kernel_distance(x, y)}


def _to_length(features: NDArray[np.floating], length: float) -> NDArray[np.float64]:
    norms = np.linalg.norm(features, axis=1, keepdims=True).astype(np.float64)
    return features * (length / np.maximum(norms, 1e-12))


class SqueezeNet:
    """Feature extractor: the mean over the picture of the last fire module, 512 numbers. Thread-safe.

    Raises InputError, DataError for a missing file or another layout, MissingExtraError without torch.
    """

    name = "SqueezeNet 1.0, last fire module, mean"

    def __init__(self, path: Path) -> None:
        self.torch = _torch()
        from colorizegan.bench.measures import squeezenet

        self.net = squeezenet
        self.weights = {
            # channels last: half the time on a CPU
            name: tensor.contiguous(memory_format=self.torch.channels_last) if tensor.ndim == 4 else tensor
            for name, tensor in squeezenet.read_weights(path).items()
        }

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) uint8 sRGB -> (512,) float32. No resize: the picture goes in as it is."""
        bgr = rgb[..., ::-1].astype(np.float32) - np.array(self.net.MEAN_BGR, np.float32)
        with self.torch.inference_mode():
            x = self.torch.from_numpy(np.ascontiguousarray(bgr))[None].permute(
                0, 3, 1, 2
            )  # (1, 3, H, W), channels last
            return self.net.feature_maps(self.weights, x)[-1].mean((2, 3))[0].numpy()


def frechet_distance(features: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Frechet distance of two Gaussians fitted to features; lower is nearer, 0 for equal sets; no unit.

    features, truth: (n, d), (m, d), at least 2 rows. Heusel 2017, equation 6 (there on Inception). It falls with the
    number of pictures: compare at equal n only.
    """
    _check(features, truth)
    x, y = features.astype(np.float64), truth.astype(np.float64)
    step = x.mean(0) - y.mean(0)
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    # tr sqrt(A B) = sum of the roots of the eigenvalues of sqrt(A) B sqrt(A), which is symmetric: no complex parts
    values, vectors = np.linalg.eigh(cov_x)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_y @ root), 0)).sum()
    return float(max(0.0, step @ step + np.trace(cov_x) + np.trace(cov_y) - 2 * cross))


def kernel_distance(features: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Squared maximum mean discrepancy under (x y / d + 1)^3, unbiased: may fall below 0; lower is nearer; no unit.

    features, truth: (n, d) each, row by row of the same photo. Kernel of Binkowski 2018, section 3 (there on
    Inception); estimator of Gretton 2012, Lemma 6, for sets of one size: the pairs of a picture with its own truth are
    left out, so that equal sets are at 0. Over 4,000 pictures: mean of blocks.
    """
    _check(features, truth)
    if len(features) != len(truth):
        raise UsageError(f"the sets have {len(features)} and {len(truth)} pictures", remedy="compare sets of one size")
    blocks = -(-len(features) // 4000)  # as many at a time, for the memory
    parts = zip(np.array_split(features, blocks), np.array_split(truth, blocks), strict=True)
    return float(np.mean([_mmd(x.astype(np.float64), y.astype(np.float64)) for x, y in parts]))


def _mmd(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    n, d = x.shape

    def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return (a @ b.T / d + 1) ** 3

    within, across = [kernel(x, x), kernel(y, y)], kernel(x, y)
    off_diagonal = sum(k.sum() - np.trace(k) for k in within) - 2 * (across.sum() - np.trace(across))
    return float(off_diagonal / (n * (n - 1)))


def _check(features: NDArray[np.floating], truth: NDArray[np.floating]) -> None:
    if min(len(features), len(truth)) < 2 or features.shape[1] != truth.shape[1]:
        raise UsageError(f"features of two or more pictures each are needed, not {features.shape} and {truth.shape}")


class Inception:
    """Feature extractor of FID proper: (H, W, 3) uint8 sRGB -> (2048,) float32. Thread-safe.

    Inception v3 in the port of torch-fidelity, which resizes pictures to 299 px itself, through torchmetrics; weights
    from a local file only. Raises InputError, MissingExtraError, DataError.
    """

    def __init__(self, path: Path) -> None:
        if not Path(path).is_file():
            raise InputError("no such file of Inception weights", path=path)
        self.torch = _torch()
        try:
            import torch_fidelity  # noqa: F401  # pyright: ignore[reportMissingImports]
            from torchmetrics.image.fid import FrechetInceptionDistance
        except ImportError:
            what = "FID needs torchmetrics and torch-fidelity"
            raise MissingExtraError(what, packages="torchmetrics torch-fidelity") from None
        try:
            metric = FrechetInceptionDistance(feature=2048, feature_extractor_weights_path=str(path))
        except Exception as error:  # torch.load and the port raise many kinds
            text = f"not Inception weights of torch-fidelity ({first_line(error)})"
            raise DataError(text, path=path) from None
        self.network: Any = metric.inception

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        x = self.torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None]  # (1, 3, H, W) uint8
        with self.torch.inference_mode():
            return self.network(x)[0].numpy().astype(np.float32)


def _torch() -> Any:
    try:
        import safetensors.torch  # noqa: F401
        import torch
    except ImportError:
        raise MissingExtraError("a feature distance needs torch", extra="train") from None
    return torch
