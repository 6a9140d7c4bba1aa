"""The command `headrace eval`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson

from gateway.brain import Classifier, Label
from gateway.config import load as load_config
from gateway.errors import ConfigError
from gateway.registry import Model, extend
from gateway.registry import load as load_registry

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


def _pair(_context: click.Context, _option: click.Parameter, given: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in given:
        strong, comma, weak = text.partition(",")
        if not comma or not strong or not weak or "," in weak:
            raise click.BadParameter(f"{text!r}: want two models, as in gpt-4o,gpt-4o-mini")
        pairs.append((strong, weak))
    return pairs


@click.command("eval")
@click.option("--tasks", multiple=True, type=_FILE, help="Labelled requests, JSON lines, .gz or plain.")
@click.option("--outcomes", multiple=True, type=_FILE, help="What each model made of requests, JSON lines.")
@click.option("--prices", type=_FILE, help='{"model": [input, output]}: USD per 1M tokens.')
@click.option("--pair", "pairs", multiple=True, callback=_pair, help="STRONG,WEAK: two models for the APGR.")
@click.option("--threshold", default=0.7, show_default=True, type=click.FloatRange(0, 1), help="Confidence.")
@click.option("--encoder", is_flag=True, help="Ask the local encoder where the confidence is below it.")
@click.option("--value", default=0.01, show_default=True, type=click.FloatRange(0), help="USD of an answer.")
@click.option("--fit", type=click.Path(path_type=Path, dir_okay=False), help="Where to write abilities.")
@click.option("--plots", type=click.Path(path_type=Path, file_okay=False), help="Directory for PNG files.")
@click.option(
    "--config",
    "config_path",
    envvar="HEADRACE_CONFIG",
    type=click.Path(path_type=Path, dir_okay=False),
    help="headrace.yaml: its `classifier` and its `models:` are the ones measured.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of tables.")
def evaluate(
    tasks: Sequence[Path],
    outcomes: Sequence[Path],
    prices: Path | None,
    pairs: list[tuple[str, str]],
    threshold: float,
    encoder: bool,
    value: float,
    fit: Path | None,
    plots: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Measure the routing. Example: headrace eval --tasks labelled.jsonl --outcomes outcomes.jsonl.gz"""
    if not tasks and not outcomes:
        raise click.UsageError("Give --tasks FILE or --outcomes FILE.")
    if fit is not None and not outcomes:
        raise click.UsageError("--fit learns from outcomes: give --outcomes FILE too.")
    if fit is not None and fit.exists():
        raise ConfigError(f"{fit}: exists; move it away, or name another file for --fit")
    for needed in ("numpy", *(("matplotlib",) if plots else ())):
        if importlib.util.find_spec(needed) is None:
            raise ConfigError(f"{needed} is not installed; install the extra, pip install 'headrace[eval]'")
    if plots is not None:
        plots.mkdir(parents=True, exist_ok=True)
    router = _router(config_path, threshold if encoder else None)
    found: dict[str, Any] = {}
    if tasks:
        found["tasks"] = {str(path): _tasks(router, path, threshold, plots) for path in tasks}
    if outcomes:
        found |= _outcomes(router, outcomes, prices, pairs, value, fit=fit, plots=plots)
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY))
    else:
        from gateway.quality.show import show

        show(found)


class _Router(NamedTuple):
    classifier: Classifier
    registry: dict[str, Model]
    encoder: Any  # None: not asked
    below: float

    def labels(self, rows: Sequence[dict[str, Any]], name: str) -> list[Label]:
        """The labels of a file's rows, with a bar on stderr."""
        from gateway.quality.labels import labelled

        with click.progressbar(rows, label=f"Reading {name}", file=sys.stderr) as bar:
            return labelled(bar, self.classifier, self.encoder, self.below)


