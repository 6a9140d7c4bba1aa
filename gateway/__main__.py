"""`python -m gateway` is `headrace`."""

from gateway.cli import main

if __name__ == "__main__":  # workers import this module again
    main()
