"""`python -m gateway` is `headrace`."""

from gateway.cli import main

main()
