"""An earlier results file of study `domains`, which a run takes over and adds data sets to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from metaplastic.errors import ConfigError, DataError
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.search import Choice
from metaplastic.evaluation.studies.study import StudySettings

FREE = {"datasets", "extends", "reference"}  # settings that no number depends on


class Earlier:
    """The data sets and searches of a results file.

    Raises `DataError` if the file is not one of the study, `ConfigError` if its numbers were
    measured with other settings or another rule.
    """

    def __init__(self, path: Path, settings: StudySettings, fingerprint: str) -> None:
        self.path = path
        content = read_json(path)
        try:
            if content["study"] != "domains":
                raise DataError(f"{path} holds study '{content['study']}', not 'domains'")
            found = type(settings)(**content["settings"])
            self.sets: dict[str, dict[str, Any]] = dict(content["sets"])
            self._methods = set(content["methods"])
            self._versions = content["versions"]
            theirs = content["rule"]["fingerprint"]
        except (KeyError, TypeError, ValidationError) as error:
            raise DataError(f"{path} holds no results of study 'domains'") from error
        self._check(settings, found)
        if theirs != fingerprint:
            raise ConfigError(
                f"{path} was measured with rule {theirs} ('{content['rule'].get('name')}'), "
                f"not with this one ({fingerprint}): name the same with --rule"
            )

    def _check(self, settings: StudySettings, found: StudySettings) -> None:
        ours, theirs = (s.model_dump(mode="json", exclude=FREE) for s in (settings, found))
        different = [f"{k} {theirs[k]} (here {ours[k]})" for k in ours if ours[k] != theirs[k]]
        if different:
            raise ConfigError(
                f"{self.path} was measured with other settings: {'; '.join(different)}"
            )

    def check_methods(self, methods: Iterable[str]) -> None:
        """Raise `ConfigError` unless the file holds the same methods."""
        if different := self._methods ^ set(methods):
            raise ConfigError(
                f"{self.path} and this run differ in the methods {', '.join(sorted(different))} "
                "(is every optional package installed?)"
            )

    def choice(self, name: str, sets: tuple[str, ...]) -> Choice | None:
        """Return the settings that a search on the same sets chose for a baseline, if any."""
        for entry in self.sets.values():
            record: Mapping[str, Any] = entry["methods"][name].get("search", {})
            if tuple(record.get("sets", ())) == sets:
                return Choice(record["settings"], dict(record))
        return None

    def note(self) -> str:
        """Say in a sentence which numbers are not of this run."""
        versions = ", ".join(f"{name} {self._versions[name]}" for name in ("metaplastic", "jax"))
        return (
            f"taken over from a run before ({versions}), with its searches: {', '.join(self.sets)}"
        )
