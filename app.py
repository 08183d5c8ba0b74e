"""The service and its page, here or as a Hugging Face Space of kind Docker: python app.py [options of serve]"""

import os
import sys

from colorizegan.cli.main import main

if __name__ == "__main__":
    space = os.environ.get("SPACE_HOST")  # the name that a Space goes by, and its page is shown in a frame
    options = ["--allow-host", space, "--allow-frame", "https://huggingface.co"] if space else []
    sys.argv[1:] = ["serve", *options, *sys.argv[1:]]
    main()
