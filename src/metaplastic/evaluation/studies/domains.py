"""Study `domains`: tables, texts and images; the rule and the methods users would pick instead."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from metaplastic import data
from metaplastic.data.table_files import FOLDER
from metaplastic.errors import ConfigError, DataError, MetaplasticError, unknown_name
from metaplastic.evaluation.baselines import BASELINES, make_baseline
from metaplastic.evaluation.few_shot import describe_problem
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.search import Choice
from metaplastic.evaluation.significance import sampling_error
from metaplastic.evaluation.standings import READOUTS, standings
from metaplastic.evaluation.studies.domain_cells import RULE, Cells
from metaplastic.evaluation.studies.domain_earlier import Earlier
from metaplastic.evaluation.studies.domain_sets import (
    DomainSet,
    TableSearch,
    forecast,
    known_sets,
)
from metaplastic.evaluation.studies.study import Count, Study, StudySettings, known_baselines
from metaplastic.evaluation.tables import find_table, load_limited, load_table

DEFAULT_BASELINES = (
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
    """`datasets` are names in `domains.toml` (no name stands for all), names of files
    `tables/NAME.npz`, or addresses (`openml:`, `csv:`); the latter two have the role `user`.
    `labels` are numbers of labelled examples per class; hyperparameters are searched at
    `labels_per_class`. `reference` is the method that the others are compared with. `extends`
    names a results file of this study with the same settings and rule: its data sets are taken
    over, the settings that its searches chose as well, and only data sets not among them are
    measured."""

    datasets: tuple[str, ...] = Field(
        (), description="names of the study's tables, files or addresses; an empty list: all tables"
    )
    baselines: tuple[str, ...] = Field(DEFAULT_BASELINES, description="names of baselines")
    labels: tuple[Count, ...] = Field(
        (2, 5, 10, 50), min_length=1, description="numbers of labelled examples per class"
    )
    readouts: tuple[str, ...] = Field(
        READOUTS, min_length=1, description="classifiers that read the features"
    )
    reference: str = Field("rule-all", description="the method that others are compared with")
    extends: Path | None = Field(
        None, description="a results file of this study, to which further data sets are added"
    )


class Domains(Study):
    """Measures the accuracy of every method on every set, for each readout, number of labels and
    seed; then ranks, paired tests, and processor seconds to fit (including compilation, and shared
    between seeds that advance together)."""

    name = "domains"
    title = "Tables, sensors, spectra, texts and images"
    figure = "metaplastic.figures.domains"
    example: ClassVar[dict[str, Any]] = {
        "datasets": ("digits",),
        "baselines": ("raw",),
        "labels": (2, 10),
        "readouts": ("ridge",),
    }
    Settings = DomainsSettings

    def check_data_sets(self) -> None:
        """Refuse a name that is neither one of the study's tables, nor a file, nor an address,
        unless an earlier file has its numbers."""
        for name in self._to_measure():
            if self._named(name).is_address:
                try:
                    data.check_address(name)
                except ConfigError:
                    if ":" in name:
                        raise
                    known = {*known_sets(), *data.SOURCES}
                    advice = f" A table of yours is a file {FOLDER}/{name}.npz."
                    raise unknown_name("data set", name, known, advice) from None

    def forecast(self) -> str:
        settings = self.settings
        assert isinstance(settings, DomainsSettings)
        return forecast(settings.baselines, len(self._to_measure()), settings.seeds)

    def cells(self) -> int:
        settings = self.settings
        assert isinstance(settings, DomainsSettings)
        baselines = sum(BASELINES[name].installed() for name in known_baselines(settings.baselines))
        methods = 1 + baselines + len(self.context.classifiers)
        return len(self._to_measure()) * methods

    @cached_property
    def _earlier(self) -> Earlier | None:
        settings = self.settings
        assert isinstance(settings, DomainsSettings)
        if settings.extends is None:
            return None
        return Earlier(settings.extends, settings, self.context.rule.fingerprint)

    def _to_measure(self) -> list[str]:
        settings = self.settings
        assert isinstance(settings, DomainsSettings)
        taken = self._earlier.sets if self._earlier else {}
        return [name for name in settings.datasets or known_sets() if name not in taken]

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, DomainsSettings)
        sets = [self._named(name) for name in self._to_measure()]
        methods = self._methods()
        search = self.table_search()
        results: dict[str, Any] = {}
        if self._earlier:
            self._earlier.check_methods(methods)
            self.context.notes.append(self._earlier.note())
            results |= self._earlier.sets
        missing: dict[str, str] = {}
        for dataset in sets:
            try:
                problem = self.load(dataset.name)
            except MetaplasticError as error:
                missing[dataset.name] = str(error)
                self.context.notes.append(f"{dataset.name} left out: {error}")
                continue
            results[dataset.name] = self._measure(dataset, problem, methods, search)
        if not results:
            raise DataError(
                f"none of the {len(sets)} data sets can be used: {next(iter(missing.values()))}"
            )
        if missing:
            self.context.notes.append(f"{len(missing)} of {len(sets)} data sets left out")
        content = {
            "settings": {
                **settings.model_dump(mode="json", exclude={"extends"}),
                "datasets": [*results, *missing],
            },
            "seeds": list(self.config("any").seed_list),
            "methods": methods,
            "sets": results,
            "missing": missing,
            "sets_seconds": {
                name: float(
                    np.median([entry["methods"][name]["seconds"] for entry in results.values()])
                )
                for name in methods
            },
        }
        return {**content, "standings": standings(content, settings.reference)}

    def _methods(self) -> dict[str, dict[str, Any]]:
        """Return every method's title, and whether it is a classifier or yields features."""
        settings = self.settings
        assert isinstance(settings, DomainsSettings)
        for readout in settings.readouts:
            if readout not in READOUTS:
                raise unknown_name("readout", readout, READOUTS)
        methods = {name: {"title": title, "classifier": False} for name, title in RULE.items()}
        for name in known_baselines(settings.baselines):
            kind = BASELINES[name]
            if not kind.installed():
                assert kind.requires is not None
                self.context.notes.append(
                    f"{name} left out: {kind.requires[1]} is not installed "
                    f"(pip install 'metaplastic[{kind.requires[2]}]')"
                )
                continue
            methods[name] = {"title": kind.title, "classifier": kind.uses_labels}
        for extra in self.context.classifiers:
            methods[extra.name] = {"title": extra.title, "classifier": True, "uses_rule": True}
        if settings.reference not in methods:
            raise unknown_name("method", settings.reference, methods)
        return methods

    def _named(self, name: str) -> DomainSet:
        """Find a set in `domains.toml`, else a file among the tables, else an address."""
        if name in known_sets():
            return known_sets()[name]
        try:
            find_table(name, self.context.data_dir)
        except DataError:
            return DomainSet(name, "user", "by address", is_address=True)
        return DomainSet(name, "user", "table")

    def load(self, name: str) -> Problem:
        """Load a set by its name. Raises `DataError` if it is missing or has too few rows."""
        load = load_limited if self._named(name).is_address else load_table
        return load(name, self.context.data_dir)

    def table_search(self) -> TableSearch:
        """Return the search of the baselines' hyperparameters on *meta-train* tables."""
        return TableSearch(
            self.context.store("search"),
            self.for_baselines(self.config("any")),
            data_dir=self.context.data_dir,
            progress=self.context.progress,
        )

    def _choice(self, name: str, address: str, search: TableSearch) -> Choice:
        searched = tuple(search.sets_for(address))
        known = self._earlier.choice(name, searched) if self._earlier else None
        return known or search.best(name, searched)

    def cells_of(self, problem: Problem) -> Cells:
        """Return the cells of a data set, with the numbers of labels that all its classes have."""
        settings = self.settings
        assert isinstance(settings, DomainsSettings)
        smallest = _smallest_class(problem)
        counts = [count for count in sorted(set(settings.labels)) if count <= smallest]
        return Cells(self, problem, counts, settings.readouts)

    def _measure(
        self,
        dataset: DomainSet,
        problem: Problem,
        methods: Mapping[str, Any],
        search: TableSearch,
    ) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, DomainsSettings)
        cells = self.cells_of(problem)
        entries = cells.rule()
        extra = {classifier.name: classifier for classifier in self.context.classifiers}
        for name in methods:
            if name in extra:
                unsearched = {"settings": {}, "tried": []}
                entries[name] = cells.baseline(extra[name], unsearched, uses_rule=True)
            elif name not in RULE:
                choice = self._choice(name, problem.address, search)
                baseline = make_baseline(name, **choice.settings)
                entries[name] = cells.baseline(baseline, choice.record, uses_rule=False)
        notes = list(problem.notes)
        if excluded := sorted(set(settings.labels) - set(cells.counts)):
            notes.append(
                f"without {', '.join(map(str, excluded))} labels per class: the smallest class has "
                f"{_smallest_class(problem)} rows"
            )
        described = describe_problem(problem)
        trained = {source.partition("@")[0] for source in self.context.rule.training_data}
        return {
            "role": dataset.role,
            "kind": dataset.kind,
            "data": {
                **described,
                "notes": notes,
                "meta_trained_on": dataset.name.partition("@")[0] in trained,
            },
            "labels": list(cells.counts),
            "sampling_error": sampling_error(0.5, len(problem.test)),
            "methods": entries,
        }


def _smallest_class(problem: Problem) -> int:
    return int(np.bincount(problem.train_labels).min())
