#!/usr/bin/env bash
# The whole way in a few minutes on a CPU: data, train, export, evaluate, colorize.
#
#   examples/train_tiny.sh [FOLDER [PHOTOS]]
#
# FOLDER (default runs/tiny) gets everything; PHOTOS is a folder of colour photos of your own. Without it, 20 small ones are
# cut from the four example photos. That is enough to see every step work, and far too little to learn colours from.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:-runs/tiny}
photos=${2:-$folder/photos}

if [ $# -lt 2 ]; then
  echo "1. Data: 20 squares of 160 px, cut from examples/photos/original"
  python - "$photos" <<'PYTHON'
import random, sys
from pathlib import Path
from PIL import Image

target = Path(sys.argv[1])
target.mkdir(parents=True, exist_ok=True)
sources = sorted(Path("examples/photos/original").glob("*.jpg"))
dice = random.Random(0)
for number in range(20):
    with Image.open(sources[number % len(sources)]) as photo:
        left, top = dice.randrange(photo.width - 160), dice.randrange(photo.height - 160)
        photo.crop((left, top, left + 160, top + 160)).save(target / f"{number:02}.jpg", quality=92)
PYTHON
fi

echo "2. Train: the preset tiny, all three stages; what was started before goes on"
colorizegan train --preset tiny --data "$photos" -o "$folder/run" --resume

echo "3. Export: the averaged weights become a model bundle"
colorizegan export "$folder/run" -o "$folder/model" --name tiny

echo "4. Evaluate: against the baselines"
colorizegan evaluate --protocol folder-256 --data "$photos" --entrant "tiny=$folder/model" -o "$folder/report"

echo "5. Colorize"
colorizegan colorize examples/photos/gray -o "$folder/result" --model "$folder/model" --overwrite
