"""ColorizeGAN: colour for black-and-white photographs.

    import colorizegan
    colorizegan.colorize("photo.jpg").save("photo.colorized.jpg")

The public names stand in `__init__.pyi`. Importing the package is cheap: everything heavy is imported on first use.
"""

import lazy_loader

__version__ = "0.6.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
