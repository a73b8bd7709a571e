"""Ways to damage a file: as bytes, as JSON, and as arrays and metadata with a digest that fits."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

Mutate = Callable[[bytes, Random], bytes]

_NUMBERS = [0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
_TEXTS = [b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b"\0", b"\xff", b"\xef\xbb\xbf"]
_WIDE = [b"[" * 3000, b'{"a":' * 3000, b"9" * 5000, b"1e999", b"NaN", b"\\ud800", b" " * 10_000]


def raw(data: bytes, rng: Random) -> bytes:
    """Bits flipped, cut short, pieces inserted, dropped, repeated, swapped; one to three times."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len(found) + 1)
        length = rng.choice([1, 2, 4, 8, 64, 512])
        match rng.randrange(10):
            case 0 | 1 if found:
                at = min(at, len(found) - 1)
                found[at] ^= 1 << rng.randrange(8)
            case 2:
                del found[at:]
            case 3:
                found[at:at] = rng.randbytes(length)
            case 4:
                del found[at : at + length]
            case 5:
                found[at:at] = found[at : at + length]
            case 6:
                other = rng.randrange(len(found) + 1)
                one, two = found[at : at + length], found[other : other + length]
                if len(one) == len(two):
                    found[at : at + length], found[other : other + length] = two, one
            case 7:  # lengths and offsets stand at the beginning
                at = rng.choice([0, 0, at])
                number = rng.choice([*_NUMBERS, len(data), max(0, len(data) - 8)])
                found[at : at + 8] = number.to_bytes(8, rng.choice(["little", "big"]))
            case 8:
                found[at:at] = rng.choice(_TEXTS)
            case _:
                found[at:at] = rng.choice(_WIDE)
    return bytes(found)


class _Text(str):
    """A piece of JSON that stands as it is written, valid or not."""


_ODD: list[Any] = [
    None, True, False, 0, 1, -1, 0.5, "", "x", "\ud800", "a\nb\x1b[31m", [], {}, [[]], [None],
    {"": None}, "x" * 5000, 2**63, -(2**63), 2**64, 1e308, 5e-324,
    _Text("9" * 5000), _Text("-" + "9" * 400), _Text("1e999"), _Text("NaN"), _Text("-Infinity"),
    _Text("[" * 3000 + "]" * 3000), _Text('{"a":' * 200 + "1" + "}" * 200),
    _Text("[" * 60 + "]" * 60), _Text("1.0"), _Text("1e2"), _Text("nul"),
]  # fmt: skip


def _odd(rng: Random) -> Any:
    """Draw an odd value; a copy, since later changes are made in place."""
    return copy.deepcopy(rng.choice(_ODD))


def _dump(tree: Any) -> str:
    if isinstance(tree, _Text):
        return str(tree)
    if isinstance(tree, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{_dump(v)}" for k, v in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(_dump, tree)) + "]"
    return json.dumps(tree)


def _holders(tree: Any) -> list[Any]:
    """Every list and object that holds something."""
    found, left = [], [tree]
    while left:
        holder = left.pop()
        if isinstance(holder, (dict, list)) and holder:
            found.append(holder)
            left += holder.values() if isinstance(holder, dict) else holder
    return found


def change(tree: Any, rng: Random) -> Any:
    """A JSON value with one or two of its parts replaced, renamed, moved or left out, in place."""
    for _ in range(rng.choice([1, 1, 2])):
        holders = _holders(tree)
        if not holders:
            return _odd(rng)
        holder = rng.choice(holders)
        key: Any = rng.choice([*holder] if isinstance(holder, dict) else range(len(holder)))
        match rng.randrange(8):
            case 0:
                del holder[key]
            case 1:
                other = rng.choice(holders)
                part = rng.choice([*other.values()] if isinstance(other, dict) else other)
                holder[key] = json.loads(_dump(part)) if not _holds_text(part) else None
            case 2 if isinstance(holder, dict):
                holder[rng.choice(["", "x", "\ud800", key + "_", "9" * 30])] = holder.pop(key)
            case 2 if isinstance(holder, list):
                holder.append(_odd(rng))
            case 3 if isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
                holder[key] = rng.choice([-holder[key], float(holder[key]), str(holder[key])])
            case 4:
                holder[key] = [holder[key]]
            case _:
                holder[key] = _odd(rng)
    return tree


def _holds_text(tree: Any) -> bool:
    if isinstance(tree, dict):
        return any(map(_holds_text, tree.values()))
    return isinstance(tree, _Text) or (isinstance(tree, list) and any(map(_holds_text, tree)))


def as_json(data: bytes, rng: Random) -> bytes:
    """A JSON file with parts replaced; still JSON, most often."""
    return _dump(change(json.loads(data), rng)).encode("utf-8", "surrogatepass")


def as_json_lines(data: bytes, rng: Random) -> bytes:
    """A file of JSON lines with one of them replaced, repeated or moved."""
    lines = data.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            lines.insert(rng.randrange(len(lines)), lines[at])
        case 1:
            rng.shuffle(lines)
        case _:
            lines[at] = as_json(lines[at], rng) + b"\n"
    return b"".join(lines)


Arrays = dict[str, np.ndarray]


def arrays_and_metadata(
    arrays: Arrays, metadata: dict[str, str], rng: Random
) -> tuple[Arrays, dict[str, str]]:
    """One of the arrays, or of the metadata, changed."""
    arrays, metadata = dict(arrays), dict(metadata)
    if rng.random() < 0.4:
        name = rng.choice([*arrays])
        array = arrays.pop(name)
        match rng.randrange(7):
            case 0:
                pass
            case 1:
                arrays[name + "x"] = array
            case 2:
                kind = rng.choice([np.float16, np.float64, np.int64, np.int32, np.uint8, np.bool_])
                arrays[name] = array.astype(kind)
            case 3:
                arrays[name] = array.reshape(rng.choice([(-1,), (1, *array.shape)]))
            case 4:
                arrays[name] = np.concatenate([array.reshape(-1), array.reshape(-1)])
            case 5:
                arrays[name] = np.zeros((0, *array.shape[1:]), array.dtype)
            case _:
                changed = array.copy().reshape(-1)
                if changed.size:
                    with np.errstate(all="ignore"):
                        value = np.array([np.nan, np.inf, 1e38, -1e38, 0.0])[rng.randrange(5)]
                        if changed.dtype.kind != "f":
                            value = rng.choice([0, 1, 100])
                        changed[rng.randrange(changed.size)] = value
                arrays[name] = changed.reshape(array.shape)
        return arrays, metadata
    key = rng.choice([*metadata])
    value = metadata.pop(key)
    match rng.randrange(6):
        case 0:
            pass
        case 1:
            metadata[key + "x"] = value
        case 2:
            text = raw(value.encode(), rng).decode("utf-8", "replace")
            metadata[key] = text
        case _:
            try:
                metadata[key] = as_json(value.encode(), rng).decode("utf-8", "replace")
            except ValueError:
                metadata[key] = rng.choice(["", "0", "-1", "9" * 5000, "²", "1.0", "true", "\0"])
    return arrays, metadata
