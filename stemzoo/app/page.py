"""What the page does for a visit when it is asked to, apart from how it looks."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemzoo.app import learning, words
from stemzoo.app.corrections import Edit
from stemzoo.app.learning import Lesson
from stemzoo.app.looking import DENOISED, REALISTIC, Bench, LookOptions
from stemzoo.app.uploads import take_structure
from stemzoo.app.visits import Visit, Visits
from stemzoo.zoo.registry import list_weights

log = logging.getLogger(__name__)

# Errors that are written for people; of others the visitor is told only that there was one.
_EXPECTED = (ValueError, KeyError, OSError, ModuleNotFoundError, MemoryError, FloatingPointError)
LEAST_MINUTES = 0.2
# Seconds between two looks at a training.
_PAUSE = 1.0


def explain(visit: Visit | None, error: BaseException) -> str:
    """Say in one line what went wrong, without the places of files.

    Examples
    --------
    >>> explain(None, KeyError("no such name")), explain(None, RuntimeError("deep inside"))
    ('no such name', 'Something went wrong that nobody thought of; the server has logged it.')
    """
    if not isinstance(error, _EXPECTED):
        log.error("the page failed", exc_info=error)
        return "Something went wrong that nobody thought of; the server has logged it."
    if isinstance(error, MemoryError):
        return "The server has too little memory for this image. Crop it."
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.strerror or 'A file could not be used'}. Try again."
    said = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return " ".join(said.split()) if visit is None else visit.words(said)


@dataclass(frozen=True)
class Page:
    """What the buttons do, for the visit that each call belongs to.

    Parameters
    ----------
    bench : Bench
        What all visits share.
    visits : Visits
        All of them.
    """

    bench: Bench
    visits: Visits

    def dropped(self, visit: Visit, paths: Sequence[str]) -> Iterator[str]:
        """Take files in, then look at each; yield a message after each step.

        Parameters
        ----------
        visit : Visit
            Whose they are.
        paths : sequence of str
            Files that were uploaded.
        """
        added, failures = [], []
        for path in paths:
            try:
                added.append(self.bench.add(visit, Path(path)))
                yield words.message("")
            except Exception as error:
                name, said = Path(path).name, explain(visit, error)
                failures.append(said if said.startswith(f"{name}:") else f"{name}: {said}")
        for image in added:
            if image not in visit.images:  # it was removed while others were looked at
                continue
            visit.chosen = visit.images.index(image)
            yield words.message("")
            try:
                self.bench.look(visit, image, LookOptions())
            except Exception as error:
                failures.append(explain(visit, error))
        yield "".join(words.message(text, bad=True) for text in failures)

    def edited(self, visit: Visit, data: dict[str, Any]) -> None:
        """Correct the chosen image, as the viewer says.

        Parameters
        ----------
        visit : Visit
            Whose image.
        data : dict
            ``mark``, ``name``, ``row``, ``column`` of an `Edit`, or ``undo``; and ``image``.

        Raises
        ------
        ValueError
            If it is no correction of the image that is looked at.
        """
        image = visit.image
        if data.get("image") != image.path.stem:
            raise ValueError("Expected a correction of this image. Received: of another.")
        if data.get("undo"):
            del image.edits[-1:]
            return
        mark, name = data.get("mark"), data.get("name")
        if not (mark is None or type(mark) is int) or not (name is None or isinstance(name, str)):
            raise ValueError("Expected the number of a mark and a name. Received: something else.")
        places = [data.get(key, 0.0) for key in ("row", "column")]
        if not all(type(place) in (int, float) for place in places):
            raise ValueError("Expected a place in the image. Received: something else.")
        image.edits.append(Edit(mark, name, *map(float, places)))
        try:
            image.corrected()
        except ValueError:
            image.edits.pop()
            raise

    def removed(self, visit: Visit) -> None:
        """Remove the chosen image, and what was made of it."""
        image = visit.image
        visit.images.remove(image)
        visit.chosen = max(len(visit.images) - 1, 0)
        visit.record.images.pop(image.path.stem, None)
        for path in (image.path, *image.pictures.values()):
            path.unlink(missing_ok=True)

    def chosen(self, visit: Visit, name: str) -> None:
        """Look at the image of a name; other names change nothing."""
        names = [image.path.name for image in visit.images]
        if name in names:
            visit.chosen = names.index(name)

    def judged(self, visit: Visit) -> str:
        """Say how good the detector is in the chosen image, if the corrections are right."""
        try:
            image = visit.image
            least = 0.0 if image.found is None else image.found.threshold
            return words.scores(self.bench.score(visit, image, least))
        except Exception as error:
            return words.message(explain(visit, error), bad=True)

    def cleaned(self, visit: Visit) -> str:
        """Take the noise out of the chosen image; return the name of the picture."""
        self.bench.denoise(visit, visit.image)
        return DENOISED

    def translated(self, visit: Visit, name: str) -> str:
        """Make the chosen simulation look measured; return the name of the picture."""
        known = [*self.translators(), *visit.translators]
        if name not in known:
            raise ValueError(f"Expected one of {', '.join(known)}. Received: {name!r}")
        self.bench.translate(visit, visit.image, name)
        return REALISTIC

    def translators(self) -> list[str]:
        """Name the CycleGANs of the zoo."""
        return [entry.name for entry in list_weights(task="translation") if entry.bundled]

    def structured(self, visit: Visit, paths: Sequence[str]) -> str:
        """Take the file of a crystal to train for; say which, or why not."""
        try:
            (path,) = paths
            visit.crystal = take_structure(Path(path), visit.folder, root=self.bench.uploads)
        except Exception as error:
            return words.message(explain(visit, error), bad=True)
        return words.message(visit.crystal.name)

    def trained(self, visit: Visit, name: str, minutes: float) -> Lesson:
        """Begin to train for a material, or for the crystal whose file was taken."""
        crystal: Path | str = name or visit.crystal or ""
        if not crystal:
            raise ValueError("Expected a file of a crystal, or a material. Received: none.")
        return learning.learn_crystal(visit, crystal, self.within(minutes))

    def within(self, minutes: float) -> float:
        """Return minutes that a training may take."""
        return min(max(float(minutes), LEAST_MINUTES), self.bench.limits.training_minutes)

    def followed(
        self, visit: Visit, begin: Callable[[], Lesson]
    ) -> Iterator[tuple[str, str | None]]:
        """Begin a training and follow it to its end.

        Parameters
        ----------
        visit : Visit
            Whose it is.
        begin : callable
            Begins it.

        Yields
        ------
        tuple of str and (str or None)
            HTML of the bar, and the name of the new detector once there is one.
        """
        try:
            lesson = begin()
        except Exception as error:
            yield words.message(explain(visit, error), bad=True), None
            return
        while not visit.ended:
            now = lesson.training.progress()
            lines = tuple(visit.words(line) for line in now.lines)
            shown = words.progress(type(now)(now.part, now.seconds, lines, now.state))
            if now.state != "running":
                learnt = learning.finish(visit, lesson)
                yield shown + words.message(visit.words(learnt.words)), learnt.name
                return
            yield shown, None
            time.sleep(_PAUSE)
