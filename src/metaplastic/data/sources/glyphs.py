"""Characters drawn from the installed fonts: a source of tasks that needs no download."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.cache import Parsed, cached, make_key
from metaplastic.data.characters import candidates, class_name
from metaplastic.data.dataset import Card, Dataset, Portion, Split
from metaplastic.data.fonts import Font, fingerprint, font_paths, read_fonts
from metaplastic.data.glyph_drawing import SIZE, draw_font
from metaplastic.data.portions import divide, shuffled
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError

VERSION = "2"
MIN_FONTS = 12  # minimum number of drawings of a class
MIN_TEST = 2  # minimum number of them in the fonts of the test split
DIGITS = "0123456789"
MAX_FONTS = 300
ALIKE = 0.9  # cosine similarity above which two classes count as the same

CARD = Card(
    name="glyphs",
    title="Characters drawn from fonts",
    kind="image",
    origin="drawn here from the fonts shipped with matplotlib and those installed",
    licence="drawings; DejaVu, STIX and Computer Modern fonts under their own free licences",
    citation="metaplastic; fonts by their authors",
    role="meta-train",
    summary=(
        "grey 28×28 letters of many scripts; a class is a character, a group a font; no digits, as "
        "digits and MNIST are held out. The test split has different fonts from the train split; "
        "meta-training and meta-validation share neither characters nor fonts"
    ),
)


def _load(request: Request) -> Dataset:
    paths = font_paths()
    key = make_key(["glyphs", VERSION, fingerprint(paths), "".join(candidates())])
    parsed = cached(CARD.name, key, lambda: _draw_all(request, read_fonts(paths)))
    train, validation = divide(parsed.class_names, "glyphs/characters", (0.8, 0.2))
    portions = {
        "meta-train": (Portion("train", classes=train),),
        "meta-validation": (Portion("test", classes=validation),),
    }
    return Dataset(
        CARD,
        parsed.splits,
        parsed.class_names,
        (SIZE, SIZE),
        parsed.group_names,
        parsed.notes,
        portions,
    )


def _draw_all(request: Request, fonts: list[Font]) -> Parsed:
    if len(fonts) > MAX_FONTS:
        chosen = set(shuffled([font.name for font in fonts], "glyphs/too-many-fonts")[:MAX_FONTS])
        fonts = [font for font in fonts if font.name in chosen]
    characters = [*DIGITS, *candidates()]
    images = np.zeros((len(fonts), len(characters), SIZE, SIZE), np.uint8)
    present = np.zeros((len(fonts), len(characters)), bool)
    for index, font in enumerate(fonts):
        images[index], present[index] = draw_font(font, characters)
        request.progress("drawing fonts", index + 1, len(fonts))
    keep = distinct_fonts(images, present)
    fonts = [fonts[i] for i in keep]
    images, present = images[keep], present[keep]
    in_train = _train_fonts(fonts)
    enough = (present.sum(0) >= MIN_FONTS) & (present[~in_train].sum(0) >= MIN_TEST)
    common = np.flatnonzero(enough)
    if len(fonts) < MIN_FONTS or common.size < 20:
        raise DataError(
            f"glyphs: {len(fonts)} usable fonts found, at least {MIN_FONTS} are needed; "
            "reinstall matplotlib, which ships enough, or install fonts"
        )
    characters = [characters[i] for i in common]
    images, present = images[:, common], present[:, common]
    # Digits come first, so that letters drawn like one are left out; then digits are removed.
    classes = [i for i in distinct_classes(images, present) if characters[i] not in DIGITS]
    characters = [characters[i] for i in classes]
    images, present = images[:, classes], present[:, classes]
    return _to_splits(fonts, characters, images, present, in_train)


def _train_fonts(fonts: list[Font]) -> NDArray[np.bool_]:
    train, _ = divide([font.name for font in fonts], "glyphs/fonts", (0.8, 0.2))
    return np.array([font.name in train for font in fonts], bool)


def distinct_fonts(images: NDArray[np.uint8], present: NDArray[np.bool_]) -> list[int]:
    """Return the fonts (axis 0) that draw something and do not duplicate an earlier font."""
    similar = np.zeros((len(images), len(images)))
    flat = _unit(images)
    both = present.astype(np.float32) @ present.T.astype(np.float32)
    for a in range(len(images)):
        similar[a] = np.einsum("cp,fcp->f", flat[a], flat) / np.maximum(both[a], 1)
    keep: list[int] = []
    for index in range(len(images)):
        if present[index].any() and all(similar[index, other] < 0.995 for other in keep):
            keep.append(index)
    return keep


def distinct_classes(images: NDArray[np.uint8], present: NDArray[np.bool_]) -> list[int]:
    """Return the classes (axis 1) that resemble no earlier one, over the fonts they share."""
    count = images.shape[1]
    similar = np.zeros((count, count), np.float32)
    both = present.T.astype(np.float32) @ present.astype(np.float32)
    for index in range(len(images)):
        flat = _unit(images[index : index + 1])[0]
        similar += flat @ flat.T
    similar /= np.maximum(both, 1)
    keep: list[int] = []
    for index in range(count):
        if all(similar[index, other] < ALIKE for other in keep):
            keep.append(index)
    return keep


def _unit(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert drawings to unit vectors at half resolution, at which small shifts matter less."""
    halves = images.reshape(*images.shape[:2], SIZE // 2, 2, SIZE // 2, 2)
    flat = halves.mean((3, 5), dtype=np.float32).reshape(*images.shape[:2], -1)
    return flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-6)


def _to_splits(
    fonts: list[Font],
    characters: list[str],
    images: NDArray[np.uint8],
    present: NDArray[np.bool_],
    in_train: NDArray[np.bool_],
) -> Parsed:
    names = tuple(font.name for font in fonts)
    splits: dict[str, Split] = {}
    for split, rows in (("train", in_train), ("test", ~in_train)):
        font, character = np.nonzero(present & rows[:, None])
        order = np.lexsort((font, character))
        font, character = font[order], character[order]
        splits[split] = Split(
            images[font, character], character.astype(np.int32), font.astype(np.int32)
        )
    return Parsed(splits, tuple(class_name(c) for c in characters), names)


SOURCE = Source(CARD, _load)
