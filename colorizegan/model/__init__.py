"""A trained network as the runtime takes it.

bundle         the model bundle on disk: find, verify, open
card           card.json: what the network is
verify         checks model files before anything runs or allocates
network        what every network takes and gives: Network, NetworkInput, Prediction
predictor      a bundle in ONNX Runtime: the only file that knows ONNX Runtime
batching       a network that many threads may ask: one thread runs it
network_input  a photo's brightness -> the small lightness that the network sees
"""
