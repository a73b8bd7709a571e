"""`metaplastic study`: one study of the paper, or all: numbers and a figure."""

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
            help=f"{', '.join(STUDIES.built_in)}, one of your own, or all.",
            metavar="NAME",
        ),
    ],
    rule: Annotated[
        str, typer.Option(help="A rule file, a shipped rule's name, a run, or hebbian.")
    ] = "default",
    results: Annotated[Path, typer.Option(help="Where numbers and figures go.")] = Path("results"),
    datasets: Annotated[
        str, typer.Option(help="Data sets, as mnist@14,digits; left out: the study's own.")
    ] = "",
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds.")] = None,
    baselines: Annotated[
        str,
        typer.Option("--baselines", "--rivals", help="Baselines, as random,raw; left out: all."),
    ] = "",
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting of the study, as widths=64,256 (repeatable); "
            "`metaplastic settings study` describes them.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data sets' published files lie.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Compute again what the results folder holds already.")
    ] = False,
) -> None:
    """Measure, write results/NAME.json and draw results/NAME.png.

    Results are kept as they come; an interrupted study resumes where it stopped.
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
    asked: dict[str, Any] = parse_changes(change or [])
    asked |= {"seeds": seeds} if seeds is not None else {}
    asked |= {"baselines": baseline_names(baselines)} if baselines else {}
    asked |= {"datasets": _words(datasets)} if datasets else {}
    given = named_rule(rule)
    _check_results(results, names)
    use_compilation_cache()
    if given.caution:
        say(f"{given.label}: {given.caution}")
    chosen = {each: _settings_for(each, asked, names) for each in names}
    failed = []
    for each in names:
        context = Context(
            given,
            results,
            data_dir=data_dir,
            progress=progress(),
            classifiers=(ClassifierBaseline(given),),
        )
        if fresh:
            context.cells(each).unlink(missing_ok=True)
        try:
            _run(make_study(each, context, **chosen[each]))
        except MetaplasticError as error:
            if name != "all":
                raise
            failed.append(f"{each} left out: {error}")
        except KeyboardInterrupt:
            say(
                f"interrupted: what was measured is kept in {context.cells(each)}; "
                "the same command resumes it"
            )
            raise typer.Exit(130) from None
    for line in failed:
        say(line)
    if failed and len(failed) == len(names):
        raise ConfigError("no study could be run; see above")


def _check_results(results: Path, names: list[str]) -> None:
    """Before any work, so that numbers are not lost for want of somewhere to write them."""
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


def parse_changes(texts: list[str]) -> dict[str, Any]:
    """KEY=VALUE settings; commas make lists. Raises `ConfigError` for anything else."""
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key.isidentifier() or not equals or not value:
            raise ConfigError(f"--set {text!r}: give KEY=VALUE, as --set widths=64,256")
        found[key] = _list(text, value) if value.startswith("[") else value
    return found


def _list(text: str, value: str) -> Any:
    from metaplastic import files

    try:
        return files.decode_json(value)
    except ValueError:
        raise ConfigError(f"--set {text!r}: the list cannot be read; write it as 64,256") from None


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _settings_for(name: str, asked: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Those of the settings given that this study has; one that no study has is refused."""
    found: dict[str, Any] = {}
    for key, value in asked.items():
        having = [each for each in names if _field(each, key) is not None]
        if not having:
            known = sorted(
                {field for each in names for field in STUDIES[each].Settings.model_fields}
            )
            raise unknown_name(
                f"setting of {'these studies' if len(names) > 1 else name}", key, known
            )
        field = _field(name, key)
        if field is None:
            continue
        several = "tuple" in str(STUDIES[name].Settings.model_fields[field].annotation)
        if isinstance(value, str) and several:
            value = _words(value)
        if field == "dataset" and isinstance(value, tuple):
            if len(value) > 1 and len(names) > 1:
                continue  # a list for the studies of several data sets
            if len(value) != 1:
                raise ConfigError(f"study {name} takes one data set, not {', '.join(value)}")
            value = value[0]
        if field == "seeds" and STUDIES[name].one_seed:
            if len(names) == 1:
                raise ConfigError(f"study {name} shows one seed; leave --seeds out")
            continue
        found[field] = value
    return found


def _field(name: str, key: str) -> str | None:
    """The field of a study's settings that `key` means: `datasets` is `dataset` where the study
    takes one."""
    fields = STUDIES[name].Settings.model_fields
    key = "baselines" if key == "rivals" else key  # the former name
    if key in fields:
        return key
    return "dataset" if key == "datasets" and "dataset" in fields else None
