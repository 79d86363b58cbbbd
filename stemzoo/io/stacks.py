"""What a file declares before it is read: stacks of frames, and which of them are wanted."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from stemzoo.io.grey import Refusal
from stemzoo.io.pixel_size import to_angstrom


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames of one kind in a file, none of them read yet.

    Parameters
    ----------
    shape : tuple of int
        Of one frame: (M, N) or (M, N, channels).
    dtype : dtype
        Its data type.
    read : callable
        Takes the number of a frame and returns it.
    count : int
        Number of frames.
    overhead : int
        What reading a frame takes in memory beside the frame itself [bytes].
    title : str
        What tells the stack from others in the file.
    x, y : float or None
        Pixel width and height [Å/px].
    source : str or None
        Where these were found.
    metadata : mapping
        More entries.
    channels : tuple of str
        Names of the detectors that the frames are of in turn, empty where a channel has no name;
        none if all are of one.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[int], np.ndarray]
    count: int = 1
    overhead: int = 0
    title: str = ""
    x: float | None = None
    y: float | None = None
    source: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    channels: tuple[str, ...] = ()

    @property
    def pixels(self) -> int:
        """Number of pixels of a frame, each channel counted."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size of a frame in memory."""
        return self.pixels * self.dtype.itemsize

    def peak(self, frames: int) -> int:
        """Memory that it takes at most to read frames and to add them [bytes].

        Parameters
        ----------
        frames : int
            How many.

        Returns
        -------
        int
        """
        needed = self.bytes + self.overhead
        # Channels are compared and the first is copied; bytes in the other order are swapped.
        if len(self.shape) > 2 or not self.dtype.isnative:
            needed += self.bytes
        # A sum has 64 bits a pixel; it begins while two frames are held.
        return needed + (frames > 1) * (self.bytes + 8 * math.prod(self.shape[:2]))


def choose_frames(
    stacks: Sequence[Stack], frame: int | None, sum_frames: bool
) -> tuple[Stack, Sequence[int]]:
    """Find the wanted frames of a file.

    Parameters
    ----------
    stacks : sequence of Stack
        All that the file holds.
    frame : int or None
        Number of the wanted frame, counted through all stacks.
    sum_frames : bool
        Whether all frames are wanted.

    Returns
    -------
    stack : Stack
        The one that holds them.
    numbers : sequence of int
        Their numbers in it.

    Raises
    ------
    Refusal
        If the choice is missing, out of range, or of images that cannot be added.
    """
    count = sum(stack.count for stack in stacks)
    if count == 0:
        raise Refusal("an image", "a stack without frames", "Look at how the file was exported")
    channels = stacks[0].channels
    named = f" ({_listed(stacks)})" if len(stacks) > 1 or any(channels) else ""
    if sum_frames:
        if named:
            step = "Choose one by frame=0 or another number"
            raise Refusal("frames of one kind to sum", f"{count} different images{named}", step)
        return stacks[0], range(count)
    if frame is None and count != 1:
        step = f"Choose frame=0 to {count - 1}" + ("" if named else ", or sum_frames=True")
        if channels and not named:
            # Programs call the frames of a plain stack channels, too.
            step = (
                f"Choose the channel of the annular dark field, frame=0 to {count - 1}; only if "
                "all are frames of one detector, sum_frames=True"
            )
        raise Refusal("one image", f"{count} frames{named}", step)
    number = frame or 0
    if not 0 <= number < count:
        raise Refusal(f"a frame from 0 to {count - 1}", f"frame={frame}", "Choose one of these")
    for stack in stacks:
        if number < stack.count:
            break
        number -= stack.count
    return stack, [number]


def _listed(stacks: Sequence[Stack]) -> str:
    """Name the first ten frames of stacks that differ."""
    names: list[str] = []
    for stack in stacks:
        titles = stack.channels or (stack.title,)
        names += [titles[i % len(titles)] for i in range(min(stack.count, 11 - len(names)))]
    listed = ", ".join(f"{number}: {name}" for number, name in enumerate(names[:10]))
    return listed + (", ..." if len(names) > 10 else "")


def are_spatial(first: object, second: object) -> bool:
    """Whether the units of two axes are those of an image: both lengths, or none.

    Parameters
    ----------
    first, second : object
        Units, as a file states them.

    Returns
    -------
    bool

    Examples
    --------
    >>> are_spatial("nm", "nm"), are_spatial("nm", "eV"), are_spatial(None, "")
    (True, False, True)
    """
    return all(
        str(unit) in ("", "None", "<undefined>", "px", "pixels") or to_angstrom(1, unit) is not None
        for unit in (first, second)
    )
