"""A trained network -> a model bundle.

bundle   a run's checkpoint -> a bundle with its card: whole, and checked against torch
graph    what a bundle's graph computes of a network
convert  published .pth weights of other projects -> a bundle
pickled  a .pth file -> its tensors, read in a process of its own
weights  graph -> model.onnx, with its weights in safetensors files beside it
"""

from colorizegan.training.export.bundle import export_bundle as export_bundle
