#!/bin/bash
# What made the weights of model 0.5.0 from those of 0.4.0: docs/experiments.md, run 14.
#   scripts/train_default.sh SHARDS MANIFEST WEIGHTS OUT [MINUTES]
# SHARDS: a folder of *.tar of photos of 224 px. MANIFEST: a table of `key` and `source`. WEIGHTS: a table of keys and
# shares of epochs. MINUTES: 6.6 of one H100 made what ships. Needs a clone with its history and the extra `train`.
set -euo pipefail
shards=$(realpath "$1") manifest=$(realpath "$2") weights=$(realpath "$3") minutes=${5:-6.6}
mkdir -p "$4" && out=$(realpath "$4")
cd "$(dirname "$0")/.."

# --- the weights to begin with: model 0.4.0, as the history has it ---
mkdir -p "$out/start"
for file in model.onnx model.safetensors card.json; do
  git show "3c9967b:colorizegan/weights/default/$file" > "$out/start/$file"
done

# --- settings; eight sources only judge ---
apart='["jamestutt+TravelsWithDuane","NUS-VIP+predicting-human-gaze-beyond-pixels","SimonXXX+Web-InstagramPics"'
apart+=',"honzajavorek+honzajavorek.cz","tynylove+tynylove.github.io","PetroLysak+VeseliCherevychky"'
apart+=',"geakrajcar+WebYogaStudio","DagnaSchmidt+analog-photos"]'
answer="judged_temperature=0.38,judged_correction=0.5,cast=0.1"
python scripts/gpu_slice.py settings -o "$out/slice.json" --set seed=31 --set "network.start=$out/start" \
  --set network.recognizer=true --set network.recognizer_lr=0.3 --set network.attention=true --set encoder_lr=0.3 \
  --set augment.film=0.3 --set losses.rebalance=0.7 --set data.store_side=224 --set "data.weights=$weights" \
  --set "data.manifest=$manifest" --set "data.holdout_sources=$apart" --set data.holdout=800 --set "stages=[
    {kind='pretrain_generator',images=78,size=160,batch=160,crop=0.65,lr=1.2e-3,final_lr=0.2,$answer},
    {kind='pretrain_generator',images=22,size=192,batch=128,crop=0.75,lr=2.5e-4,$answer}]"

# --- train; what ships is the end of the first stage: the second learned its photos by heart ---
python scripts/gpu_slice.py train "$out/slice.json" "$shards" "$out/slice" --minutes "$minutes"
python scripts/gpu_slice.py join "$out/slice/stage-0" "$out/run"
colorizegan export "$out/run" -o "$out/default" --correction 0.5 --temperature 0.4 --chroma 1.28
echo "$out/default: its card still lacks data, licence and working_size=224"
