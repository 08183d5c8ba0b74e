"""`python -m colorizegan`."""

from colorizegan.cli import main

if __name__ == "__main__":
    main()
