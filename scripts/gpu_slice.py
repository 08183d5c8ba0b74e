#!/usr/bin/env python3
"""A slice of GPU time: train within a number of minutes from shards that arrive while it runs. See docs/training.md.

    python scripts/gpu_slice.py settings -o slice.json --set network.start=BUNDLE --set 'stages=[...]'
    python scripts/gpu_slice.py train slice.json SHARDS/ OUT/ --minutes 9
    python scripts/gpu_slice.py join OUT/step-N RUN/

`settings` and `join` are for the machine that has the whole of the extra `train`. `train` needs numpy, pillow, torch
and safetensors, the files beside this one, and the source tree or the wheel on PYTHONPATH.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as it is on a machine where nothing is installed
sys.path.insert(0, str(Path(__file__).resolve().parent))

from colorizegan.errors import ColorizeGANError


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    settings = verbs.add_parser("settings", help="write the settings of a slice")
    settings.add_argument("--preset", default="default")
    settings.add_argument("--config", type=Path, help="a TOML file")
    settings.add_argument("--set", action="append", default=[], dest="changes", help="one setting that differs")
    settings.add_argument("-o", "--output", type=Path, required=True)
    train = verbs.add_parser("train", help="train within the minutes")
    train.add_argument("settings", type=Path)
    train.add_argument("shards", type=Path)
    train.add_argument("out", type=Path)
    train.add_argument("--minutes", type=float, required=True, help="from the start to the end")
    train.add_argument("--save-minutes", type=float, default=1.0)
    join = verbs.add_parser("join", help="make a run's checkpoint of fetched weights")
    join.add_argument("weights", type=Path)
    join.add_argument("run", type=Path)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if options.verb == "settings":
            from colorizegan.training.config import to_dict
            from colorizegan.training.configure import load_config

            config = load_config(options.preset, options.config, options.changes)
            options.output.write_text(json.dumps(to_dict(config), indent=1) + "\n", "utf-8")
            return 0
        from slice_training import join_weights, read_settings, train_slice

        if options.verb == "join":
            print(join_weights(options.weights, options.run))
        else:
            config = read_settings(options.settings)
            print(train_slice(config, options.shards, options.out, options.minutes, options.save_minutes))
    except ColorizeGANError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
