"""Every setting there is, by section: of meta-training, of what is chosen by name, of evaluation.

Read from the typed models themselves, for the reference and the command `metaplastic settings`.
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
from metaplastic.settings import Setting, settings_of

TOP = "meta-train"  # the section of settings that stand in no table


class Section(NamedTuple):
    """Settings that stand together. `prefix` comes before their names where they are set, as in
    `optimizer.` or `rule.settings.`; `meaning` is one sentence."""

    name: str
    meaning: str
    prefix: str
    settings: tuple[Setting, ...]


class Group(NamedTuple):
    """Sections of one kind, and how their settings are given."""

    title: str
    usage: str
    sections: tuple[Section, ...]


def groups() -> list[Group]:
    """All sections, in the order of the reference. Imports every entry of every registry."""
    config = "in a file of `--config`, or by `--set {}` of `metaplastic meta-train`"
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
            "as `FewShotConfig(...)` in Python, or by the options of `metaplastic evaluate`",
            (_section("evaluate", FewShotConfig, ""),),
        ),
        _chosen(
            "Baselines", BASELINES, "baseline", 'as `make_baseline("vae", beta=2.0)` in Python'
        ),
        _chosen("Studies", STUDIES, "study", "by `--set seeds=3` of `metaplastic study`"),
        _layers(),
    ]


def find(asked: str) -> list[Section]:
    """The sections called `asked` or lying below it, else those settings that are.

    A setting may be called by its name alone, or as it is set. Raises `ConfigError` where there is
    none of that name.
    """
    sections = [section for group in groups() for section in group.sections]
    whole = [s for s in sections if s.name == asked or s.name.startswith(f"{asked}.")]
    if whole:
        return whole
    found, names = [], {section.name for section in sections}
    for section in sections:
        called = {
            name: setting
            for setting in section.settings
            for name in (
                setting.name,
                f"{section.prefix}{setting.name}",
                f"{section.name}.{setting.name}",
            )
        }
        names |= called.keys()
        if asked in called:
            found.append(section._replace(settings=(called[asked],)))
    if not found:
        hint = nearest(asked, names)
        raise ConfigError(
            f"no section and no setting is called {asked!r}; `metaplastic settings` lists the "
            f"sections.{hint}"
        )
    return found


def _sections(model: type[BaseModel], path: str) -> Iterator[Section]:
    """A model's own settings, and those of the models in it, each a section."""
    yield _section(path or TOP, model, f"{path}." if path else "")
    for name, field in model.model_fields.items():
        if is_model(below := field.annotation):
            yield from _sections(below, f"{path}.{name}" if path else name)


def _section(name: str, model: type[BaseModel] | None, prefix: str, of: Any = None) -> Section:
    meaning = _first_sentence(of or model)
    if title := getattr(of, "title", ""):
        meaning = f"{title}. {meaning}"
    if model is None:
        return Section(name, f"{meaning} Its settings are not described.", prefix, ())
    return Section(name, meaning, prefix, tuple(settings_of(model)))


def _chosen(
    title: str, registry: Registry[Any], name: str, usage: str, prefix: str | None = None
) -> Group:
    """Every entry of a registry, with its own `Settings`."""
    before = "" if prefix is None else f"{name}{prefix}"
    return Group(
        title,
        usage,
        tuple(
            _section(f"{name}.{key}", getattr(entry, "Settings", None), before, entry)
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


def _first_sentence(of: Any) -> str:
    paragraph = " ".join((of.__doc__ or "").partition("\n\n")[0].split())
    sentence = paragraph.partition(". ")[0].rstrip(".:")
    return f"{sentence}." if sentence else ""
