"""`headrace train`: a classifier from one's own labels."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from gateway.errors import ConfigError
from gateway.table import print_table


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The model file.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def train(files: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Train a classifier on labelled requests, with tasks of your own if you like.

    FILES hold one JSON object a line: prompt or messages, task, and difficulty 1 to 5, source and lang if
    known; a directory stands for its .jsonl files. The figures are held out by source. `classifier: FILE` in
    the config then serves with it. Example: headrace train labels.jsonl --out model.bin
    """
    import gateway.brain.train as training

    try:
        click.echo("Training; some minutes for ten thousand rows.", err=True)
        blob, about = training.train(training.read_files(files))
    except ImportError as error:
        raise ConfigError(f"{error}: install the extra first, pip install 'headrace[train]'") from None
    except (ValueError, OSError) as error:
        raise ConfigError(str(error)) from None
    out.write_bytes(blob)
    if as_json:
        click.echo(orjson.dumps({"model": str(out), **about}))
        return
    print_table(("figure", ""), [(name, str(value)) for name, value in about.items()], left=(0, 1))
    click.echo(f"{out}: {len(blob):,} bytes; serve with it by `classifier: {out}` in the config")
