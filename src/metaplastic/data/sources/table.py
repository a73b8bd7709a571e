"""table:NAME — the file tables/NAME.npz in the data directory, as used by study `domains`."""

from __future__ import annotations

from metaplastic.data.arrays import holdout
from metaplastic.data.dataset import Card, Dataset, Portion, Role, Split
from metaplastic.data.domains import known_sets
from metaplastic.data.source import Request, Source
from metaplastic.data.table_files import FOLDER, find_table, read_table

CARD = Card(
    name="table",
    title="a table in the data directory",
    kind="vector",
    origin=f"a file {FOLDER}/NAME.npz in the data directory",
    licence="that of the table",
    citation="none",
    role="user",
    summary="arrays X and y; meta-train or held out if study domains lists its name",
)
_ROLES: dict[str, Role] = {"meta-train": "meta-train", "report": "held-out"}


def _load(request: Request) -> Dataset:
    name = request.rest
    table = read_table(find_table(name, request.roots))
    known = known_sets().get(name)
    role: Role = "user" if known is None else _ROLES[known.role]
    splits, notes = holdout(Split(table.x, table.y.astype("int32")))
    return Dataset(
        Card(
            name=f"table:{name}",
            title=name,
            kind="vector",
            origin=f"{FOLDER}/{name}.npz",
            licence=CARD.licence,
            citation="none",
            role=role,
            summary="" if known is None else known.kind,
        ),
        splits,
        tuple(str(c) for c in range(int(table.y.max()) + 1)),
        table.x.shape[1:],
        notes=notes,
        portions={"meta-train": (Portion("train"),), "meta-validation": (Portion("test"),)},
    )


SOURCE = Source(CARD, _load, is_scheme=True, example="table:NAME")
