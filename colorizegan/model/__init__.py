"""A trained network as the runtime takes it.

bundle         the model bundle on disk: find, verify, open
card           card.json: what the network is
verify         checks model files before anything runs or allocates
network        what every network gives: a Prediction
predictor      small L and hints -> ab: the only file that knows ONNX Runtime
batching       one thread that runs the network for many
network_input  a photo's brightness -> the small lightness that the network sees
"""
