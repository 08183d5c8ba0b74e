"""The page as a Hugging Face Space, or on this machine: python app.py"""

from colorizegan import Colorizer
from colorizegan.serve.webui import launch

if __name__ == "__main__":
    launch(Colorizer())
