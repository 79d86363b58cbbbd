"""What is done to the bytes of a good file, so that it becomes one that nobody has tried."""

import re

import numpy as np

# Where sizes, offsets and counts stand, these ask for the most, for nothing or for less than that.
TELLING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# What programs write, and what nobody should, in place of a number in a text.
NUMBERS = (b"nan", b"Infinity", b"-1", b"0", b"1e400", b"1" + 400 * b"0", b"null", b'"x"', b"[[1]]")


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip one to eight bits."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 9)):
        changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def truncate(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut the end off, as a copy that was interrupted has it."""
    return content[: rng.integers(len(content))]


def overwrite_integer(content: bytes, rng: np.random.Generator) -> bytes:
    """Write a telling integer of 1 to 8 bytes over another, more often near the start."""
    size = int(2 ** rng.integers(4))
    end = len(content) if rng.random() < 0.3 else min(len(content), 1024)
    start = int(rng.integers(max(1, end - size)))
    number = TELLING[rng.integers(len(TELLING))] & (256**size - 1)
    order = ("little", "big")[rng.integers(2)]
    return content[:start] + number.to_bytes(size, order) + content[start + size :]


def overwrite_number(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace a number that is written as text; where there is none, flip bits."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?(e-?\d+)?", content))
    if not found:
        return flip(content, rng)
    match = found[rng.integers(len(found))]
    new = NUMBERS[rng.integers(len(NUMBERS))]
    return content[: match.start()] + new + content[match.end() :]


def remove(content: bytes, rng: np.random.Generator) -> bytes:
    """Leave a piece out of the middle."""
    start = int(rng.integers(len(content)))
    return content[:start] + content[start + int(rng.integers(1, 257)) :]


def repeat(content: bytes, rng: np.random.Generator) -> bytes:
    """Write a piece twice."""
    start = int(rng.integers(len(content)))
    end = start + int(rng.integers(1, 257))
    return content[:end] + content[start:]


def blank(content: bytes, rng: np.random.Generator) -> bytes:
    """Set a piece to zeros or ones, as a bad sector has it."""
    start = int(rng.integers(len(content)))
    size = min(int(rng.integers(1, 513)), len(content) - start)
    filler = (b"\0", b"\xff")[rng.integers(2)]
    return content[:start] + size * filler + content[start + size :]


MUTATIONS = (flip, truncate, overwrite_integer, overwrite_number, remove, repeat, blank)


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Change a file's content in one to three ways.

    Parameters
    ----------
    content : bytes
        Of a good file.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    bytes
        May be empty.
    """
    for _ in range(rng.integers(1, 4)):
        if content:
            content = MUTATIONS[rng.integers(len(MUTATIONS))](content, rng)
    return content
