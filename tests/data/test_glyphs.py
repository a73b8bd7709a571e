"""Glyphs: drawn correctly, no digits, no character or font in both portions."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import matplotlib.font_manager
import numpy as np
import pytest

from metaplastic.data import load
from metaplastic.data.characters import candidates
from metaplastic.data.fonts import font_paths, read_fonts
from metaplastic.data.glyph_drawing import BOX, SIZE, draw_font, fit
from metaplastic.data.sources import glyphs


@pytest.fixture
def carried_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without installed fonts."""
    monkeypatch.setattr(matplotlib.font_manager, "findSystemFonts", lambda *a, **k: [])


def test_matplotlibs_fonts_alone_are_enough(carried_only: None) -> None:
    dataset = load("glyphs")
    assert dataset.shape == (SIZE, SIZE)
    assert len(dataset.group_names) >= 20
    train, validation = dataset.portion("meta-train"), dataset.portion("meta-validation")
    assert len(np.unique(train.labels)) >= 200
    assert len(np.unique(validation.labels)) >= 50
    # Enough drawings of each character for a task.
    assert np.bincount(train.labels)[np.unique(train.labels)].min() >= 8
    assert np.bincount(validation.labels)[np.unique(validation.labels)].min() >= 2


@pytest.mark.slow
def test_meta_train_and_validation_share_neither_character_nor_font() -> None:
    dataset = load("glyphs")
    train, validation = dataset.portion("meta-train"), dataset.portion("meta-validation")
    assert train.groups is not None
    assert validation.groups is not None
    assert not set(train.labels) & set(validation.labels)
    assert not set(train.groups) & set(validation.groups)
    characters = len(np.unique(train.labels)) / len(dataset.class_names)
    fonts = len(np.unique(train.groups)) / len(dataset.group_names)
    assert 0.75 <= characters <= 0.85
    assert 0.75 <= fonts <= 0.85


@pytest.mark.slow
def test_no_digit_is_a_class() -> None:
    for name in load("glyphs").class_names:
        character = unicodedata.lookup(name)
        assert unicodedata.category(character).startswith("L")
        assert "DIGIT" not in name
        assert not character.isnumeric()


def test_scripts_and_duplicates() -> None:
    names = load("glyphs").class_names
    scripts = {name.split()[0] for name in names}
    assert {"LATIN", "GREEK", "CYRILLIC"} <= scripts
    assert "LATIN CAPITAL LETTER A" in names
    for twin in ("GREEK CAPITAL LETTER ALPHA", "CYRILLIC CAPITAL LETTER A"):
        assert twin not in names
    assert "CYRILLIC CAPITAL LETTER ZE" not in names  # drawn like the digit 3


def test_drawings_are_centred_filled_and_not_blank() -> None:
    images = load("glyphs").train.inputs
    assert images.dtype == np.uint8
    ink = images > 0
    assert ink.reshape(len(images), -1).any(1).all()
    assert (images.reshape(len(images), -1).max(1) > 100).all()
    for axis in (1, 2):
        lines = ink.any(axis)
        first, last = lines.argmax(1), SIZE - 1 - lines[:, ::-1].argmax(1)
        assert (last - first + 1 <= BOX).all()
        assert (np.abs(first + last - (SIZE - 1)) <= 2).all()
    assert not ink[:, 0].any()  # nothing touches the edge
    assert not ink[:, :, -1].any()


def test_a_character_that_a_font_lacks_is_left_out_not_drawn_as_a_box() -> None:
    font = next(font for font in read_fonts(font_paths()) if font.name == "cmr10")
    images, there = draw_font(font, ["A", "Ж", "Ω", "b"])
    assert there.tolist() == [True, False, False, True]
    assert not images[1].any()


def test_symbol_and_last_resort_fonts_are_left_out() -> None:
    stems = {font.path.stem for font in read_fonts(font_paths())}
    assert {"DejaVuSans", "STIXGeneral", "cmr10"} <= stems
    assert not stems & {"LastResortHE-Regular", "cmex10", "cmsy10", "STIXNonUni"}
    assert not {stem for stem in stems if stem.startswith(("STIXSiz", "DejaVuSansDisplay"))}


@pytest.mark.slow
def test_order_of_the_file_system_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, carried_only: None
) -> None:
    before = load("glyphs")
    carried = [font.path for font in read_fonts(font_paths())]
    copies = []
    for number, path in enumerate(carried):
        copy = tmp_path / f"{number % 3}" / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
        copies.append(str(copy))
    random.Random(0).shuffle(copies)
    monkeypatch.setattr(matplotlib.font_manager, "findSystemFonts", lambda *a, **k: copies)
    monkeypatch.setenv("METAPLASTIC_CACHE", str(tmp_path / "cache"))
    after = load("glyphs")
    assert after.class_names == before.class_names
    assert after.group_names == before.group_names
    for split in ("train", "test"):
        np.testing.assert_array_equal(after.splits[split].inputs, before.splits[split].inputs)
        np.testing.assert_array_equal(after.splits[split].labels, before.splits[split].labels)


def test_a_damaged_font_is_skipped(tmp_path: Path) -> None:
    bad = tmp_path / "bad.ttf"
    bad.write_bytes(font_paths()[0].read_bytes()[:2000])
    assert read_fonts([bad]) == []


def test_candidates_hold_no_digit_and_no_marked_letter() -> None:
    assert not any(character.isnumeric() for character in candidates())
    assert "é" not in candidates()
    assert len(set(candidates())) == len(candidates())


def test_duplicates_are_detected() -> None:
    rng = np.random.default_rng(0)
    shapes = (rng.random((5, SIZE, SIZE)) > 0.8).astype(np.uint8) * 255
    shapes = shapes.repeat(4, 1).repeat(4, 2)[:, :SIZE, :SIZE]
    images = np.stack([np.roll(shapes, 2, 0) * 0 + shapes for _ in range(3)])
    images[:, 3] = images[:, 1]
    there = np.ones((3, 5), bool)
    assert glyphs.distinct_classes(images, there) == [0, 1, 2, 4]
    assert glyphs.distinct_fonts(images, there) == [0]


def test_fitting() -> None:
    assert fit(np.zeros((10, 10), np.uint8)) is None
    bar = np.zeros((60, 60), np.uint8)
    bar[5:55, 30:40] = 255
    image = fit(bar)
    assert image is not None
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    assert len(rows) == BOX
    assert len(columns) == round(BOX / 5)
