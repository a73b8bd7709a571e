"""folder:PATH — images, a folder per class; the folder may be packed as zip or tar."""

from __future__ import annotations

from metaplastic.data.arrays import holdout, user_card, user_dataset
from metaplastic.data.cache import Parsed, cached, make_key
from metaplastic.data.dataset import Card, Dataset, Split, name_array
from metaplastic.data.layout import read_layout
from metaplastic.data.locate import user_path
from metaplastic.data.parsers.images import collect, is_image
from metaplastic.data.parsers.tree import Tree, open_tree
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError

CARD = Card(
    name="folder",
    title="images, a folder per class",
    kind="image",
    origin="the user's directory, zip or tar file",
    licence="the user's",
    citation="none",
    role="user",
    summary="PATH/CLASS/*.png, or PATH/train/CLASS/… and PATH/test/CLASS/…; JPEG, PNG, BMP, GIF, "
    "WebP; @SIZE cuts to the central square and resizes",
)


def _load(request: Request) -> Dataset:
    path = user_path(request.rest)
    mode = request.options.get("mode")
    if mode not in (None, "grey", "colour"):
        raise DataError(f"folder: mode {mode!r}; it is grey or colour")
    request.progress("listing files", 0, None)
    tree = open_tree(path)
    key = make_key(["folder", tree.fingerprint, path.resolve(), request.size, mode])
    parsed = cached("folder", key, lambda: _parse(tree, request, mode))
    card = user_card(f"folder:{path}", "image", str(path))
    return user_dataset(card, parsed.splits, parsed.class_names, parsed.notes)


def _parse(tree: Tree, request: Request, mode: str | None) -> Parsed:
    layout = read_layout(tree.names, is_image, str(tree.path), "images")
    # One array over all splits, so that all are grey or all in colour.
    names = [name for files in layout.files.values() for name in files]
    slots = {name: index for index, name in enumerate(names)}
    images = collect(
        tree.read(slots),
        slots,
        f"folder:{request.rest}",
        str(tree.path),
        request.size,
        mode,
        request.progress,
    )
    splits: dict[str, Split] = {}
    start = 0
    for split, files in layout.files.items():
        part = images[start : start + len(files)]
        splits[split] = Split(part, layout.labels[split], names=name_array(files))
        start += len(files)
    notes = layout.notes
    if "test" not in splits:
        splits, more = holdout(splits["train"])
        notes += more
    return Parsed(splits, layout.class_names, (), notes)


SOURCE = Source(CARD, _load, is_scheme=True, options=("mode",), example="folder:PATH@32?mode=grey")
