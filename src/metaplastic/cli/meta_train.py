"""`metaplastic meta-train`: meta-train a rule into a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from metaplastic.errors import ConfigError

DEFAULT_PRESET = "quick"
SCALE = "Scale (docs/scaling.md)"


def meta_train(
    out: Annotated[Path, typer.Option("--out", help="Run directory.", show_default=False)],
    preset: Annotated[
        str | None,
        typer.Option(help="Preset settings: tiny, quick (the default), seed or paper."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="TOML or JSON file of settings that override the preset's."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue the run in --out as if it had never stopped."),
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the whole run.")] = None,
    tasks: Annotated[
        str | None,
        typer.Option(help="Data sets to meta-train on, for example glyphs,cifar10@16."),
    ] = None,
    meta_steps: Annotated[int | None, typer.Option(help="Number of updates of θ.")] = None,
    until: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Save and stop after this meta-step; --resume continues."
        ),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any setting, for example groups=4 or optimizer.warmup=5 (repeatable); "
            "`metaplastic settings` describes them.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder with the data sets' published files.")
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
            help="What computes the gradients: local (the default), mesh or ray.",
            rich_help_panel=SCALE,
        ),
    ] = None,
    local_processes: Annotated[
        int | None,
        typer.Option(
            help="mesh: start this many processes on this machine, one per core.",
            rich_help_panel=SCALE,
        ),
    ] = None,
    coordinator: Annotated[
        str | None,
        typer.Option(help="mesh: host:port of process 0.", rich_help_panel=SCALE),
    ] = None,
    num_processes: Annotated[
        int | None, typer.Option(help="mesh: total number of processes.", rich_help_panel=SCALE)
    ] = None,
    process_id: Annotated[
        int | None,
        typer.Option(help="mesh: index of this process, from 0.", rich_help_panel=SCALE),
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option(
            help="mesh: address at which the other processes reach this one.",
            rich_help_panel=SCALE,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="ray: cluster to join; default: start one on this machine.",
            rich_help_panel=SCALE,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="ray: maximum number of workers; default: one per core.", rich_help_panel=SCALE
        ),
    ] = None,
    gradients_per_step: Annotated[
        int | None,
        typer.Option(
            help="ray: gradients per update of θ; default: the setting groups.",
            rich_help_panel=SCALE,
        ),
    ] = None,
    worker_timeout: Annotated[
        float,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="ray: time without an answer, compilation included, after which a worker is "
            "replaced.",
            rich_help_panel=SCALE,
        ),
    ] = 300.0,
    in_flight: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="ray: outstanding requests per worker.",
            rich_help_panel=SCALE,
        ),
    ] = 1,
    fan_in: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="ray: workers per helper, which averages their gradients for the trainer; "
            "default: no helpers.",
            rich_help_panel=SCALE,
        ),
    ] = None,
) -> None:
    """Meta-train an update rule by backpropagation through its inner loop.

    Writes config.json, metrics.jsonl, checkpoints, rule files of intermediate meta-steps and
    rule.safetensors to --out. An interrupt or SIGTERM saves and exits; --resume continues. A
    --config file with [[stages]] makes one run per stage, in --out/stage-1 and so on, each starting
    from the rule of the previous one.
    """
    from metaplastic.cli.lead import JobOptions, lead
    from metaplastic.cli.mesh import joined, start_local_processes, take_part
    from metaplastic.cli.showing import hide_progress, show_progress
    from metaplastic.compilation import use_compilation_cache
    from metaplastic.meta.config_tables import parse_override
    from metaplastic.meta.engines import ENGINES, EngineOptions
    from metaplastic.meta.engines.meeting import Meeting
    from metaplastic.meta.run.stages import make_stages
    from metaplastic.threads import one_thread_per_operation

    one_thread_per_operation()
    use_compilation_cache()
    if engine is None and (local_processes is not None or coordinator is not None):
        engine = "mesh"
    if engine is not None:
        ENGINES.check(engine)
    if engine == "mesh":
        hide_progress()  # only one of several processes shows progress
    if local_processes is not None:
        if engine != "mesh" or coordinator is not None:
            raise ConfigError(
                "--local-processes is for engine mesh only, and not with --coordinator"
            )
        raise typer.Exit(start_local_processes(local_processes))

    overrides: list[dict[str, Any]] = [parse_override(text) for text in override or []]
    if seed is not None:
        overrides.append({"seed": seed})
    if tasks is not None:
        names = [name.strip() for name in tasks.split(",") if name.strip()]
        if not names:
            raise ConfigError(f"--tasks {tasks!r}: name at least one data set, for example glyphs")
        overrides.append({"tasks": {"sources": names}})
    if meta_steps is not None:
        overrides.append({"optimizer": {"meta_steps": meta_steps}})
    if gradients_per_step is not None:
        overrides.append({"asynchronous": {"gradients_per_step": gradients_per_step}})
    # without any settings, --resume uses those of the run
    has_settings = bool(overrides) or config is not None or preset is not None
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
        job = JobOptions(has_settings, engine, options, data_dir, checkpoint_seconds, tensorboard)
        if cluster is not None:
            show_progress()
        status = lead(out, stages, job, resume=resume)
    if status:
        raise typer.Exit(status)
