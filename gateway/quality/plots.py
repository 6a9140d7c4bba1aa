"""The figures as pictures, PNG, drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure


def reliability(bins: Sequence[Sequence[float]], title: str, path: Path) -> None:
    """What was said against what came true; `bins` are (mean said, share right, share of rows)."""
    figure, axes = _axes(title, "said", "came true")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="as said")
    said, right, share = np.array(bins).T
    axes.plot(said, right, marker="o", label="found")
    axes.bar(said, share, width=0.04, alpha=0.3, label="share of rows")
    _save(figure, axes, path)


def confusion(counts: Mapping[str, Mapping[str, int]], title: str, path: Path) -> None:
    """Shares of each task's rows by what was answered, with the number of rows in each cell."""
    figure, axes = _axes(title, "answered", "label")
    names = list(counts)
    table = np.array([[counts[task][said] for said in names] for task in names], np.float64)
    axes.imshow(table / np.maximum(table.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    for (row, column), count in np.ndenumerate(table):
        if count:
            axes.text(column, row, f"{count:.0f}", ha="center", va="center", fontsize=7)
    figure.savefig(path)


def quality_cost(choice: Mapping[str, Any], title: str, path: Path) -> None:
    """Router and oracle over mean cost, each single model, and the line that both are held against."""
    figure, axes = _axes(title, "USD a request", "quality")
    for name, key in (("router", "curve"), ("oracle", "oracle_curve")):
        points = np.array(choice[key])
        axes.plot(points[:, 1], points[:, 2], marker=".", label=name)
    models = choice["models"]
    axes.scatter([m["cost"] for m in models.values()], [m["quality"] for m in models.values()], color="grey")
    for name, model in models.items():
        axes.annotate(name, (model["cost"], model["quality"]), fontsize=6)
    ends = [models[choice["cheapest"]], models[choice["always_best"]]]
    axes.plot(
        [m["cost"] for m in ends], [m["quality"] for m in ends], linestyle=":", color="grey", label="line"
    )
    at = choice["at_value"]
    axes.plot(at["cost"], at["quality"], marker="*", markersize=12, label=f"value {at['value_usd']:g} USD")
    _save(figure, axes, path)


def recovered(pair: Mapping[str, Any], title: str, path: Path) -> None:
    """The share of the gap between two models recovered, over the share of calls to the strong one."""
    figure, axes = _axes(title, f"share of calls to {pair['strong']}", "gap recovered")
    calls, share = np.array(pair["curve"]).T
    axes.plot(calls, share, label=f"router, APGR {pair['apgr']:.3f}")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="random, APGR 0.5")
    _save(figure, axes, path)


def _axes(title: str, x: str, y: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes


def _save(figure: Figure, axes: Any, path: Path) -> None:
    axes.legend(fontsize=7)
    figure.savefig(path)