def _router(config_path: Path | None, below: float | None) -> _Router:
    config = load_config(config_path)
    try:
        classifier = Classifier(Path(config.classifier)) if config.classifier else Classifier()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{config_path}: classifier: {config.classifier}: {error}") from None
    encoder = None
    if below is not None:
        try:
            from headrace_encoder import Encoder
        except ImportError as error:
            raise ConfigError(f"{error}: install the extra, pip install 'headrace[encoder]'") from None
        encoder = Encoder()
    registry = extend(load_registry(), config.models, str(config_path))
    return _Router(classifier, registry, encoder, below or 0.0)


def _tasks(router: _Router, path: Path, threshold: float, plots: Path | None) -> dict[str, Any]:
    from gateway.quality import figures, tasks
    from gateway.quality.files import read_tasks

    rows = read_tasks(path)
    labels = router.labels(rows, path.name)
    found = tasks.report(rows, labels, threshold)
    if plots is not None:
        from gateway.quality import plots as draw

        stem = path.name.split(".")[0]
        bins = figures.reliability(*tasks.confidences(rows, labels))
        draw.reliability(bins, f"{stem}: confidence", plots / f"{stem}-reliability.png")
        draw.confusion(found["confusion"], f"{stem}: tasks", plots / f"{stem}-confusion.png")
    return found


def _outcomes(
    router: _Router,
    paths: Sequence[Path],
    prices: Path | None,
    pairs: Sequence[tuple[str, str]],
    value: float,
    *,
    fit: Path | None,
    plots: Path | None,
) -> dict[str, Any]:
    from gateway.quality import outcomes
    from gateway.quality.files import read_outcomes, read_prices

    priced = read_prices(prices) if prices else {}
    tables = {path: read_outcomes(path) for path in paths}
    for strong, weak in pairs:
        _check_pair(tables, strong, weak)
    found: dict[str, Any] = {"outcomes": {}}
    all_labels = []
    for path, rows in tables.items():
        labels = router.labels(rows, path.name)
        of = outcomes.table(rows, labels, router.registry, priced)
        here = {name for row in rows for name in row["scores"]}
        result = outcomes.report(of, [pair for pair in pairs if here.issuperset(pair)], value)
        found["outcomes"][str(path)] = result
        if plots is not None:
            _draw(result, path.name.split(".")[0], plots)
        all_labels += labels
    if fit is not None:
        all_rows = [row for rows in tables.values() for row in rows]
        found["fit"] = _fit(router, all_rows, all_labels, fit)
    return found


def _fit(router: _Router, rows: list[dict[str, Any]], labels: list[Label], path: Path) -> dict[str, Any]:
    from gateway.quality import update

    found = update.updated(update.models_of(rows, router.registry), rows, labels)
    text, unknown = update.snippet(found, router.registry)
    path.write_text(text, encoding="utf-8")
    click.echo(f"Wrote {path}: merge its `models:` into the config.", err=True)
    if unknown:
        click.echo(f"Left out, no model of the registry: {', '.join(unknown)}", err=True)
    return found


def _check_pair(tables: dict[Path, list[dict[str, Any]]], strong: str, weak: str) -> None:
    names = [{name for row in rows for name in row["scores"]} for rows in tables.values()]
    if not any({strong, weak} <= here for here in names):
        known = ", ".join(sorted(set().union(*names)))
        raise ConfigError(f"--pair {strong},{weak}: no file has both; models there: {known:.1000}")


def _draw(result: dict[str, Any], stem: str, plots: Path) -> None:
    from gateway.quality import plots as draw

    if result["p"]:
        draw.reliability(result["p"]["reliability"], f"{stem}: P", plots / f"{stem}-reliability.png")
    if result["choice"]:
        draw.quality_cost(result["choice"], stem, plots / f"{stem}-quality-cost.png")
    for number, pair in enumerate(result["pairs"], 1):
        if "curve" in pair:
            title = f"{stem}: {pair['strong']} against {pair['weak']}"
            draw.recovered(pair, title, plots / f"{stem}-pair{number}.png")
