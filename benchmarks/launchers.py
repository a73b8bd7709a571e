"""`python -m benchmarks.launchers [NAME ...]`: engine `mesh` started by `mpirun` and by `srun`.

Open MPI's `mpirun`, Slurm's daemons and `munged` must be on the path (Debian: openmpi-bin,
slurmctld, slurmd, slurm-client, munge). A single-node Slurm is started in its own network namespace
with one address and ends with the benchmark. Needs Linux, root, `iproute2` and `util-linux`. Writes
results/scaling-launchers.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faults import CONFIG
from benchmarks.trial_results import save_trial
from metaplastic.meta.run.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "scaling-launchers.json"
INSIDE = "METAPLASTIC_INSIDE_NAMESPACES"
STEPS = 20
HOST, ADDRESS = "one", "10.78.0.1"
SLURM = """\
ClusterName=one
SlurmctldHost={host}({address})
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr={address} CPUs={cores} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""


def train(folder: Path, name: str, *launcher: str, options: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run briefly with and without the launcher, and compare the losses."""
    losses, output = {}, ""
    config = folder / "config.json"
    config.write_text(json.dumps({**CONFIG, "optimizer": {"meta_steps": STEPS}}))
    train_command = [sys.executable, "-m", "metaplastic", "meta-train", f"--config={config}"]
    for label, before, after in (
        ("local", (), ()),
        (name, launcher, ("--engine=mesh", *options)),
    ):
        command = [*before, *train_command, f"--out={folder / label}", *after]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        losses[label] = [m["loss"] for m in read_metrics(folder / label)]
        output = done.stdout + done.stderr
    difference = max(abs(a - b) for a, b in zip(losses["local"], losses[name], strict=True))
    (line,) = [line for line in output.splitlines() if "processes," in line]
    assert line.startswith("2 processes, "), line
    assert difference < 1e-4
    return {
        "launcher": " ".join(launcher),
        "told": line,
        "meta_steps": STEPS,
        "largest_difference_of_a_loss": difference,
    }


def open_mpi(folder: Path) -> dict[str, Any]:
    """Run with `mpirun -n 2`."""
    version = subprocess.run(["mpirun", "--version"], capture_output=True, text=True, check=True)
    results = train(
        folder, "mpirun", "mpirun", "-n", "2", "--bind-to", "core", "--allow-run-as-root"
    )
    return {"version": version.stdout.splitlines()[0], **results}


def slurm(folder: Path) -> dict[str, Any]:
    """Run with `srun --ntasks=2` on a single-node Slurm."""
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    munged = [
        "munged", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
        f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log",
        f"--seed-file={folder}/munge.seed",
    ]  # fmt: skip
    subprocess.run(munged, check=True)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    settings = folder / "slurm.conf"
    settings.write_text(
        SLURM.format(host=HOST, address=ADDRESS, folder=folder, cores=os.cpu_count())
    )
    os.environ["SLURM_CONF"] = str(settings)
    daemons = [subprocess.Popen([name, "-D"]) for name in ("slurmctld", "slurmd")]
    try:
        deadline = time.monotonic() + 60
        while "idle" not in subprocess.run(["sinfo"], capture_output=True, text=True).stdout:
            logs = [f.read_text()[-1500:] for f in folder.glob("slurm*.log")]
            assert time.monotonic() < deadline, logs
            time.sleep(0.5)
        version = subprocess.run(["srun", "--version"], capture_output=True, text=True, check=True)
        results = train(folder, "srun", "srun", "--ntasks=2", "--cpus-per-task=1")
    finally:
        for daemon in daemons:
            daemon.terminate()
            daemon.wait()
    return {"version": version.stdout.strip(), **results}


TRIALS: dict[str, tuple[str, Callable[[Path], dict[str, Any]]]] = {
    "open_mpi": ("mpirun", open_mpi),
    "slurm": ("slurmctld", slurm),
}


def main() -> None:
    """Run the named trials, or all of them, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*TRIALS, []])
    arguments = parser.parse_args()
    if INSIDE not in os.environ:
        # in namespaces, so that daemons end with it and have their own loopback
        unshare = ["unshare", "-n", "-m", "-u", "-p", "--fork", "--kill-child", "--mount-proc"]
        command = [*unshare, sys.executable, "-m", "benchmarks.launchers", *arguments.names]
        raise SystemExit(subprocess.run(command, env={**os.environ, INSIDE: "1"}).returncode)
    hosts_file = Path(tempfile.mkdtemp()) / "hosts"
    hosts_file.write_text(f"127.0.0.1 localhost\n{ADDRESS} {HOST}\n")
    for command in (
        "ip link set lo up",
        "ip link add eth0 type veth peer name other",
        f"ip addr add {ADDRESS}/24 dev eth0",
        "ip link set eth0 up",
        "ip link set other up",
        f"hostname {HOST}",
        f"mount --bind {hosts_file} /etc/hosts",
    ):
        subprocess.run(command.split(), check=True)
    for name in arguments.names or TRIALS:
        program, trial = TRIALS[name]
        if shutil.which(program) is None:
            raise SystemExit(f"{name}: {program} is not on the path")
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as folder:
            results = trial(Path(folder))
        save_trial(RESULTS, name, f"python -m benchmarks.launchers {name}", load, results)


if __name__ == "__main__":
    main()
