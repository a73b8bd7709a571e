"""Study `domains`: tables, texts and images; the rule beside what users would pick instead."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from metaplastic.errors import DataError, MetaplasticError, unknown_name
from metaplastic.evaluation import results
from metaplastic.evaluation.baselines import (
    BASELINES,
    LabelledBaseline,
    make_baseline,
)
from metaplastic.evaluation.by_labels import classified, read
from metaplastic.evaluation.few_shot import (
    as_unlabelled,
    describe_problem,
)
from metaplastic.evaluation.inner_loop import read_all_layers, run_inner_loop
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.significance import sampling_error
from metaplastic.evaluation.standings import READOUTS, standings
from metaplastic.evaluation.studies.domain_sets import (
    DomainSet,
    TableSearch,
    forecast,
    known_sets,
)
from metaplastic.evaluation.studies.study import Study, StudySettings, known_rivals, protocol_key
from metaplastic.evaluation.tables import find_table, fingerprint, load_limited, load_table
from metaplastic.evaluation.trials import make_trials

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


class Domains(Study):
    """Accuracy of every method on every set, for each readout, number of labels and seed; then
    ranks, paired tests, and processor seconds to fit (compilation among them; seeds that advance
    together share theirs)."""

    name = "domains"
    title = "Tables, sensors, spectra, texts and images"
    figure = "metaplastic.figures.domains"
    example: ClassVar[dict[str, Any]] = {
        "datasets": ("digits",),
        "rivals": ("raw",),
        "labels": (2, 10),
        "readouts": ("ridge",),
    }
    Settings = DomainsSettings

    def forecast(self) -> str:
        own = self.settings
        assert isinstance(own, DomainsSettings)
        return forecast(own.rivals, len(own.datasets or known_sets()), own.seeds)

    def cells(self) -> int:
        own = self.settings
        assert isinstance(own, DomainsSettings)
        rivals = sum(BASELINES[name].installed() for name in known_rivals(own.rivals))
        methods = 1 + rivals + len(self.context.classifiers)
        return len(own.datasets or known_sets()) * methods

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, DomainsSettings)
        sets = [self._named(name) for name in own.datasets or known_sets()]
        methods = self._methods()
        search = self._search()
        found: dict[str, Any] = {}
        missing: dict[str, str] = {}
        for each in sets:
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
        own, rule = self.settings, self.context.rule
        assert isinstance(own, DomainsSettings)
        config = self.config(problem.address)
        key = {
            "rule": rule.fingerprint,
            "inner_steps": config.inner_steps,
            **self._key(problem, counts, config),
        }

        def compute(seeds: Sequence[int]) -> list[Any]:
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
                progress=self.context.progress,
            )
            networks = [network for _, found, _ in loop for network in found]
            seconds = (time.process_time() - start) / len(trials)
            return [
                {
                    "seconds": seconds,
                    "rule": read(network, problem, trial, counts, own.readouts),
                    "rule-all": read(
                        read_all_layers(network, problem.train),
                        problem,
                        trial,
                        counts,
                        own.readouts,
                    ),
                }
                for network, trial in zip(networks, trials, strict=True)
            ]

        cells = self.measured(key, config.seed_list, compute)
        return {
            name: _entry([{"seconds": c["seconds"], "accuracy": c[name]} for c in cells], {})
            for name in RULE
        }

    def _rival(
        self, name: str, problem: Problem, counts: Sequence[int], search: TableSearch
    ) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, DomainsSettings)
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
            self.context.progress(f"{problem.address}: {baseline.title}")
            trials = make_trials(seeds, problem.train.shape[1])
            if isinstance(baseline, LabelledBaseline):
                return classified(baseline, problem, as_unlabelled(problem, config), trials, counts)
            start = time.process_time()
            encoders = baseline.fit(as_unlabelled(problem, config), trials)
            seconds = (time.process_time() - start) / len(trials)
            return [
                {
                    "seconds": seconds,
                    "accuracy": read(encoder, problem, trial, counts, own.readouts),
                }
                for encoder, trial in zip(encoders, trials, strict=True)
            ]

        cells = self.measured(key, config.seed_list, compute)
        return _entry(cells, record)


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
