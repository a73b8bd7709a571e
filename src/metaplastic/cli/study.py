"""`metaplastic study`: run one study of the paper, or all, and draw its figure."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaplastic.errors import ConfigError, MetaplasticError, unknown_name
from metaplastic.evaluation.studies import STUDIES

if TYPE_CHECKING:
    from metaplastic.evaluation.studies import Study


def study(
    name: Annotated[
        str,
        typer.Argument(
            help=f"{', '.join(STUDIES.built_in)}, a study of your own, or all.",
            metavar="NAME",
        ),
    ],
    rule: Annotated[
        str,
        typer.Option(help="A rule file, a shipped rule's name, a run directory, or hebbian."),
    ] = "default",
    results: Annotated[Path, typer.Option(help="Folder for results and figures.")] = Path(
        "results"
    ),
    datasets: Annotated[
        str,
        typer.Option(help="Data sets, for example mnist@14,digits; default: as in the study."),
    ] = "",
    seeds: Annotated[int | None, typer.Option(min=1, help="Number of seeds.")] = None,
    baselines: Annotated[
        str,
        typer.Option(
            "--baselines", "--rivals", help="Baselines, for example random,raw; default: all."
        ),
    ] = "",
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting of the study, for example widths=64,256 (repeatable); "
            "`metaplastic settings study` describes them.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder with the data sets' published files.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Recompute results that exist already.")
    ] = False,
) -> None:
    """Run a study; write its results to results/NAME.json and its figure to results/NAME.png.

    Results are saved as they are computed; an interrupted study resumes where it stopped.
    """
    from metaplastic.cli.evaluate import baseline_names
    from metaplastic.cli.showing import progress, say
    from metaplastic.compilation import use_compilation_cache
    from metaplastic.encoder.as_baseline import ClassifierBaseline
    from metaplastic.evaluation.named_rule import named_rule
    from metaplastic.evaluation.studies import Context, make_study

    if name != "all" and name not in STUDIES:
        raise unknown_name("study", name, [*STUDIES, "all"])
    names = list(STUDIES) if name == "all" else [name]
    overrides: dict[str, Any] = parse_overrides(override or [])
    overrides |= {"seeds": seeds} if seeds is not None else {}
    overrides |= {"baselines": baseline_names(baselines)} if baselines else {}
    overrides |= {"datasets": _words(datasets)} if datasets else {}
    named = named_rule(rule)
    _check_results(results, names)
    use_compilation_cache()
    if named.caution:
        say(f"{named.label}: {named.caution}")
    settings = {each: _settings_for(each, overrides, names) for each in names}
    skipped = []
    for each in names:
        context = Context(
            named,
            results,
            data_dir=data_dir,
            progress=progress(),
            classifiers=(ClassifierBaseline(named),),
        )
        if fresh:
            context.cells(each).unlink(missing_ok=True)
        try:
            _run(make_study(each, context, **settings[each]))
        except MetaplasticError as error:
            if name != "all":
                raise
            skipped.append(f"{each} skipped: {error}")
        except KeyboardInterrupt:
            say(
                f"interrupted: results so far are saved in {context.cells(each)}; "
                "run the same command to resume"
            )
            raise typer.Exit(130) from None
    for message in skipped:
        say(message)
    if skipped and len(skipped) == len(names):
        raise ConfigError("no study could be run; see above")


def _check_results(results: Path, names: list[str]) -> None:
    """Check that all output files are writable before starting, so that no result is lost."""
    from metaplastic.files import check_writable, make_folder

    make_folder(results / "cells", ConfigError)
    check_writable(results / "cells" / "search.json", ConfigError)
    for name in names:
        for path in (f"{name}.json", f"{name}.png", f"cells/{name}.json"):
            check_writable(results / path, ConfigError)


def _run(study: Study) -> None:
    from metaplastic.cli.showing import progress, say
    from metaplastic.durations import duration
    from metaplastic.figures import save_figure

    if expected := study.forecast():
        say(f"{study.name}: {expected}")
    start = time.monotonic()
    content = study.run()
    progress()(f"{study.name}: drawing the figure")
    path = save_figure(content, study.path.with_suffix(".png"))
    reused = study.store.reused
    cached = f", {reused} numbers reused from an earlier run" if reused else ""
    say(f"{study.name}: {duration(time.monotonic() - start)}{cached}; {study.path} and {path}")
    for note in content["notes"]:
        say(f"  {note}")


def parse_overrides(texts: list[str]) -> dict[str, Any]:
    """Parse NAME=VALUE settings; commas make lists. Raises `ConfigError` for anything else."""
    overrides: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key.isidentifier() or not equals or not value:
            raise ConfigError(f"--set {text!r}: give NAME=VALUE, for example --set widths=64,256")
        overrides[key] = _list(text, value) if value.startswith("[") else value
    return overrides


def _list(text: str, value: str) -> Any:
    from metaplastic import files

    try:
        return files.decode_json(value)
    except ValueError:
        raise ConfigError(f"--set {text!r}: invalid list; write it as 64,256") from None


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _settings_for(name: str, overrides: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the overrides that apply to this study. Raises `ConfigError` for a setting that none
    of the studies has."""
    settings: dict[str, Any] = {}
    for key, value in overrides.items():
        if all(_field(each, key) is None for each in names):
            known = sorted(
                {field for each in names for field in STUDIES[each].Settings.model_fields}
            )
            raise unknown_name(
                f"setting of {'these studies' if len(names) > 1 else name}", key, known
            )
        field = _field(name, key)
        if field is None:
            continue
        takes_list = "tuple" in str(STUDIES[name].Settings.model_fields[field].annotation)
        if isinstance(value, str) and takes_list:
            value = _words(value)
        if field == "dataset" and isinstance(value, tuple):
            if len(value) > 1 and len(names) > 1:
                continue  # a list, meant for the studies of several data sets
            if len(value) != 1:
                raise ConfigError(f"study {name} takes one data set, not {', '.join(value)}")
            value = value[0]
        if field == "seeds" and STUDIES[name].one_seed:
            if len(names) == 1:
                raise ConfigError(f"study {name} uses a single seed; omit --seeds")
            continue
        settings[field] = value
    return settings


def _field(name: str, key: str) -> str | None:
    """Return the field of a study's settings that `key` refers to, or None: `datasets` stands for
    `dataset` if the study takes only one."""
    fields = STUDIES[name].Settings.model_fields
    key = "baselines" if key == "rivals" else key  # the former name
    if key in fields:
        return key
    return "dataset" if key == "datasets" and "dataset" in fields else None
