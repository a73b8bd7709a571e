"""`metaplastic demo`: apply a rule to real handwritten digits; print a table, draw a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for the figure and the results.", file_okay=False)
    ] = Path("demo"),
    seeds: Annotated[int, typer.Option(min=2, help="Number of seeds.")] = 10,
    inner_steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Applications of the rule; default: as many as it was meta-trained for."
        ),
    ] = None,
) -> None:
    """Compare a meta-trained rule with baselines on handwritten digits that it never saw."""
    from metaplastic.cli.evaluate import table
    from metaplastic.cli.showing import progress, say
    from metaplastic.compilation import use_compilation_cache
    from metaplastic.demo import run_demo, shipped_rule
    from metaplastic.errors import DataError
    from metaplastic.evaluation.named_rule import named_rule
    from metaplastic.evaluation.results import write_json
    from metaplastic.figures import write_figure
    from metaplastic.figures.demo import draw
    from metaplastic.files import check_writable, make_folder

    results, figure = out / "demo.json", out / "demo.png"
    make_folder(out, DataError)
    for path in (results, figure):
        check_writable(path, DataError)
    use_compilation_cache()
    rule = shipped_rule()
    if rule is None:
        rule = named_rule(str(_meta_train_small(out / "run")))
    say(
        f"Rule {rule.label!r}, meta-trained on {', '.join(rule.training_data) or 'nothing'}, "
        "learns features of scikit-learn's digits at 14x14 without labels."
    )
    content = run_demo(rule, seeds=seeds, inner_steps=inner_steps, progress=progress())
    say(table(content))
    write_json(results, content)
    progress()("drawing the figure")
    write_figure(draw(content), figure, dpi=120)
    say(f"figure: {figure}\nresults: {results}")


def _meta_train_small(folder: Path) -> Path:
    """Meta-train a small rule and return its file, used if no rule is shipped."""
    from metaplastic.cli.progress import ConsoleReporter
    from metaplastic.cli.showing import display
    from metaplastic.meta.config_tables import make_config
    from metaplastic.meta.run.reporter import Reporter
    from metaplastic.meta.run.run_dir import RunDir
    from metaplastic.meta.run.trainer import Trainer

    config = make_config("tiny")
    exists = (folder / "config.json").exists()
    run = RunDir.resume(folder, config) if exists else RunDir.create(folder, config)
    reporter = ConsoleReporter(shown) if (shown := display()) is not None else Reporter()
    try:
        Trainer(run, reporter=reporter, command="metaplastic demo").train()
    finally:
        reporter.close()
        run.close()
    return folder / "rule.safetensors"
