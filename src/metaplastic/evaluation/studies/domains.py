"""Study `domains`: tables, texts and images; the rule beside what users would pick instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from metaplastic.errors import DataError, MetaplasticError, unknown_name
from metaplastic.evaluation.baselines import BASELINES, make_baseline
from metaplastic.evaluation.few_shot import describe_problem
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.significance import sampling_error
from metaplastic.evaluation.standings import READOUTS, standings
from metaplastic.evaluation.studies.domain_cells import RULE, Cells
from metaplastic.evaluation.studies.domain_sets import (
    DomainSet,
    TableSearch,
    forecast,
    known_sets,
)
from metaplastic.evaluation.studies.study import Study, StudySettings, known_baselines
from metaplastic.evaluation.tables import find_table, load_limited, load_table

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

    datasets: tuple[str, ...] = Field(
        (), description="names of the study's tables, files or addresses; an empty list: all tables"
    )
    rivals: tuple[str, ...] = Field(RIVALS, description="baselines by name")
    labels: tuple[int, ...] = Field(
        (2, 5, 10, 50), min_length=1, description="numbers of labelled examples per class"
    )
    readouts: tuple[str, ...] = Field(
        READOUTS, min_length=1, description="classifiers that read the features"
    )
    reference: str = Field("rule-all", description="the method that others are compared with")


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
        rivals = sum(BASELINES[name].installed() for name in known_baselines(own.rivals))
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
        for name in known_baselines(own.rivals):
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
            self.for_baselines(self.config("any")),
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
        cells = Cells(self, problem, possible, own.readouts)
        entries = cells.rule()
        extra = {each.name: each for each in self.context.classifiers}
        for name in methods:
            if name in extra:
                unsearched = {"settings": {}, "tried": []}
                entries[name] = cells.baseline(extra[name], unsearched, uses_rule=True)
            elif name not in RULE:
                choice = search.best(name, tuple(search.sets_for(problem.address)))
                baseline = make_baseline(name, **choice.settings)
                entries[name] = cells.baseline(baseline, choice.record, uses_rule=False)
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
