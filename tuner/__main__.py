"""The command line: `python -m tuner`, and the program `tuner`."""

import signal


def main() -> None:
    """Load the command line and run it. A Ctrl-C while it loads ends the program without a word."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tuner.cli.main import main as run

    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, handler)
    run()


if __name__ == "__main__":
    main()
