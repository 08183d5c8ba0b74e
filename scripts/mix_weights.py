"""Mix the weights of a trained network with those of the bundle that its run started from.

    python scripts/mix_weights.py CHECKPOINT BUNDLE -o OUT [--share 0.5]

OUT gets a checkpoint whose averaged generator is SHARE x CHECKPOINT + (1 - SHARE) x BUNDLE, for `colorizegan export`. A
run on few photos forgets some of what its start knew; between the two lie networks that keep both (Wortsman et al.
2022, "Robust fine-tuning of zero-shot models"). Of a recognizer that BUNDLE lacks, CHECKPOINT's is taken as it is, and
what brings it to the decoder counts as 0 there.
"""

import argparse
import sys
from pathlib import Path

import torch

from colorizegan.errors import ColorizeGANError, UsageError
from colorizegan.model.bundle import open_bundle
from colorizegan.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from colorizegan.training.restore import restore
from colorizegan.training.validation.tuning_score import mix_states


def main() -> int:
    """Write the checkpoint and print its path."""
    parser = argparse.ArgumentParser(description="Mix a trained network with its start.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("bundle")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("--share", type=float, default=0.5, help="of the trained network, 0 to 1")
    options = parser.parse_args()
    try:
        print(mix(options.checkpoint, options.bundle, options.out, options.share))
    except ColorizeGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def mix(checkpoint: Path, bundle: str, out: Path, share: float) -> Path:
    """The path of the new checkpoint."""
    if not 0 <= share <= 1:
        raise UsageError(f"a share of {share:g} is not possible", remedy="give one from 0 to 1")
    trained = load_checkpoint(checkpoint)
    start = restore(open_bundle(bundle)).net.state_dict()
    average, base = trained.part("average"), {}
    for name, value in average.items():
        if not value.is_floating_point() or (name.startswith("recognizer.") and name not in start):
            base[name] = value
        elif name in start:
            if start[name].shape != value.shape:
                raise UsageError(f"{bundle} holds another network", remedy="give the bundle that the run started from")
            base[name] = start[name]
        elif name.startswith("seen."):
            base[name] = torch.zeros_like(value)
        else:
            raise UsageError(f"{bundle} lacks {name}", remedy="give the bundle that the run started from")
    tensors = {f"average.{name}": value for name, value in mix_states(base, average, share).items()}
    return save_checkpoint(out, trained.facts["state"]["step"], Checkpoint(tensors, trained.facts))


if __name__ == "__main__":
    sys.exit(main())
