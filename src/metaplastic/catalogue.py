"""All settings by section: of meta-training, of entries of the registries, of evaluation.

They are read from the typed models, for the reference and the command `metaplastic settings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel

from metaplastic.base_model import LAYERS, ModelSpec
from metaplastic.errors import ConfigError, nearest
from metaplastic.evaluation.baselines import BASELINES
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.studies import STUDIES
from metaplastic.meta.config import MetaTrainConfig
from metaplastic.meta.estimators import ESTIMATORS
from metaplastic.objectives import OBJECTIVES
from metaplastic.registry import Registry
from metaplastic.rules import RULES
from metaplastic.setting_kinds import is_model
from metaplastic.settings import AnySettings, Setting, settings_of

TOP = "meta-train"  # the section of top-level settings


class Section(NamedTuple):
    """Related settings. `prefix` comes before their names when they are set, such as `optimizer.`
    or `rule.settings.`; `meaning` is one sentence."""

    name: str
    meaning: str
    prefix: str
    settings: tuple[Setting, ...]


class Group(NamedTuple):
    """Sections of one kind; `usage` says how their settings are given."""

    title: str
    usage: str
    sections: tuple[Section, ...]


def groups() -> list[Group]:
    """Return all sections, in the order of the reference. Imports every entry of every registry."""
    config = "in a `--config` file, or with `--set {}` of `metaplastic meta-train`"
    return [
        Group(
            "Meta-training",
            config.format("optimizer.learning_rate=0.001"),
            tuple(_sections(MetaTrainConfig, "")),
        ),
        _chosen("Rules", RULES, "rule", config.format("rule.settings.hidden=32"), ".settings."),
        _chosen(
            "Meta-objectives",
            OBJECTIVES,
            "objective",
            config.format("objective.settings.layers=all"),
            ".settings.",
        ),
        _chosen(
            "Gradient estimators",
            ESTIMATORS,
            "estimator",
            config.format("estimator.settings.pairs=16"),
            ".settings.",
        ),
        Group(
            "Evaluation",
            "as `FewShotConfig(...)` in Python, or with the options of `metaplastic evaluate`",
            (_section("evaluate", FewShotConfig, ""),),
        ),
        _chosen(
            "Baselines", BASELINES, "baseline", 'as `make_baseline("vae", beta=2.0)` in Python'
        ),
        _chosen("Studies", STUDIES, "study", "with `--set seeds=3` of `metaplastic study`"),
        _layers(),
    ]


def find(query: str) -> list[Section]:
    """Return the sections called `query` or below it; if there are none, the settings of that name.

    A setting is found by its bare name, or by its full name as in `--set`. Raises `ConfigError` if
    there is no match.
    """
    sections = [section for group in groups() for section in group.sections]
    matching = [s for s in sections if s.name == query or s.name.startswith(f"{query}.")]
    if matching:
        return matching
    results, names = [], {section.name for section in sections}
    for section in sections:
        by_name = {
            name: setting
            for setting in section.settings
            for name in (
                setting.name,
                f"{section.prefix}{setting.name}",
                f"{section.name}.{setting.name}",
            )
        }
        names |= by_name.keys()
        if query in by_name:
            results.append(section._replace(settings=(by_name[query],)))
    if not results:
        hint = nearest(query, names)
        raise ConfigError(
            f"no section or setting is called {query!r}; `metaplastic settings` lists the "
            f"sections.{hint}"
        )
    return results


def _sections(model: type[BaseModel], path: str) -> Iterator[Section]:
    """Yield a section of the model's settings, and one for each nested model."""
    yield _section(path or TOP, model, f"{path}." if path else "")
    for name, field in model.model_fields.items():
        if is_model(nested := field.annotation):
            yield from _sections(nested, f"{path}.{name}" if path else name)


def _section(name: str, model: type[BaseModel], prefix: str, entry: Any = None) -> Section:
    meaning = _first_sentence(entry or model)
    if title := getattr(entry, "title", ""):
        meaning = f"{title}. {meaning}"
    if model is AnySettings:
        meaning = f"{meaning} Its settings are not described."
    return Section(name, meaning, prefix, tuple(settings_of(model)))


def _chosen(
    title: str, registry: Registry[Any], name: str, usage: str, prefix: str | None = None
) -> Group:
    """Return a group with one section for the `Settings` of each entry of a registry."""
    full_prefix = "" if prefix is None else f"{name}{prefix}"
    return Group(
        title,
        usage,
        tuple(
            _section(f"{name}.{key}", entry.Settings, full_prefix, entry)
            for key, entry in registry.items()
        ),
    )


def _layers() -> Group:
    kinds = tuple(_section(f"model.layers.{kind}", LAYERS[kind], "") for kind in LAYERS)
    return Group(
        "Base models",
        "as `PlasticEncoder(model={...})` in Python, or in the file of `metaplastic fit --model`",
        (_section("model", ModelSpec, ""), *kinds),
    )


def _first_sentence(documented: Any) -> str:
    paragraph = " ".join((documented.__doc__ or "").partition("\n\n")[0].split())
    sentence = paragraph.partition(". ")[0].rstrip(".:")
    return f"{sentence}." if sentence else ""
