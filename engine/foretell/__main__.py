"""The command line, as `foretell` and as `python -m foretell`: what can happen before its own modules are there."""

import os
import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it with a word and status 130 even while its modules are being imported."""
    try:
        from foretell.cli.app import main as run

        run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        os._exit(130)  # modules that are half imported may not end well


if __name__ == "__main__":
    main()
