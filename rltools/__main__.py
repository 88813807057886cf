"""`python -m rltools`."""

from rltools.cli import main

main()
