"""Reads a QR code off its dark and light modules, as far as the tests need it: whole, of level L, and with bytes alone.

It follows ISO/IEC 18004 and shares nothing with the program that draws the codes.
"""

import re
from collections.abc import Callable, Iterator

# Words for correcting in each block, and blocks, by version, for level L.
_BLOCKS = {13: (26, 4), 14: (30, 4), 15: (22, 6), 16: (24, 6), 17: (28, 6), 18: (30, 6), 19: (28, 7), 20: (28, 8)}
_LEVEL_L = 0b01
_FORMAT_MASK = 0b101010000010010
_BYTES = 0b0100
_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda x, y: (x + y) % 2 == 0,
    lambda x, y: y % 2 == 0,
    lambda x, y: x % 3 == 0,
    lambda x, y: (x + y) % 3 == 0,
    lambda x, y: (x // 3 + y // 2) % 2 == 0,
    lambda x, y: x * y % 2 + x * y % 3 == 0,
    lambda x, y: (x * y % 2 + x * y % 3) % 2 == 0,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2 == 0,
)

Modules = list[list[bool]]


def modules_of(path: str, size: int, margin: int = 4) -> Modules:
    """The modules of a picture that is one path of squares, without its margin."""
    dark = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)}
    inside = range(margin, size - margin)
    assert all(x in inside and y in inside for x, y in dark)
    return [[(x, y) in dark for x in inside] for y in inside]


def read_code(modules: Modules) -> str:
    """The text of a code."""
    size = len(modules)
    version = (size - 17) // 4
    bits = sum(modules[8][x] << 14 - place for place, x in enumerate((0, 1, 2, 3, 4, 5, 7, 8)))
    bits += sum(modules[y][8] << 6 - place for place, y in enumerate((7, 5, 4, 3, 2, 1, 0)))
    told = (bits ^ _FORMAT_MASK) >> 10
    assert told >> 3 == _LEVEL_L
    mask = _MASKS[told & 7]
    seen = [modules[y][x] != mask(x, y) for x, y in _places(size, version)]
    words = [sum(bit << 7 - place for place, bit in enumerate(seen[at : at + 8])) for at in range(0, len(seen) - 7, 8)]
    data = _sorted(words, *_BLOCKS[version])
    stream = "".join(f"{word:08b}" for word in data)
    assert int(stream[:4], 2) == _BYTES
    length = int(stream[4:20], 2)
    return bytes(int(stream[at : at + 8], 2) for at in range(20, 20 + 8 * length, 8)).decode()


def _places(size: int, version: int) -> Iterator[tuple[int, int]]:
    """Where the bits of the words stand, in their order: in pairs of columns from the right, up and down in turn."""
    fixed = _fixed(size, version)
    upwards = True
    for right in (*range(size - 1, 6, -2), 5, 3, 1):
        for y in range(size - 1, -1, -1) if upwards else range(size):
            for x in (right, right - 1):
                if (x, y) not in fixed:
                    yield x, y
        upwards = not upwards


def _fixed(size: int, version: int) -> set[tuple[int, int]]:
    """What holds no word: finders with the format, timing, alignment and the version."""
    corners = [(range(9), range(9)), (range(size - 8, size), range(9)), (range(9), range(size - 8, size))]
    corners += [(range(6), range(size - 11, size - 8)), (range(size - 11, size - 8), range(6))]
    found = {(x, y) for columns, rows in corners for x in columns for y in rows}
    found |= {(6, place) for place in range(size)} | {(place, 6) for place in range(size)}
    count = version // 7 + 2
    step = (version * 8 + count * 3 + 5) // (count * 4 - 4) * 2
    centres = [6, *(size - 7 - step * place for place in range(count - 2, -1, -1))]
    free = {(6, 6), (6, size - 7), (size - 7, 6)}
    for x in centres:
        for y in centres:
            if (x, y) not in free:
                found |= {(x + across, y + down) for across in range(-2, 3) for down in range(-2, 3)}
    return found


def _sorted(words: list[int], correcting: int, blocks: int) -> list[int]:
    """The words of the data in their order: the blocks are mixed, and the later ones may have one word more."""
    short, longer = divmod(len(words) - correcting * blocks, blocks)
    lengths = [short] * (blocks - longer) + [short + 1] * longer
    parted: list[list[int]] = [[] for _ in range(blocks)]
    taken = iter(words)
    for place in range(short + 1):
        for block, length in zip(parted, lengths, strict=True):
            if place < length:
                block.append(next(taken))
    return [word for block in parted for word in block]
