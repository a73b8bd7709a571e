"""Decode the images of a set to one array."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.parsers.images import Picture, Reading, decode
from metaplastic.data.parsers.pixel_range import Extremes, PixelRange, to_bytes
from metaplastic.errors import DataError
from metaplastic.progress import Progress

Files = Callable[[], Iterable[tuple[str, bytes]]]


class Collector:
    """Collects images in one array, which is grey until the first colour image.

    Memory is that of the result; pages that are not yet written cost none.
    """

    def __init__(self, count: int, address: str) -> None:
        self._count, self._address = count, address
        self._array: NDArray[np.uint8] | None = None
        self._colour = False
        self._first = ""

    def put(self, index: int, image: NDArray[np.uint8], where: str) -> None:
        """Store an image, uint8 (h, w) or (h, w, 3). Raises DataError if its size differs."""
        if self._array is None:
            self._colour = image.ndim == 3
            self._array = self._zeros(image.shape)
            self._first = where
        if image.shape[:2] != self._array.shape[1:3]:
            a, b = image.shape[:2], self._array.shape[1:3]
            raise DataError(
                f"{where} has {a[0]}x{a[1]} pixels, {self._first} {b[0]}x{b[1]}; "
                f"give one resolution for all, for instance {self._address}@32"
            )
        if image.ndim == 3 and not self._colour:
            colour = self._zeros((*self._array.shape[1:], 3))
            colour[...] = self._array[..., None]
            self._array, self._colour = colour, True
        self._array[index] = image if image.ndim == 3 or not self._colour else image[..., None]

    def _zeros(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        try:
            return np.zeros((self._count, *shape), np.uint8)
        except MemoryError as error:
            gigabytes = self._count * float(np.prod(shape)) / 1e9
            raise DataError(
                f"{self._count} images of {shape[0]}x{shape[1]} pixels take {gigabytes:.1f} GB, "
                f"more memory than is available; give a resolution, for instance {self._address}@32"
            ) from error

    def result(self) -> NDArray[np.uint8]:
        assert self._array is not None
        return self._array


def read_images(
    files: Files,
    slots: dict[str, int],
    address: str,
    prefix: str,
    reading: Reading,
    progress: Progress,
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Decode files into the slots given for their names: (n, h, w) or (n, h, w, 3), and notes.

    files: yields (name, bytes) of every slot each time it is called. Images with more than 8 bits
    per channel need a second pass, as their range is known only after all images have been read.
    address: the set's address, for errors. Raises DataError for an image that cannot be read.
    """
    if not slots:
        raise DataError(f"{prefix}: holds no images")
    counts = _Counts()
    collector: Collector | None = Collector(len(slots), address)
    given = None if reading.value_range is None else PixelRange(*reading.value_range)
    for name, where, picture in _pictures(files, slots, prefix, reading, progress, "reading"):
        counts.add(name, picture)
        if picture.deep and given is None:
            collector = None  # from here on, this pass only collects the range
        if collector is not None:
            collector.put(slots[name], to_bytes(picture, reading, given or _BYTES), where)
    pixel_range = given or counts.extremes.range()
    if collector is None:
        collector = Collector(len(slots), address)
        again = _pictures(files, slots, prefix, reading, progress, "scaling")
        for name, where, picture in again:
            collector.put(slots[name], to_bytes(picture, reading, pixel_range), where)
    return collector.result(), counts.notes(len(slots), reading, pixel_range)


_BYTES = PixelRange(0, 255)


def _pictures(
    files: Files,
    slots: dict[str, int],
    prefix: str,
    reading: Reading,
    progress: Progress,
    doing: str,
) -> Iterable[tuple[str, str, Picture]]:
    done = 0
    for name, data in files():
        where = f"{prefix}/{name}"
        yield name, where, decode(data, where, reading)
        done += 1
        if done % 500 == 0 or done == len(slots):
            progress(f"{doing} images", done, len(slots))
    if done != len(slots):
        raise DataError(
            f"{prefix}: {done} of {len(slots)} images could be read; it changed while it was read"
        )


@dataclass
class _Counts:
    """The names of the images that a set's notes count."""

    deep: list[str] = field(default_factory=list)
    see_through: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    first_of_several: list[str] = field(default_factory=list)
    upper_bits_only: list[str] = field(default_factory=list)
    bad_exif: list[str] = field(default_factory=list)
    extremes: Extremes = field(default_factory=Extremes)

    def add(self, name: str, picture: Picture) -> None:
        for one in fields(self):
            if one.name != "extremes" and getattr(picture, one.name):
                getattr(self, one.name).append(name)
        if picture.deep:
            self.extremes.add(picture)

    def notes(self, total: int, reading: Reading, pixel_range: PixelRange) -> tuple[str, ...]:
        notes: list[str] = []
        if self.deep:
            notes.append(self._deep_note(total, reading, pixel_range))
        for names, text in (
            (self.see_through, f"with transparent pixels, shown on {_tone(reading.background)}"),
            (self.turned, "rotated according to their EXIF orientation"),
            (self.first_of_several, "in files with several; the first of each is used"),
            (
                self.upper_bits_only,
                "of more than 8 bits per channel, read by their upper 8 bits",
            ),
            (self.bad_exif, "with damaged EXIF data, assumed to be upright"),
        ):
            if names:
                notes.append(f"{_images(len(names))} {text} (for example {min(names)})")
        return tuple(notes)

    def _deep_note(self, total: int, reading: Reading, pixel_range: PixelRange) -> str:
        note = f"{_images(len(self.deep))} of more than 8 bits per channel: "
        seen = PixelRange(self.extremes.low, self.extremes.high)
        if reading.value_range is not None:
            note += f"values of {pixel_range} become 0 to 255, as given in the address"
            if seen.low < pixel_range.low or seen.high > pixel_range.high:
                note += f"; theirs run from {seen}, and are clipped"
        elif pixel_range == _BYTES:
            note += "their values lie within 0 to 255 and are kept"
        else:
            note += (
                f"values of {pixel_range}, the set's own range, become 0 to 255; "
                f"range={pixel_range.low:.10g},{pixel_range.high:.10g} in the address applies "
                "it to other data"
            )
        if len(self.deep) < total:
            note += f"; {_images(total - len(self.deep))} of 8 bits unchanged"
        return note


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"


def _tone(value: int) -> str:
    return {0: "black", 255: "white"}.get(value, f"grey {value}")
