"""`python -m foretell` is the command line."""

from foretell.cli.app import main

main()
