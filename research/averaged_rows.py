"""`python -m research.averaged_rows`: does reading averages over neighbours help, and over which?

On tables of the role *meta-train* alone, the shipped rule's networks are read at all layers, and
then also of rows averaged over k neighbours in r lazy rounds. Three seeds; 2, 10 and 50 labels per
class; ridge and logistic readouts. Writes `research/results/averaged/rows.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from metaplastic.averaging import KEPT, Averaging
from metaplastic.blocks import Blocks
from metaplastic.data.domains import known_sets
from metaplastic.errors import DataError
from metaplastic.evaluation.by_labels import read
from metaplastic.evaluation.inner_loop import AllLayers, read_all_layers, run_inner_loop
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.results import read_json, write_json
from metaplastic.evaluation.tables import load_table
from metaplastic.evaluation.trials import make_trials

OUT = Path(__file__).parent / "results" / "averaged" / "rows.json"
SEEDS = (0, 1, 2)
LABELS = (2, 10, 50)
READOUTS = ("ridge", "logistic")
AVERAGES = ((5, 1), (10, 1), (10, 2), (10, 4), (30, 2), (30, 4))  # neighbours, rounds


def measure(problem: Problem, labels: list[int]) -> dict[str, Any]:
    """Return accuracies by reading and readout: a list over seeds for every number of labels."""
    rule = named_rule("default")
    trials = make_trials(SEEDS, problem.train.shape[1])
    loop = run_inner_loop(
        rule.rule,
        problem.train,
        trials,
        (rule.horizon or 80,),
        hidden=(128, 64),
        n_features=32,
        batch_size=rule.batch_size or 256,
    )
    networks = [network for _, fitted, _ in loop for network in fitted]
    plain = [read_all_layers(network, problem.train) for network in networks]
    encoders: dict[str, list[Callable]] = {
        "inputs": [lambda rows: rows] * len(trials),
        "all": [*plain],
    }
    for k, rounds in AVERAGES:
        averaging = Averaging.fit(problem.train, k, rounds, KEPT)
        train, test = averaging(problem.train), averaging(problem.test)
        encoders[f"{k} neighbours, {rounds} rounds"] = [
            _both(problem, train, test, once, AllLayers(network, _blocks(network, train)))
            for once, network in zip(plain, networks, strict=True)
        ]
    found: dict[str, Any] = {}
    for name, each in encoders.items():
        rows = [
            read(encoder, problem, trial, labels, READOUTS)
            for encoder, trial in zip(each, trials, strict=True)
        ]
        found[name] = {
            readout: np.array([row[readout] for row in rows]).T.tolist() for readout in READOUTS
        }
    return found


def _blocks(network: Any, rows: np.ndarray) -> Blocks:
    sample = rows[:4096]
    return Blocks.fit([sample, *network.layers(sample)])


def _both(
    problem: Problem, train: np.ndarray, test: np.ndarray, once: AllLayers, twice: AllLayers
) -> Callable:
    """Return the encoder that reads rows and their averages, which are known beforehand."""
    index = {row.tobytes(): i for i, row in enumerate(problem.train)}

    def encode(rows: np.ndarray) -> np.ndarray:
        averaged = test if rows is problem.test else train[[index[row.tobytes()] for row in rows]]
        return np.hstack([once(rows), twice(averaged)])

    return encode


def gains(content: dict[str, Any]) -> dict[str, Any]:
    """Return the mean difference to all layers by reading, readout and labels, and on how many sets
    it is above and below by more than 0.005."""
    summary: dict[str, Any] = {}
    for k, rounds in AVERAGES:
        name = f"{k} neighbours, {rounds} rounds"
        for readout in READOUTS:
            for i, count in enumerate(LABELS):
                gaps = np.array(
                    [
                        np.mean(entry["accuracy"][name][readout][i])
                        - np.mean(entry["accuracy"]["all"][readout][i])
                        for entry in content.values()
                        if i < len(entry["labels"])
                    ]
                )
                summary.setdefault(name, {}).setdefault(readout, {})[str(count)] = {
                    "mean": float(gaps.mean()),
                    "sets": len(gaps),
                    "above": int(np.sum(gaps > 0.005)),
                    "below": int(np.sum(gaps < -0.005)),
                }
    return summary


def main() -> None:
    """Measure every table of the role, resuming after those in the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    sets = read_json(args.out)["sets"] if args.out.is_file() else {}
    missing = {}
    for name in (each.name for each in known_sets().values() if each.role == "meta-train"):
        if name in sets:
            continue
        try:
            problem = load_table(name, args.data_dir, for_search=True)
        except DataError as error:
            missing[name] = str(error)
            continue
        smallest = int(np.bincount(problem.train_labels).min())
        labels = [count for count in LABELS if count <= smallest]
        sets[name] = {"labels": labels, "accuracy": measure(problem, labels)}
        print(name, len(problem.train), flush=True)
        _write(args.out, sets, missing)
    _write(args.out, sets, missing)


def _write(path: Path, sets: dict[str, Any], missing: dict[str, str]) -> None:
    content = {"kind": "averaged-rows", "seeds": list(SEEDS), "labels": list(LABELS)}
    write_json(path, {**content, "missing": missing, "sets": sets, "gains": gains(sets)})


if __name__ == "__main__":
    main()
