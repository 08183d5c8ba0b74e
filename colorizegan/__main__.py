"""`python -m colorizegan`."""

from colorizegan.cli.main import main

if __name__ == "__main__":
    main()
