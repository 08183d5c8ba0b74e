"""ColorizeGAN: colour for black-and-white photographs.

    import colorizegan
    colorizegan.colorize("photo.jpg").save("photo.colorized.jpg")

The public names stand in `__init__.pyi`. Importing the package is cheap: everything heavy is imported on first use.
Which room may import which stands in pyproject.toml (importlinter):

errors, files, machine   every error; files whole or not at all; CPU and memory
progress, contact_sheet  the progress bar; pictures side by side
color/                   the arithmetic of colour: Lab, gamut, CIEDE2000, the join of colours with the photo's light
photo/                   a photo file in, a photo file out, with all it carries
model/                   model bundles, and the network as the runtime takes it
data/                    collections of photos to learn from and to test on
steer/                   what a person asks of the colours: Look, hints, proposals, palettes, films
arrays                   NumPy arrays and Pillow images: which axis means what
colorizer                Colorizer: a photo in, a colour photo out
colorize_file            one photo file, with all its pages, to its colour version
batch/                   many files: plan, workers, ledger
scale/                   many machines, with Ray Data
video/                   films, without flicker
serve/                   the HTTP service and the page
training/                training, fine-tuning, export
bench/                   evaluation
cli/, __main__           the command line
"""

import lazy_loader

__version__ = "0.7.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
