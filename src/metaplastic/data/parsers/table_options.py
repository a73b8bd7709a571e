"""Options for reading a table, as given to `fit`, `transform` and in `csv:` addresses."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass

from metaplastic.errors import DataError

KEYS = ("label", "missing", "header", "index", "drop", "delimiter", "decimal", "encoding")
_TEXT_ONLY = ("header", "delimiter", "decimal", "encoding")
_DELIMITERS = {"tab": "\t", "\\t": "\t", "space": " "}


@dataclass(frozen=True)
class TableOptions:
    """Options for reading a table; None, or an empty text, leaves the choice to the reader.

    label: the column of labels. missing: "blank" if only blank cells are missing labels, "auto" if
    the usual markers, such as "NA", are too. header: "yes", "no" or "auto". index: "auto", "keep",
    or a column that names the rows. drop: columns to leave out, comma-separated. Columns are given
    by name, or by number from 0 if there is no header. delimiter, decimal: one character each.
    encoding: of the text, by its name in Python. expected: the names of the columns that a model
    was fitted on; a file with other columns is refused before its cells are read.
    """

    label: str | None = None
    missing: str | None = None
    header: str | None = None
    index: str | None = None
    drop: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    expected: tuple[str, ...] | None = None

    @property
    def index_column(self) -> str | None:
        """The column given as `index`, if it is one."""
        return None if self.index in (None, "", "auto", "keep") else self.index

    def columns_named(self) -> set[str]:
        """Return the columns that the options give by name."""
        index = {self.index} - {"auto", "keep"}
        dropped = {self.drop, *(self.drop or "").split(",")}
        return {name.strip() for name in {self.label} | index | dropped if name and name.strip()}

    def refuse_for_binary(self, where: str) -> None:
        """Raise DataError if an option for text files is given for another kind of file."""
        for key in _TEXT_ONLY:
            if getattr(self, key) is not None:
                raise DataError(f"{where}: the option {key} is for tables of text, not this file")


def table_options(given: Mapping[str, str | None], where: str) -> TableOptions:
    """Make options from texts. Raises DataError for a value that is not allowed."""
    options = {key: given.get(key) for key in KEYS}
    if options["header"] not in (None, "auto", "yes", "no"):
        raise DataError(f"{where}: header {options['header']!r}; it must be auto, yes or no")
    if options["missing"] not in (None, "auto", "blank"):
        raise DataError(f"{where}: missing {options['missing']!r}; it must be auto or blank")
    delimiter = options["delimiter"]
    if delimiter is not None:
        delimiter = options["delimiter"] = _DELIMITERS.get(delimiter, delimiter)
        if len(delimiter) != 1 or delimiter in "\n\r\"'.+-" or delimiter.isalnum():
            raise DataError(
                f"{where}: delimiter {delimiter!r}; it must be one character that is not part of "
                "a number, or 'tab', or 'space'"
            )
    if options["decimal"] not in (None, ".", ","):
        raise DataError(f"{where}: decimal {options['decimal']!r}; it must be '.' or ','")
    if options["encoding"] is not None:
        options["encoding"] = _encoding(options["encoding"], where)
    return TableOptions(**options)  # pyright: ignore[reportArgumentType] (no key is `expected`)


def _encoding(name: str, where: str) -> str:
    try:
        "".encode(name)  # unlike codecs.lookup, this refuses codecs that are not for text
        known = codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise DataError(
            f"{where}: unknown encoding {name[:40]!r}; for example utf-8, utf-16, cp1252 or latin-1"
        ) from error
    return "utf-8-sig" if known == "utf-8" else known
