"""Study `domains`: tables, texts and images; the rule beside what users would pick instead."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.blas import one_thread_per_product
from metaplastic.errors import DataError, MetaplasticError, unknown_name
from metaplastic.evaluation import results
from metaplastic.evaluation.baselines import (
    BASELINES,
    Baseline,
    Encoder,
    LabelledBaseline,
    make_baseline,
)
from metaplastic.evaluation.few_shot import (
    as_unlabelled,
    classifier_accuracy,
    describe_problem,
    fit_classifiers,
)
from metaplastic.evaluation.inner_loop import read_all_layers, run_inner_loop
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.search import Search
from metaplastic.evaluation.significance import sampling_error
from metaplastic.evaluation.standings import OWN, READOUTS, standings
from metaplastic.evaluation.studies.study import Study, StudySettings, known_rivals, protocol_key
from metaplastic.evaluation.tables import find_table, fingerprint, load_limited, load_table
from metaplastic.evaluation.trials import Trial, draw_labelled, make_trials
from metaplastic.readout import logistic
from metaplastic.readout.ridge import readout_accuracy

RULE = {"rule": "learned rule, last layer", "rule-all": "learned rule, all layers and inputs"}
RIVALS = (
    "random",
    "random-all",
    "raw",
    "pca",
    "pca-own",
    "kmeans",
    "umap",
    "umap-own",
    "spectral",
    "spectral-own",
    "neighbour-mean",
    "dae",
    "rbm",
    "label-spreading",
    "self-training",
    "random-forest",
)
SEARCHED_ON = ("segment", "wall_following", "isolet_1560", "spambase")  # role: meta-train
SEARCH_SETS = 3


class DomainSet(NamedTuple):
    """One data set of the study; see `domains.toml`."""

    name: str
    role: str
    kind: str
    is_address: bool = False


@cache
def known_sets() -> dict[str, DomainSet]:
    """The sets of `domains.toml`, by name."""
    text = files("metaplastic.evaluation.studies").joinpath("domains.toml").read_text("utf-8")
    return {entry["name"]: DomainSet(**entry) for entry in tomllib.loads(text)["sets"]}


class DomainsSettings(StudySettings):
    """`datasets` by their names in `domains.toml`, none for all; any other name is that of a file
    `tables/NAME.npz`, or an address (`openml:`, `csv:`), in the role `user`. `labels` are numbers
    of labelled examples per class; hyperparameters are searched at `labels_per_class`. `reference`
    is the method that the others are compared with."""

    datasets: tuple[str, ...] = ()
    rivals: tuple[str, ...] = RIVALS
    labels: tuple[int, ...] = Field((2, 5, 10, 50), min_length=1)
    readouts: tuple[str, ...] = Field(READOUTS, min_length=1)
    reference: str = "rule-all"


class TableSearch(Search):
    """Hyperparameters are searched on tables of the role `meta-train` alone."""

    def sets_for(self, address: str) -> list[str]:
        """The first three that are there and are not the set reported."""
        there = [n for n in SEARCHED_ON if n != address and self._problem(n) is not None]
        return there[:SEARCH_SETS]

    def _problem(self, address: str) -> Problem | None:
        if address not in self._problems:
            try:
                self._problems[address] = load_table(address, self._data_dir, for_search=True)
            except DataError:  # its file is not here
                self._problems[address] = None
        return self._problems[address]

    def trial_key(self, baseline: Baseline, address: str) -> dict[str, Any]:
        return {**super().trial_key(baseline, address), "tables": 1}


class Domains(Study):
    """Accuracy of every method on every set, for each readout, number of labels and seed; then
    ranks, paired tests, and processor seconds to fit (compilation among them; seeds that advance
    together share theirs)."""

    name = "domains"
    title = "Tables, sensors, spectra, texts and images"
    Settings = DomainsSettings

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, DomainsSettings)
        sets = [self._named(name) for name in own.datasets or known_sets()]
        methods = self._methods()
        search = self._search()
        found: dict[str, Any] = {}
        missing: dict[str, str] = {}
        for done, each in enumerate(sets):
            self.context.progress("domains", done, len(sets), "data sets")
            try:
                problem = self._load(each)
            except MetaplasticError as error:
                missing[each.name] = str(error)
                self.context.notes.append(f"{each.name} left out: {error}")
                continue
            found[each.name] = self._measure(each, problem, methods, search)
        if not found:
            raise DataError(
                f"none of the {len(sets)} data sets can be used: {next(iter(missing.values()))}"
            )
        if missing:
            self.context.notes.append(f"{len(missing)} of {len(sets)} data sets left out")
        content = {
            "seeds": list(self.config("any").seed_list),
            "methods": methods,
            "sets": found,
            "missing": missing,
            "sets_seconds": {
                name: float(
                    np.median([entry["methods"][name]["seconds"] for entry in found.values()])
                )
                for name in methods
            },
        }
        return {**content, "standings": standings(content, own.reference)}

    def _methods(self) -> dict[str, dict[str, Any]]:
        """Every method's title, and whether it gives features or is a classifier itself."""
        own = self.settings
        assert isinstance(own, DomainsSettings)
        for readout in own.readouts:
            if readout not in READOUTS:
                raise unknown_name("readout", readout, READOUTS)
        found = {name: {"title": title, "classifier": False} for name, title in RULE.items()}
        for name in known_rivals(own.rivals):
            kind = BASELINES[name]
            if not kind.installed():
                assert kind.requires is not None
                self.context.notes.append(
                    f"{name} left out: {kind.requires[1]} is not installed "
                    f"(pip install 'metaplastic[{kind.requires[2]}]')"
                )
                continue
            found[name] = {"title": kind.title, "classifier": kind.uses_labels}
        for extra in self.context.classifiers:
            found[extra.name] = {"title": extra.title, "classifier": True, "uses_rule": True}
        if own.reference not in found:
            raise unknown_name("method", own.reference, found)
        return found

    def _named(self, name: str) -> DomainSet:
        """A set of `domains.toml`; else a file among the tables; else a data set by address."""
        if name in known_sets():
            return known_sets()[name]
        try:
            find_table(name, self.context.data_dir)
        except DataError:
            return DomainSet(name, "user", "by address", is_address=True)
        return DomainSet(name, "user", "table")

    def _load(self, each: DomainSet) -> Problem:
        load = load_limited if each.is_address else load_table
        return load(each.name, self.context.data_dir)

    def _search(self) -> TableSearch:
        return TableSearch(
            self.context.store("search"),
            self.for_rivals(self.config("any")),
            data_dir=self.context.data_dir,
            progress=self.context.progress,
        )

    def _measure(
        self,
        each: DomainSet,
        problem: Problem,
        methods: Mapping[str, Any],
        search: TableSearch,
    ) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, DomainsSettings)
        counts = sorted(set(own.labels))
        smallest = int(np.bincount(problem.train_labels).min())
        possible = [count for count in counts if count <= smallest]
        entries = self._rule(problem, possible)
        for name in methods:
            if name not in RULE:
                entries[name] = self._rival(name, problem, possible, search)
        notes = list(problem.notes)
        if possible != counts:
            left = ", ".join(str(count) for count in counts if count > smallest)
            notes.append(f"not with {left} labels per class: a class has {smallest} rows")
        described = describe_problem(problem)
        trained = {source.partition("@")[0] for source in self.context.rule.training_data}
        return {
            "role": each.role,
            "kind": each.kind,
            "data": {
                **described,
                "notes": notes,
                "meta_trained_on": each.name.partition("@")[0] in trained,
            },
            "labels": possible,
            "sampling_error": sampling_error(0.5, len(problem.test)),
            "methods": entries,
        }

    def _key(self, problem: Problem, counts: Sequence[int], config: FewShotConfig) -> dict:
        own = self.settings
        assert isinstance(own, DomainsSettings)
        return {
            "domains": 1,
            "rows": fingerprint(problem),
            "labels": list(counts),
            "readouts": list(own.readouts),
            **protocol_key(config.model_copy(update={"labels_per_class": 1})),
        }

    def _rule(self, problem: Problem, counts: Sequence[int]) -> dict[str, Any]:
        """Both readings of the rule's networks, from one inner loop."""
        rule = self.context.rule
        config = self.config(problem.address)
        key = {
            "rule": rule.fingerprint,
            "inner_steps": config.inner_steps,
            **self._key(problem, counts, config),
        }

        def compute(seeds: Sequence[int]) -> list[Any]:
            self.context.progress(f"{problem.address}: rule", 0, len(seeds), "seeds")
            trials = make_trials(seeds, problem.train.shape[1])
            start = time.process_time()
            loop = run_inner_loop(
                rule.rule,
                problem.train,
                trials,
                (config.inner_steps,),
                hidden=config.hidden,
                n_features=config.n_features,
                activation=config.activation,
                batch_size=config.batch_size,
            )
            networks = [network for _, found, _ in loop for network in found]
            seconds = (time.process_time() - start) / len(trials)
            return [
                {
                    "seconds": seconds,
                    "rule": self._read(network, problem, trial, counts),
                    "rule-all": self._read(
                        read_all_layers(network, problem.train), problem, trial, counts
                    ),
                }
                for network, trial in zip(networks, trials, strict=True)
            ]

        cells = self.store.numbers(key, config.seed_list, compute)
        return {
            name: _entry([{"seconds": c["seconds"], "accuracy": c[name]} for c in cells], {})
            for name in RULE
        }

    def _rival(
        self, name: str, problem: Problem, counts: Sequence[int], search: TableSearch
    ) -> dict[str, Any]:
        extra = {each.name: each for each in self.context.classifiers}
        if name in extra:
            baseline, record = extra[name], {"settings": {}, "tried": []}
        else:
            choice = search.best(name, tuple(search.sets_for(problem.address)))
            baseline, record = make_baseline(name, **choice.settings), choice.record
        config = self.for_rivals(self.config(problem.address))
        key = {
            "baseline": baseline.name,
            "settings": baseline.settings.model_dump(mode="json"),
            **self._key(problem, counts, config),
        }
        if name in extra:  # it uses the rule
            key["rule"] = self.context.rule.fingerprint

        def compute(seeds: Sequence[int]) -> list[Any]:
            self.context.progress(f"{problem.address}: {name}", 0, len(seeds), "seeds")
            trials = make_trials(seeds, problem.train.shape[1])
            if isinstance(baseline, LabelledBaseline):
                return self._classify(baseline, problem, config, trials, counts)
            start = time.process_time()
            encoders = baseline.fit(as_unlabelled(problem, config), trials)
            seconds = (time.process_time() - start) / len(trials)
            return [
                {"seconds": seconds, "accuracy": self._read(encoder, problem, trial, counts)}
                for encoder, trial in zip(encoders, trials, strict=True)
            ]

        cells = self.store.numbers(key, config.seed_list, compute)
        return _entry(cells, record)

    def _classify(
        self,
        baseline: LabelledBaseline,
        problem: Problem,
        config: FewShotConfig,
        trials: Sequence[Trial],
        counts: Sequence[int],
    ) -> list[dict[str, Any]]:
        unlabelled = as_unlabelled(problem, config)
        found = [{"seconds": 0.0, "accuracy": {OWN: []}} for _ in trials]
        for count in counts:
            rows = [draw_labelled(problem, trial.seed, count) for trial in trials]
            start = time.process_time()
            classifiers = fit_classifiers(baseline, problem, unlabelled, trials, rows)
            seconds = (time.process_time() - start) / len(trials) / len(counts)
            for cell, classifier in zip(found, classifiers, strict=True):
                cell["seconds"] += seconds
                cell["accuracy"][OWN].append(classifier_accuracy(classifier, problem))
        return found

    def _read(
        self, encoder: Encoder, problem: Problem, trial: Trial, counts: Sequence[int]
    ) -> dict[str, list[float]]:
        """Accuracies by readout, in the order of `counts`; rows are encoded once."""
        own = self.settings
        assert isinstance(own, DomainsSettings)
        drawn = [draw_labelled(problem, trial.seed, count) for count in counts]
        union = np.unique(np.concatenate(drawn))
        labelled, test = encoder(problem.train[union]), encoder(problem.test)
        found: dict[str, list[float]] = {readout: [] for readout in own.readouts}
        for rows in drawn:
            features = labelled[np.searchsorted(union, rows)]
            for readout, accuracies in found.items():
                fit = readout_accuracy if readout == "ridge" else logistic_accuracy
                labels = problem.train_labels[rows]
                accuracies.append(
                    fit(features, labels, test, problem.test_labels, problem.n_classes)
                )
        return found


def logistic_accuracy(
    labelled: NDArray[np.floating],
    labels: NDArray[np.integer],
    test: NDArray[np.floating],
    test_labels: NDArray[np.integer],
    n_classes: int,
) -> float:
    """As `readout_accuracy`, by logistic regression."""
    if not (np.all(np.isfinite(labelled)) and np.all(np.isfinite(test))):
        return float("nan")
    with one_thread_per_product():  # tiny products: other threads cost more than they gain
        scores = logistic.fit(labelled, labels, n_classes)(test)
    return float(np.mean(np.argmax(scores, axis=1) == test_labels))


def _entry(cells: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> dict[str, Any]:
    """`accuracy` by readout: a list of seeds for every number of labels."""
    accuracy = {
        readout: np.array([results.as_numbers(c["accuracy"][readout]) for c in cells]).T.tolist()
        for readout in cells[0]["accuracy"]
    }
    summary = {
        readout: [results.mean_and_error(results.as_numbers(column)) for column in columns]
        for readout, columns in accuracy.items()
    }
    seconds = float(np.median([cell["seconds"] for cell in cells]))
    entry = {"seconds": seconds, "accuracy": accuracy, "summary": summary}
    return {**entry, "search": dict(record)} if record else entry
