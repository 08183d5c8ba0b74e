"""A trained network as the runtime takes it.

bundle         the model bundle on disk: find, verify, open
card           card.json: what the network is; as README.md too
trial          a graph that is new here runs first in a process with limits
verify         checks model files before anything runs or allocates
spec           what --model takes, and the network that it means
facts          what must be known of another project's network (known.toml)
store          models that were added or fetched, by name, in the user's data folder
hub            models of the Hugging Face Hub: fetch, push
foreign        another project's ONNX file as a network
joined         several networks as one: the mean of their colours
network        what every network takes and gives: Network, NetworkInput, Prediction
predictor      the network of a bundle
session        a graph in ONNX Runtime, and its devices: the only file that knows ONNX Runtime
cost           what a model takes here: seconds, memory
batching       a network that many threads may ask: one thread runs it
network_input  a photo's brightness -> the small lightness that the network sees
"""
