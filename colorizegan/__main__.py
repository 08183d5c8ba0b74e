"""The program: `colorizegan` and `python -m colorizegan`."""

import signal


def main() -> None:
    """Load the command line and run it. Ctrl-C while it loads ends it at once, without a traceback."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from colorizegan.cli.main import main as run

    if usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
