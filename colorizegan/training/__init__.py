"""Training: photos -> a network -> a bundle. Needs the extra `train`; only here and in bench/ is torch imported.

loop        train(config, out): set up, then stage after stage, step after step
run         a run under way: what happens between two steps
state       where a run is: what a checkpoint says
config      settings, presets in one table
configure   preset, TOML and dotted overrides -> settings
precision   bfloat16 or float32
build       settings -> networks and optimizers
networks/   the networks
crops       photos -> batches of crops, and which photos are held out
gpu_crops   the same crops, whole batches made on the device
arriving    photos of shards that come while a slice runs
slice       training within some minutes of a GPU, from shards that arrive
augment     crops -> what the network sees and what it must answer
lab         sRGB <-> Lab on tensors
step        generator_step, discriminator_step: the only places that call backward
losses      adversarial, L1, rebalanced cross-entropy, perceptual
parallel    several processes that train one network
validate    scores, sample pictures and curves while it runs
stopping    when an adversarial stage has done enough
checkpoint  training state on disk: atomic, resumable, no pickle
runlog      the run's log, signals, lock
estimate    what a run would take: operations, memory, time
finetune      a folder of photos -> a tuned bundle and its report
tuning_score  what "better" means while it tunes
export/     a trained network -> a model bundle, checked against torch
restore     a bundle -> the network that it was made of
"""
