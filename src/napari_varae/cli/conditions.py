"""The command `conditions`: more than two conditions, over all and in pairs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from napari_varae.cli.brought import regressed_out
from napari_varae.cli.options import Covariate, CovariateLags, Folder, Json, Moved, Unit, with_settings
from napari_varae.cli.output import interruptible, print_result, progress_bar

__all__ = ["conditions"]


@with_settings("comparison")
def conditions(
    folder: Folder,
    condition: Annotated[
        list[str],
        typer.Option(
            "--condition",
            metavar="NAME[=FRAMES]",
            help="A frame set of DIR, a condition of its trials, or a name with ranges such as 'rest=0:400, 500:600'. "
            "Give three or more.",
        ),
    ],
    settings: Any,
    unit: Unit = "frames",
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the file in DIR/comparisons/conditions.")
    ] = "conditions",
    covariate: Covariate = None,
    covariate_lags: CovariateLags = None,
    movie: Moved = None,
    as_json: Json = False,
) -> None:
    """Test whether the dynamics are the same in three or more conditions, and which pairs differ.

    The result is kept in DIR/comparisons/conditions. P-values of pairs are adjusted for their number (Holm).
    """
    from napari_varae.headless.conditions import compare_several, find_condition
    from napari_varae.io.analysis import open_analysis

    analysis = open_analysis(folder, movie)
    config = settings(analysis.settings).comparison
    chosen = [find_condition(analysis, text, unit) for text in condition]
    if len(dict(chosen)) < len(chosen):
        raise typer.BadParameter("Two conditions have the same name.", param_hint="--condition")
    with progress_bar("comparing") as (phase, line), interruptible(line) as stop:
        found, path = compare_several(
            analysis, dict(chosen), config, name=name, stop=stop, progress=phase,
            **regressed_out(analysis, covariate, covariate_lags),
        )  # fmt: skip
    about = found.as_dict()
    if not as_json:
        rows = {f"{row['a']} and {row['b']}": _row_in_words(row) for row in about.pop("rows")}
        about = {"over all": about["omnibus"]["p_values"], **rows, "methods": about["methods"]}
    print_result({"file": path, **about}, as_json)


def _row_in_words(row: dict[str, Any]) -> str:
    """Write a pair in one line."""
    return (
        f"{row['verdict']}; coupling p = {row['coupling_p_adjusted']:.3g}, persistence p = "
        f"{row['persistence_p_adjusted']:.3g}, adjusted; {row['n_differ']} links differ"
    )
