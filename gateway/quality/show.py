"""The report of `headrace eval` as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from gateway.table import print_table

_LEAST = 30  # rows, for a line of its own


def show(found: Mapping[str, Any]) -> None:
    """Prints the report; what is only in the JSON are curves, bins and the whole confusion."""
    for path, result in found.get("tasks", {}).items():
        _tasks(path, result)
    for path, result in found.get("outcomes", {}).items():
        _outcomes(path, result)
    if "fit" in found:
        _fit(found["fit"])


def _tasks(path: str, result: Mapping[str, Any]) -> None:
    click.secho(f"\n{path}", bold=True)
    lines = [("all", result)]
    for field in ("by_english", "by_language", "by_source", "by_task"):
        lines += [
            (f"{field.removeprefix('by_')} {name}", part)
            for name, part in result[field].items()
            if part["rows"] >= _LEAST
        ]
    head = (
        "rows",
        "number",
        "accuracy",
        "accepted",
        "macro F1",
        "ECE",
        "covered",
        "right there",
        "rho",
        "MAE",
    )
    print_table(head, [_task_line(*line) for line in lines], left=(0,))
    base, rated = result["baseline_majority"], result["difficulty"]
    click.echo(f"\nAlways {base['task']}: {_percent(base['accuracy'])}.", nl=rated is None)
    if rated is not None:
        click.echo(f" Length for difficulty: rho {_number(rated['spearman_length'], 2)}.")
    click.echo()
    confused = [(task, said, str(count)) for task, said, count in result["most_confused"]]
    print_table(("label", "answered", "rows"), confused, left=(0, 1))


def _task_line(name: str, part: Mapping[str, Any]) -> tuple[str, ...]:
    rated = part["difficulty"] or {}
    return (
        name,
        str(part["rows"]),
        _percent(part["accuracy"]),
        _percent(part["accuracy_with_accept"]),
        _number(part["macro_f1"]),
        _number(part["calibration_error"]),
        _percent(part["covered"]),
        _percent(part["accuracy_covered"]),
        _number(rated.get("spearman"), 2),
        _number(rated.get("mean_absolute_error")),
    )


def _outcomes(path: str, result: Mapping[str, Any]) -> None:
    click.secho(f"\n{path}", bold=True)
    basis = ", ".join(f"{name} {count}" for name, count in result["abilities_from"].items())
    click.echo(f"{result['rows']} requests, {result['models']} models; abilities from: {basis}")
    if result["p"]:
        p = result["p"]
        click.echo(
            f"P: AUC {_number(p['auc'])}, within a model {_number(p['auc_within_models'])}, "
            f"log loss {_number(p['log_loss'])}, ECE {_number(p['calibration_error'])}"
        )
    if result["choice"]:
        _choice(result["choice"])
    else:
        click.echo("Cost of fewer than two models is known: no quality-cost curve. Give --prices FILE.")
    for pair in result["pairs"]:
        _pair(pair)


def _choice(choice: Mapping[str, Any]) -> None:
    at, models = choice["at_value"], choice["models"]
    best, cheapest = choice["always_best"], choice["cheapest"]
    lines = [
        (f"router, value {at['value_usd']:g} USD", at),
        (f"always {best} (best)", models[best]),
        (f"always {cheapest} (cheapest)", models[cheapest]),
        ("any model, at random", choice["random_model"]),
        ("oracle", choice["oracle"]),
    ]
    click.echo()
    print_table(
        (
            f"{choice['rows']} rows, {len(models)} models",
            "quality",
            "USD a request",
            "of best's quality",
            "cost",
        ),
        [
            (
                name,
                _percent(one["quality"]),
                f"{one['cost']:.6f}",
                _percent(_ratio(one["quality"], models[best]["quality"])),
                _percent(_ratio(one["cost"], models[best]["cost"])),
            )
            for name, one in lines
        ],
        left=(0,),
    )
    area = choice["area"]
    if area is None:
        click.echo("The cheapest model is the best one: there is nothing to route.")
    else:
        click.echo(
            f"Area above the line, cheapest to best: {_percent(area['share_of_oracle'])} of the oracle's; "
            f"lowest {100 * area['lowest_above_line']:+.1f} points from it"
        )
    for name, key in (
        ("at this value", "gain_over_shuffled"),
        ("whole curve", "gain_over_shuffled_whole_curve"),
    ):
        for group, gain in choice[key].items():
            low, high = gain["interval"]
            click.echo(
                f"Gain over shuffled, {name}, {group.replace('_', ' ')}: "
                f"{100 * gain['gain']:+.2f} points [{100 * low:+.2f}, {100 * high:+.2f}]"
            )


def _pair(pair: Mapping[str, Any]) -> None:
    click.echo(f"\n{pair['strong']} against {pair['weak']}, {pair['rows']} rows")
    if "apgr" not in pair:
        click.echo("The first is not better here: no gap to recover.")
        return
    low, high = pair["apgr_interval"]
    click.echo(
        f"APGR {_number(pair['apgr'])} [{low:.3f}, {high:.3f}], within benchmarks "
        f"{_number(pair['apgr_within_benchmarks'])}; length {_number(pair['apgr_length'])}, random 0.5, "
        f"oracle {_number(pair['apgr_oracle'])}; "
        f"CPT50 {_percent(pair['cpt50'])}, CPT80 {_percent(pair['cpt80'])}"
    )


def _fit(fit: Mapping[str, Any]) -> None:
    click.secho("\nAbilities from these outcomes", bold=True)
    lines = [
        (name, task, f"{model['before'][task]:.2f}", f"{after:.2f}", str(model["rows"]))
        for name, model in fit["models"].items()
        for task, after in model["after"].items()
    ]
    print_table(("model", "task", "before", "after", "answers of the model"), lines, left=(0, 1))
    click.echo("\nP on answers left out of the fit:")
    print_table(
        ("", "log loss", "AUC", "ECE"),
        [
            (name, *(_number(one[key]) for key in ("log_loss", "auc", "calibration_error")))
            for name, one in fit["held_out"].items()
        ],
        left=(0,),
    )


def _ratio(value: float, of: float) -> float | None:
    return value / of if of else None


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"
