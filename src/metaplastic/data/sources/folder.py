"""folder:PATH — images, one folder per class, also in a zip or tar file."""

from __future__ import annotations

import math

from metaplastic.data.arrays import holdout, user_card, user_dataset
from metaplastic.data.cache import Parsed, cached, make_key
from metaplastic.data.dataset import Card, Dataset, Split, name_array
from metaplastic.data.layout import read_layout
from metaplastic.data.locate import user_path
from metaplastic.data.parsers.image_formats import is_image
from metaplastic.data.parsers.image_set import read_images
from metaplastic.data.parsers.images import Reading
from metaplastic.data.parsers.tree import Tree, open_tree
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError

CARD = Card(
    name="folder",
    title="images, one folder per class",
    kind="image",
    origin="the user's directory, zip or tar file",
    licence="the user's",
    citation="none",
    role="user",
    summary="PATH/CLASS/*.png, or PATH/train/CLASS/… and PATH/test/CLASS/…; PNG, JPEG, TIFF, WebP, "
    "GIF and others that Pillow reads; @SIZE crops to the central square and resizes",
)
VERSION = "3"  # of the parsing: when it changes, cached arrays are rebuilt
TONES = {"white": "255", "grey": "128", "gray": "128", "black": "0"}


def _load(request: Request) -> Dataset:
    from PIL import __version__ as pillow

    path = user_path(request.rest)
    reading = _reading(request)
    request.progress("listing files", 0, None)
    tree = open_tree(path)
    key = make_key(["folder", VERSION, pillow, tree.fingerprint, path.resolve(), reading])
    parsed = cached("folder", key, lambda: _parse(tree, request, reading))
    card = user_card(f"folder:{path}", "image", str(path))
    return user_dataset(card, parsed.splits, parsed.class_names, parsed.notes)


def _reading(request: Request) -> Reading:
    options = request.options
    mode = options.get("mode")
    if mode not in (None, "grey", "colour"):
        raise DataError(f"folder: mode {mode!r}; it must be grey or colour")
    background = options.get("background", "white")
    tone = TONES.get(background, background)
    if not (tone.isdecimal() and tone.isascii() and len(tone) <= 3 and int(tone) <= 255):
        raise DataError(
            f"folder: background {background!r}; it must be {', '.join(TONES)} or a number from 0 "
            "to 255"
        )
    value_range = _range(options["range"]) if "range" in options else None
    return Reading(request.size, mode, int(tone), value_range)


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise DataError(f"folder: range {text!r}; it must be two numbers, as in range=0,4095")
    return low, high


def _parse(tree: Tree, request: Request, reading: Reading) -> Parsed:
    where = str(tree.path)
    layout = read_layout(
        tree.names, is_image, where, "images", tree.empty, tree.broken, tree.hidden
    )
    # One array for all splits, so that all are grey or all in colour, with one range of values.
    names = [name for files in layout.files.values() for name in files]
    slots = {name: index for index, name in enumerate(names)}
    images, notes = read_images(
        lambda: tree.read(slots),
        slots,
        f"folder:{request.rest}",
        where,
        reading,
        request.progress,
    )
    splits: dict[str, Split] = {}
    start = 0
    for split, files in layout.files.items():
        part = images[start : start + len(files)]
        splits[split] = Split(part, layout.labels[split], names=name_array(files))
        start += len(files)
    notes = (*layout.notes, *notes)
    if "test" not in splits:
        splits, holdout_notes = holdout(splits["train"])
        notes += holdout_notes
    return Parsed(splits, layout.class_names, (), notes)


SOURCE = Source(
    CARD,
    _load,
    is_scheme=True,
    options=("mode", "background", "range"),
    example="folder:PATH@32?mode=grey",
)
