"""Training: photos -> a network -> a bundle. Needs the extra `train`; only here and in bench/ is torch imported.

loop         train(config, out): set up, then stage after stage, step after step
step         generator_step, discriminator_step: the only places that call backward
optimizers   which weights learn how fast; the shape of the learning rate
losses       adversarial, L1, rebalanced cross-entropy, perceptual
config       settings, presets in one table
configure    preset, TOML and dotted overrides -> settings
build        settings -> networks
checkpoint   training state on disk: atomic, resumable, no pickle
restore      a bundle -> the network that it was made of
precision    bfloat16 or float32
estimate     what a run would take: operations, memory, time
finetune     a folder of photos -> a tuned bundle and its report
networks/    the networks
batches/     photos -> batches of crops: what the network sees and what it must answer
run/         a run under way: its state, its log, its processes
validation/  scores on photos that are held out, and what they decide
export/      a trained network -> a model bundle, checked against torch
"""
