"""Write every setting of every typed model into reference/settings.md when Sphinx reads it."""

from __future__ import annotations

from metaplastic.catalogue import Section, groups

MARK = "<!-- settings -->"


def tables() -> str:
    """Return one Markdown table per section."""
    lines: list[str] = []
    for group in groups():
        lines += [f"## {group.title}", "", f"Given {group.usage}.", ""]
        for section in group.sections:
            lines += [f"### {section.name}", "", section.meaning, "", *_rows(section), ""]
    return "\n".join(lines)


def _rows(section: Section) -> list[str]:
    if not section.settings:
        return ["No settings."]
    head = ["| name | type | default | allowed | meaning |", "|---|---|---|---|---|"]
    return head + [
        f"| `{section.prefix}{setting.name}` | {_cell(setting.kind.one.removeprefix('a '))} | "
        f"{'required' if setting.default is None else f'`{_cell(setting.default)}`'} | "
        f"{_cell(setting.kind.allowed)} | {_cell(setting.meaning)} |"
        for setting in section.settings
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def fill(app: object, name: str, source: list[str]) -> None:
    """Sphinx `source-read` handler: insert the tables at the mark."""
    del app
    if name == "reference/settings":
        source[0] = source[0].replace(MARK, tables())
