"""The claims of the page on scaling; see `claims.py`."""

from __future__ import annotations

from tests.docs.numbers import (
    Claim,
    agreement,
    average,
    fault,
    measured,
    over_seeds,
    simulated,
    value,
)

_256, _1024 = "256 gradients a step", "1024 gradients a step"
_HALF, _TREE = "half as many as workers", "half as many, helpers of 100 workers"
_FOUR, _LOOSE = "256 a step, each of 4 truncations", "no bound on staleness"
SLEEPING = ("sleeping_workers", "runs")
COMPUTING = ("computing_workers", "runs")
HOSTS = "scaling-hosts"
FLAT, HELPED = "ray_on_three_hosts", "ray_with_helpers_on_three_hosts"

SCALING = (
    Claim(
        "docs/scaling.md",
        "(an Intel Xeon): {} times as fast. Two runs that share nothing but the machine do {} "
        "times the work of one",
        (value("scaling-mesh", "speedup"), value("scaling-mesh", "limit")),
    ),
    Claim(
        "docs/scaling.md",
        "| meta-parameters | {} | {} |",
        tuple(measured("bytes", p, "meta_parameters") for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "| θ, once per update and machine | {} kB | {} kB |",
        tuple(measured("bytes", p, "theta_bytes", scale=1e-3) for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "| a gradient | {} kB | {} kB |",
        tuple(measured("bytes", p, "gradient_bytes", scale=1e-3) for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "| state of a task, which is never sent (φ) | {} to {} kB | {} kB to {} MB |",
        (
            *(measured("bytes", "quick", "phi_bytes_per_task", i, scale=1e-3) for i in (1, 0)),
            measured("bytes", "paper", "phi_bytes_per_task", 2, scale=1e-3),
            measured("bytes", "paper", "phi_bytes_per_task", 5, scale=1e-6),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "| a request | {} bytes | {} bytes |",
        tuple(measured("bytes", p, "request_bytes") for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "| trainer, per gradient (processor time, all threads) | {} ms | {} ms |",
        tuple(measured("trainer", p, "receive_seconds", scale=1e3) for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "| trainer, per update (mean of 256, Adam, broadcast) | {} ms | {} ms |",
        tuple(measured("trainer", p, "update_seconds", scale=1e3) for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "{} truncations/s, {} updates/s, mean staleness {} updates (95 % within {}), nothing "
        "dropped, the trainer busy {} %",
        (
            simulated(_256, 512, "gradients_per_second"),
            simulated(_256, 512, "updates_per_second"),
            simulated(_256, 512, "staleness"),
            simulated(_256, 512, "staleness_95"),
            simulated(_256, 512, "trainer_busy", 100),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "Throughput is linear up to 1,024 workers ({}/s)",
        (simulated(_256, 1024, "gradients_per_second"),),
    ),
    Claim(
        "docs/scaling.md",
        "**2,048 workers**: {} % of the gradients are too old",
        (simulated(_256, 2048, "dropped_fraction", 100),),
    ),
    Claim(
        "docs/scaling.md",
        "and {} % are dropped; at 10,000 it is saturated, {} % are dropped and {}/s are used",
        (
            simulated(_256, 4096, "dropped_fraction", 100),
            simulated(_256, 10000, "dropped_fraction", 100),
            simulated(_256, 10000, "gradients_per_second"),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "with 1,024 a step, 4,096 workers give {}/s with {} % dropped, and 10,000 give {}/s",
        (
            simulated(_1024, 4096, "gradients_per_second"),
            simulated(_1024, 4096, "dropped_fraction", 100),
            simulated(_1024, 10000, "gradients_per_second"),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "as workers, 10,000 give {}/s, {} % of what they would give if none ever waited, at a "
        "staleness of {}. But the trainer is then busy {} % of the time",
        (
            simulated(_HALF, 10000, "gradients_per_second"),
            simulated(_HALF, 10000, "efficiency", 100),
            simulated(_HALF, 10000, "staleness"),
            simulated(_HALF, 10000, "trainer_busy", 100),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "**10,000 workers give {}/s, {} % of what they would give if none ever waited**; staleness "
        "is {} updates, {} % are dropped, the trainer is busy {} % of the time and the busiest "
        "helper {} %.",
        (
            simulated(_TREE, 10000, "gradients_per_second"),
            simulated(_TREE, 10000, "efficiency", 100),
            simulated(_TREE, 10000, "staleness"),
            simulated(_TREE, 10000, "dropped_fraction", 100),
            simulated(_TREE, 10000, "trainer_busy", 100),
            simulated(_TREE, 10000, "busiest_helper", 100),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "256 messages a step, {} messages/s are used, {} truncations/s",
        (
            simulated(_FOUR, 10000, "gradients_per_second"),
            simulated(_FOUR, 10000, "gradients_per_second", 4),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "`max_staleness` alone gives {}/s of gradients that are {} updates old",
        (
            simulated(_LOOSE, 10000, "gradients_per_second"),
            simulated(_LOOSE, 10000, "staleness"),
        ),
    ),
    Claim("docs/scaling.md", "(a median of {} s,", (measured("sleeping_workers", "seconds"),)),
    *(
        Claim(
            "docs/scaling.md",
            f"| {workers} | {{}} | {{}} | {{}} | {{}} |",
            (
                measured(*SLEEPING, i, "gradients_per_second"),
                value("scaling-simulated", "checks", i, "predicted_gradients_per_second"),
                measured(*SLEEPING, i, "staleness"),
                value("scaling-simulated", "checks", i, "predicted_staleness"),
            ),
        )
        for i, workers in enumerate((1, 2, 4))
    ),
    Claim(
        "docs/scaling.md",
        "{} gradients/s with one, {} with two, {} with four",
        tuple(measured(*COMPUTING, i, "gradients_per_second") for i in range(3)),
    ),
    Claim(
        "docs/scaling.md",
        "(a tiny run, {} to {} ms of processor time a gradient)",
        (
            measured(*COMPUTING, 1, "processor_seconds_per_gradient", scale=1e3),
            measured(*COMPUTING, 0, "processor_seconds_per_gradient", scale=1e3),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "falls from {} to {} on `local` and to {} on `ray` (standard deviation over seeds {} and "
        "{}); the paired difference is {}, 95 % interval {} to {}",
        (
            over_seeds("local", "validation_loss_before", average),
            agreement("mean", "local"),
            agreement("mean", "ray"),
            agreement("sd_over_seeds", "local"),
            agreement("sd_over_seeds", "ray"),
            agreement("paired_difference"),
            agreement("interval_95", 0),
            agreement("interval_95", 1),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "Staleness was low ({} to {} updates",
        (over_seeds("ray", "staleness", min), over_seeds("ray", "staleness", max)),
    ),
    Claim(
        "docs/scaling.md",
        "process 0 ended after {} s with a one-line error and status 1; `--resume`",
        (fault("mesh_process_killed", "process_1", "seconds_until_the_other_ended"),),
    ),
    Claim(
        "docs/scaling.md",
        "process 1 ended after {} s in the same way",
        (fault("mesh_process_killed", "process_0", "seconds_until_the_other_ended"),),
    ),
    Claim(
        "docs/scaling.md",
        "process 0 ended after {} s in the same way",
        (fault("mesh_process_frozen", "seconds_until_the_other_ended"),),
    ),
    Claim(
        "docs/scaling.md",
        "resumed at meta-steps 19, 114 and 194 after {}, {} and {} had been reached; {} gradients",
        (
            *(fault("ray_trainer_killed", "killed_at_meta_steps", i) for i in range(3)),
            fault("ray_trainer_killed", "gradients_counted"),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "for {} minutes (four workers) | {} kills, {} workers reported lost, {} meta-steps "
        "meanwhile, {} gradients, none twice, {} dropped as too old",
        tuple(
            fault("ray_workers_killed", key)
            for key in (
                "minutes",
                "kills",
                "workers_lost",
                "meta_steps_meanwhile",
                "gradients_counted",
                "dropped_as_stale",
            )
        ),
    ),
    Claim(
        "docs/scaling.md",
        "given up, reported and killed after {} s",
        (fault("ray_worker_hangs", "given_up_after_seconds"),),
    ),
    Claim(
        "docs/scaling.md",
        "its two workers ended after {} s; a new helper was started, whose workers sent gradients "
        "after {} s; {} gradients, none twice",
        (
            fault("ray_helper_killed", "seconds_until_its_workers_ended"),
            fault("ray_helper_killed", "seconds_until_new_workers_sent"),
            fault("ray_helper_killed", "gradients_counted"),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "given up and killed after {} s, its workers ended; a new one was started and its workers "
        "sent gradients; {} gradients,",
        (
            fault("ray_helper_frozen", "given_up_after_seconds"),
            fault("ray_helper_frozen", "gradients_counted"),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "both processes ended, after {} s and {} s, with a one-line error",
        tuple(
            value(HOSTS, "mesh_host_cut_off", f"seconds_until_process_{i}_ended") for i in range(2)
        ),
    ),
    Claim(
        "docs/scaling.md",
        "in 20 s the slow one sent {} gradients, the others {} and {}; when all were alike, in "
        "15 s, {} to {} each",
        (
            *(value(HOSTS, FLAT, "of_each_worker_then", i) for i in "102"),
            *(value(HOSTS, FLAT, "of_each_worker", i) for i in "10"),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "reported lost after {} s (Ray's own timeout); {} meta-steps meanwhile",
        (
            value(HOSTS, FLAT, "seconds_until_a_host_cut_off_is_lost"),
            value(HOSTS, FLAT, "meta_steps_meanwhile"),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "a worker was started there; {} gradients, none twice",
        (value(HOSTS, FLAT, "gradients_counted"),),
    ),
    Claim(
        "docs/scaling.md",
        "the same: slow {}, the others {} and {}; lost after {} s, reported by its helper, which "
        "stayed; {} gradients",
        (
            *(value(HOSTS, HELPED, "of_each_worker_then", i) for i in ("1", "0", "1024")),
            value(HOSTS, HELPED, "seconds_until_a_host_cut_off_is_lost"),
            value(HOSTS, HELPED, "gradients_counted"),
        ),
    ),
)
