"""Rule files: θ, its shape and its card in one safetensors file, format version 1.

Arrays are named by the path of the rule's fields. Metadata, all strings: `format`,
`format_version`, `rule` (its name in the registry), `settings` and `card` (JSON), `package_version`
and `jax_version` of the writer, `sha256` over everything else. Files of rules defined outside
metaplastic also hold `home` (JSON): the `module` of the class and, if it was installed, `package`
and `version`. Reading a file never imports a module that it names.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from importlib.resources import files
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from metaplastic import plugins
from metaplastic._version import __version__
from metaplastic.errors import RuleFileError
from metaplastic.files import decode_json, show
from metaplastic.hub import container, remote
from metaplastic.hub.card import RuleCard, card_markdown
from metaplastic.hub.container import Contents
from metaplastic.hub.pytrees import arrays_of, fill, on_device
from metaplastic.rules import RULES, Rule

FORMAT = "metaplastic-rule"
FORMAT_VERSION = 1
SUFFIX = ".safetensors"
SIZE_LIMIT = 64 * 2**20


def rule_metadata(rule: Rule) -> dict[str, str]:
    """Return the metadata, as strings, that is needed besides the arrays to rebuild a rule."""
    home = plugins.home_of(type(rule))
    return {
        **({"home": json.dumps(home, sort_keys=True)} if home else {}),
        "rule": rule.name,
        "settings": json.dumps(rule.settings, sort_keys=True),
        "package_version": __version__,
        "jax_version": jax.__version__,
    }


def build_rule(
    arrays: dict[str, NDArray[np.generic]],
    metadata: dict[str, str],
    where: str,
    copy: Callable[[NDArray[np.generic]], Any] = on_device,
) -> Rule:
    """Build a rule from its arrays (each passed through `copy`) and `rule_metadata`.

    Raises `RuleFileError` if they are inconsistent.
    """
    name = metadata.get("rule", "")
    if name not in RULES:
        raise RuleFileError(
            f"{where}: holds a rule of kind {container.shown(name)}{_import_hint(metadata)}"
        )
    _warn_of_namesake(RULES.get(name), metadata, where)
    jax.devices()  # start JAX outside the try: its failures are not the file's fault
    try:
        settings = decode_json(metadata.get("settings", ""))
        if not isinstance(settings, dict):
            raise TypeError("settings are not an object")
        skeleton = _skeleton(name, settings)
    except Exception as problem:
        line = " ".join(str(problem).split())[:200]
        raise RuleFileError(
            f"{where}: rule {name!r} does not take the settings in the file ({line})"
        ) from None

    return fill(skeleton, arrays, where, RuleFileError, copy)


def _skeleton(name: str, settings: dict[str, Any]) -> Rule:
    # shapes only, so that settings of huge arrays cost nothing
    with jax.enable_x64(False):
        return eqx.filter_eval_shape(lambda: RULES[name].create(jax.random.key(0), **settings))


def _origin(metadata: dict[str, str]) -> dict[str, str]:
    """Return where a rule from outside metaplastic was defined, as its file states; else empty."""
    try:
        home = decode_json(metadata["home"])
        return {key: str(home[key]) for key in ("module", "package", "version") if key in home}
    except (KeyError, ValueError, TypeError):
        return {}


def _import_hint(metadata: dict[str, str]) -> str:
    """Describe what to import for an unknown rule. Users decide whether to trust it: modules named
    in a file are shown, never imported."""
    home = _origin(metadata)
    if not home:
        return f"; this version knows: {', '.join(RULES)}"
    module = container.shown(home.get("module", "?"))
    if "package" not in home:
        return f", of module {module}: if you trust it, give its file with --import"
    package = container.shown(f"{home['package']} {home.get('version', '')}".strip())
    return f", of module {module} in package {package}: if you trust it, install the package"


def _warn_of_namesake(kind: type[Rule], metadata: dict[str, str], where: str) -> None:
    home = _origin(metadata)
    tops = {module.partition(".")[0] for module in (kind.__module__, home.get("module", ""))}
    if home and len(tops) > 1:
        warnings.warn(
            f"{where}: the rule was defined in module {container.shown(home.get('module'))}, but "
            f"is read as the rule of that name in {kind.__module__}",
            stacklevel=3,
        )


def save_rule(rule: Rule, path: str | PathLike[str], card: RuleCard | None = None) -> None:
    """Write a rule file atomically. Raises `RuleFileError` if it cannot be written."""
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        **rule_metadata(rule),
        "card": (card or RuleCard()).model_dump_json(),
    }
    container.write(Path(fspath(path)), arrays_of(rule), metadata, RuleFileError)


def load_rule(name_or_path: str | PathLike[str]) -> Rule:
    """Load a rule by path, by the name of a shipped rule ("default"), or from "hf://owner/name".

    Raises `RuleFileError` if there is no such rule, or if the file is damaged, has another format
    or a newer version, or holds a rule that this version cannot build.
    """
    contents, where = _contents(name_or_path)
    return build_rule(contents.arrays, contents.metadata, where)


def load_card(name_or_path: str | PathLike[str]) -> RuleCard:
    """Load the card of a rule file, with the same addresses and errors as `load_rule`."""
    contents, where = _contents(name_or_path)
    return _card(contents, where)


def rule_page(name_or_path: str | PathLike[str], title: str | None = None) -> str:
    """Format the card of a rule file as Markdown, with the rule's kind, size and settings.

    `title` is the name by which the page refers to the rule and loads it; by default the address.
    """
    contents, where = _contents(name_or_path)
    metadata = contents.metadata
    kind = metadata.get("rule", "")
    if kind in RULES:
        rule = build_rule(contents.arrays, metadata, where)
        settings = ", ".join(f"{key} = {value}" for key, value in rule.settings.items())
    else:  # unknown rules are shown with the facts in the file
        settings = show(metadata.get("settings", ""))
        kind = f"{show(kind)} (not known here{_import_hint(metadata)})"
    count = sum(array.size for array in contents.arrays.values())
    home = " ".join(show(part) for part in _origin(metadata).values())
    facts = {
        "rule": kind,
        **({"defined in": home} if home else {}),
        "meta-parameters": f"{count:,}",
        "settings": settings,
        "written by": f"metaplastic {metadata.get('package_version', '?')}, "
        f"jax {metadata.get('jax_version', '?')}",
    }
    return card_markdown(_card(contents, where), name=title or fspath(name_or_path), facts=facts)


def shipped_rules() -> tuple[str, ...]:
    """Return the names of the rules that ship with the package."""
    folder = files("metaplastic") / "rules_shipped"
    if not folder.is_dir():
        return ()
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(n.removesuffix(SUFFIX) for n in names if n.endswith(SUFFIX)))


def _card(contents: Contents, where: str) -> RuleCard:
    try:
        return RuleCard.model_validate_json(contents.metadata.get("card", ""))
    except ValidationError:
        raise RuleFileError(f"{where}: its card cannot be read") from None


def _contents(name_or_path: str | PathLike[str]) -> tuple[Contents, str]:
    address = fspath(name_or_path)
    if not isinstance(address, str) or not address:
        raise RuleFileError(f"{address!r} is not the name or path of a rule file")
    if address in shipped_rules():
        payload = (files("metaplastic") / "rules_shipped" / (address + SUFFIX)).read_bytes()
        contents = container.parse(payload, address, RuleFileError)
    else:
        remote_rule = address.startswith(remote.SCHEME)
        path = remote.fetch(address) if remote_rule else _resolve(name_or_path, address)
        contents = container.read(path, SIZE_LIMIT, RuleFileError)
    _check_format(contents.metadata, address)
    return contents, address


def _resolve(given: str | PathLike[str], address: str) -> Path:
    path = Path(address)
    looks_like_name = isinstance(given, str) and path.name == address and not path.suffix
    if looks_like_name and not path.is_file():
        raise RuleFileError(
            f"no rule named {address!r}; shipped with this version: "
            f"{', '.join(shipped_rules()) or 'none'}; or give the path of a rule file"
        )
    return path


def _check_format(metadata: dict[str, str], where: str) -> None:
    if metadata.get("format") != FORMAT:
        given = container.shown(metadata.get("format"))
        raise RuleFileError(f"{where}: not a rule file (its format is {given})")
    version = metadata.get("format_version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 6 and int(version) >= 1):
        raise RuleFileError(
            f"{where}: its format version {container.shown(version)} is not a number"
        )
    if int(version) > FORMAT_VERSION:
        raise RuleFileError(
            f"{where}: format version {version}, but this version of metaplastic reads up to "
            f"{FORMAT_VERSION}; upgrade metaplastic"
        )
