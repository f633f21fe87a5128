"""Compresses bytes as raw DEFLATE (RFC 1951), identically on every machine. For contents of templates, not for speed.

zlib's output is not fixed: zlib-ng and others, which some systems use in its place, compress the same bytes
differently, so a template would depend on the machine that wrote it. This is one block with the fixed Huffman codes and
greedy matches found through three-byte prefixes. Any inflater reads it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

_SHORTEST, _LONGEST = 3, 258
_WINDOW = 32_768
_CANDIDATES = 24
"""Maximum number of earlier positions tried for a match."""

# RFC 1951, 3.2.5: the first length (or distance) of each code, and its number of extra bits.
_LENGTHS = (
    *((n, 0) for n in range(3, 11)),
    *((first + (i << extra), extra) for extra, first in enumerate((11, 19, 35, 67, 131), 1) for i in range(4)),
)
_DISTANCES = (
    *((n, 0) for n in range(1, 5)),
    *(((2 + half) * (1 << extra) + 1, extra) for extra in range(1, 14) for half in range(2)),
)


def deflate_base64(data: bytes) -> str:
    """`data` as raw DEFLATE, in Base64."""
    return base64.b64encode(deflate(data)).decode("ascii")


def deflate(data: bytes) -> bytes:
    """`data` as raw DEFLATE."""
    bits = _Bits()
    bits.add(1, 1)  # the last block
    bits.add(1, 2)  # with fixed Huffman codes
    for literal, distance in _parts(data):
        if distance:
            code, extra, more = _LENGTH_CODES[literal]
            bits.add(*_SYMBOLS[257 + code])
            bits.add(more, extra)
            code, extra, more = _distance_code(distance)
            bits.add(_reversed(code, 5), 5)
            bits.add(more, extra)
        else:
            bits.add(*_SYMBOLS[literal])
    bits.add(*_SYMBOLS[256])
    return bits.bytes()


def _parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Literals, as a byte and 0, and matches, as the length and distance of earlier bytes."""
    seen: dict[bytes, list[int]] = {}
    at, end = 0, len(data)
    while at < end:
        length, distance = _longest(data, at, seen.get(data[at : at + _SHORTEST], ()))
        yield (length, distance) if distance else (data[at], 0)
        for place in range(at, at + length):
            seen.setdefault(data[place : place + _SHORTEST], []).append(place)
        at += length


def _longest(data: bytes, at: int, places: list[int] | tuple[()]) -> tuple[int, int]:
    best, distance = _SHORTEST - 1, 0
    most = min(_LONGEST, len(data) - at)
    for place in reversed(places[-_CANDIDATES:]):
        if at - place > _WINDOW or best == most:
            break
        # It can only be longer than the best so far if it also matches there.
        if data[place : place + best + 1] != data[at : at + best + 1]:
            continue
        length = best + 1
        while length < most and data[place + length] == data[at + length]:
            length += 1
        if length <= most:
            best, distance = length, at - place
    return (best, distance) if distance else (1, 0)


class _Bits:
    """A sequence of bits, lowest first."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._value = 0
        self._count = 0

    def add(self, value: int, count: int) -> None:
        self._value |= value << self._count
        self._count += count
        while self._count >= 8:
            self._done.append(self._value & 255)
            self._value >>= 8
            self._count -= 8

    def bytes(self) -> bytes:
        return bytes(self._done) + (bytes([self._value]) if self._count else b"")


def _reversed(code: int, count: int) -> int:
    return int(format(code, f"0{count}b")[::-1], 2)


def _fixed_symbol(symbol: int) -> tuple[int, int]:
    """A code and its length (RFC 1951, 3.2.6), with the first bit lowest."""
    if symbol < 144:
        code, count = 0b00110000 + symbol, 8
    elif symbol < 256:
        code, count = 0b110010000 + symbol - 144, 9
    elif symbol < 280:
        code, count = symbol - 256, 7
    else:
        code, count = 0b11000000 + symbol - 280, 8
    return _reversed(code, count), count


def _length_code(length: int) -> tuple[int, int, int]:
    if length == _LONGEST:
        return 28, 0, 0
    code = max(i for i, (first, _) in enumerate(_LENGTHS) if first <= length)
    first, extra = _LENGTHS[code]
    return code, extra, length - first


def _distance_code(distance: int) -> tuple[int, int, int]:
    if distance <= 4:
        return distance - 1, 0, 0
    extra = (distance - 1).bit_length() - 2
    code = 2 * extra + ((distance - 1) >> extra)
    first, bits = _DISTANCES[code]
    return code, bits, distance - first


_SYMBOLS = [_fixed_symbol(s) for s in range(288)]
_LENGTH_CODES = {n: _length_code(n) for n in range(_SHORTEST, _LONGEST + 1)}
