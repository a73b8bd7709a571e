"""`metaplastic meta-train`: meta-train a rule into a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from metaplastic.errors import ConfigError

DEFAULT_PRESET = "quick"
SCALE = "Scale (docs/scaling.md)"


def meta_train(
    out: Annotated[Path, typer.Option("--out", help="The run directory.", show_default=False)],
    preset: Annotated[
        str | None,
        typer.Option(help="Settings to begin from: tiny, quick (the default), seed or paper."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="A TOML or JSON file of settings, laid on the preset."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run in --out as if it had never stopped."),
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the whole run.")] = None,
    tasks: Annotated[
        str | None,
        typer.Option(help="Data sets to meta-train on, as in glyphs,cifar10@16."),
    ] = None,
    meta_steps: Annotated[int | None, typer.Option(help="Updates of θ in all.")] = None,
    until: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Stop after this meta-step, saved, for --resume to go on."
        ),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any setting, as groups=4 or optimizer.warmup=5 (repeatable); "
            "`metaplastic settings` describes them.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data sets' published files lie.")
    ] = None,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Time between checkpoints.")
    ] = 120.0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write TensorBoard events to OUT/events.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Who computes gradients: local (the default), mesh or ray.",
            rich_help_panel=SCALE,
        ),
    ] = None,
    local_processes: Annotated[
        int | None,
        typer.Option(
            help="mesh: start this many processes here, one a core.", rich_help_panel=SCALE
        ),
    ] = None,
    coordinator: Annotated[
        str | None,
        typer.Option(help="mesh: host:port of process 0.", rich_help_panel=SCALE),
    ] = None,
    num_processes: Annotated[
        int | None, typer.Option(help="mesh: processes in all.", rich_help_panel=SCALE)
    ] = None,
    process_id: Annotated[
        int | None, typer.Option(help="mesh: which one this is, from 0.", rich_help_panel=SCALE)
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option(
            help="mesh: this machine's address that the others reach.", rich_help_panel=SCALE
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="ray: the cluster to join; without it one is started here.",
            rich_help_panel=SCALE,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="ray: most workers; one a core without it.", rich_help_panel=SCALE),
    ] = None,
    gradients_per_step: Annotated[
        int | None,
        typer.Option(
            help="ray: gradients in an update of θ; groups without it.", rich_help_panel=SCALE
        ),
    ] = None,
    worker_timeout: Annotated[
        float,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="ray: seconds until a silent worker is replaced; compilation counts.",
            rich_help_panel=SCALE,
        ),
    ] = 300.0,
    in_flight: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="ray: open requests per worker.",
            rich_help_panel=SCALE,
        ),
    ] = 1,
    fan_in: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="ray: workers of a helper, which averages their gradients for the trainer; "
            "no helpers without it.",
            rich_help_panel=SCALE,
        ),
    ] = None,
) -> None:
    """Meta-train an update rule by truncated backpropagation through its inner loop.

    Writes config.json, metrics.jsonl, checkpoints, a ladder of rule files and rule.safetensors
    into --out. Interrupt and SIGTERM save and exit; --resume continues. A --config with [[stages]]
    makes as many runs, stage-1 and so on in --out, each from the rule of the one before.
    """
    from metaplastic.cli.lead import JobOptions, lead
    from metaplastic.cli.mesh import joined, start_local_processes, take_part
    from metaplastic.cli.runtime import one_thread_per_operation
    from metaplastic.cli.showing import hide_progress, show_progress
    from metaplastic.compilation import use_compilation_cache
    from metaplastic.meta.config_tables import parse_override
    from metaplastic.meta.engines import ENGINES, EngineOptions
    from metaplastic.meta.engines.meeting import Meeting
    from metaplastic.meta.run.stages import make_stages

    one_thread_per_operation()
    use_compilation_cache()
    if engine is None and (local_processes is not None or coordinator is not None):
        engine = "mesh"
    if engine is not None:
        ENGINES.check(engine)
    if engine == "mesh":
        hide_progress()  # of several processes, one shows what goes on
    if local_processes is not None:
        if engine != "mesh" or coordinator is not None:
            raise ConfigError("--local-processes is of engine mesh, and without --coordinator")
        raise typer.Exit(start_local_processes(local_processes))

    overrides: list[dict[str, Any]] = [parse_override(text) for text in override or []]
    if seed is not None:
        overrides.append({"seed": seed})
    if tasks is not None:
        names = [name.strip() for name in tasks.split(",") if name.strip()]
        if not names:
            raise ConfigError(f"--tasks {tasks!r}: name at least one data set, as in glyphs")
        overrides.append({"tasks": {"sources": names}})
    if meta_steps is not None:
        overrides.append({"optimizer": {"meta_steps": meta_steps}})
    if gradients_per_step is not None:
        overrides.append({"asynchronous": {"gradients_per_step": gradients_per_step}})
    # with a bare --resume the run's own settings apply
    asked = bool(overrides) or config is not None or preset is not None
    if engine is not None:
        overrides.append({"engine": engine})
    stages = make_stages(out, preset or DEFAULT_PRESET, config, overrides, until=until)

    meeting = None
    if engine == "mesh":
        meeting = Meeting(coordinator, num_processes, process_id, bind)
        meeting.check()
    with joined(meeting) as cluster:
        if cluster is not None and not cluster.leads:
            take_part(cluster, data_dir)
            return
        options = EngineOptions(cluster, address, workers, worker_timeout, in_flight, fan_in)
        how = JobOptions(asked, engine, options, data_dir, checkpoint_seconds, tensorboard)
        if cluster is not None:
            show_progress()
        status = lead(out, stages, how, resume=resume)
    if status:
        raise typer.Exit(status)
