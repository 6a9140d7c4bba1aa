"""A table of text on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

import click


def print_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], left: tuple[int, ...]) -> None:
    """Prints rows under their heads, columns flush right but for the `left` ones."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        click.echo("  ".join(cells).rstrip())
