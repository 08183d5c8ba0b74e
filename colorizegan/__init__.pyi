# The public names: this is the only list of them. Each is imported when it is first used.
from .colorizer import Colorizer as Colorizer
from .colorizer import colorize as colorize
from .colorizer import colorize_many as colorize_many
from .errors import ColorizeGANError as ColorizeGANError
from .errors import DecodeError as DecodeError
from .errors import InputError as InputError
from .errors import ModelError as ModelError
from .errors import OutputError as OutputError
from .errors import TooLargeError as TooLargeError
from .errors import UsageError as UsageError
from .model.network import Prediction as Prediction
from .photo.photo import Photo as Photo
from .photo.read import read_photo as read_photo
from .photo.write import write_photo as write_photo
from .scale.ray_data import colorize_dataset as colorize_dataset
from .steer.hints import Hint as Hint
from .steer.look import Look as Look
from .steer.palette import Palette as Palette
from .steer.proposals import Proposal as Proposal
from .video.colorize_video import colorize_video as colorize_video

__all__: list[str]
__version__: str
