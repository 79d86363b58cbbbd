"""The page itself: what is where, and which function of the bench each button calls."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemzoo.app import learning, words
from stemzoo.app.corrections import Edit
from stemzoo.app.learning import Lesson
from stemzoo.app.looking import AUTOMATIC, DENOISED, REALISTIC, Bench, LookOptions
from stemzoo.app.uploads import STRUCTURES, take_structure
from stemzoo.app.view import view, viewer_file
from stemzoo.app.visits import Visit, Visits
from stemzoo.inference.reporting import DEFAULT_THRESHOLD
from stemzoo.io.images import READERS
from stemzoo.zoo.registry import list_weights

log = logging.getLogger(__name__)

# Errors that are written for people; of others the visitor is told only that there was one.
_EXPECTED = (ValueError, KeyError, OSError, ModuleNotFoundError, MemoryError, FloatingPointError)
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


def build_page(bench: Bench, visits: Visits) -> Any:
    """Lay out the page.

    Parameters
    ----------
    bench : Bench
        What all visits share.
    visits : Visits
        All of them.

    Returns
    -------
    gradio.Blocks
    """
    import gradio as gr

    page = Page(bench, visits)
    limits = bench.limits

    def files_place(name: str, ends: Sequence[str], text: str, *, several: bool = True) -> Any:
        """Return a place to drop files at; its event "dropped" names them."""
        return gr.HTML(
            None,
            html_template=viewer_file("drop.html"),
            css_template=viewer_file("drop.css"),
            js_on_load=viewer_file("drop.js"),
            apply_default_css=False,
            elem_id=name,
            accept=list(ends),
            largest=limits.upload_mb,
            text=text,
            several=several,
        )

    with gr.Blocks(title="stemzoo", analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(
            "<h1>Defects in STEM images</h1><p>Drop raw images, correct what is wrong with a "
            "click, take the table along. Files are deleted when you close the page.</p>",
            elem_id="title",
        )
        kinds = f"{' '.join(READERS)} · up to {limits.upload_mb} MB each"
        drop = files_place("drop", tuple(READERS), f"Drop images here, or tap to choose\n{kinds}")
        said = gr.HTML("", elem_id="message")
        with gr.Row():
            with gr.Column(scale=5, min_width=280):
                viewer = gr.HTML(
                    None,
                    html_template=viewer_file("viewer.html"),
                    css_template=viewer_file("viewer.css"),
                    js_on_load=viewer_file("viewer.js"),
                    apply_default_css=False,
                    elem_id="viewer",
                )
            with gr.Column(scale=3, min_width=280):
                with gr.Row(visible=False) as several:
                    chooser = gr.Dropdown([], label="Image", elem_id="chooser", scale=3)
                    remove = gr.Button("Remove", scale=1, min_width=90)
                facts = gr.HTML("", elem_id="facts")
                with gr.Accordion("Detect again with other settings", open=False):
                    weights = gr.Dropdown(
                        [AUTOMATIC], value=AUTOMATIC, label="Weights", elem_id="weights"
                    )
                    pixel = gr.Number(
                        None, label="Pixel size (pm); empty: by the file, else measured"
                    )
                    threshold = gr.Slider(
                        0.05, 0.95, DEFAULT_THRESHOLD, step=0.05, label="Lowest probability"
                    )
                    frame = gr.Number(
                        None, label="Frame of a stack, from 0; empty: their sum", precision=0
                    )
                    tta = gr.Checkbox(False, label="Average over 8 rotations and flips (slower)")
                    force = gr.Checkbox(False, label="Though it shows another material")
                    again = gr.Button("Detect", variant="primary", elem_id="again")
        options = [weights, pixel, threshold, tta, force, frame]
        with gr.Tabs():
            with gr.Tab("How good is it?"):
                judge = gr.Button("Score against my corrections", elem_id="judge")
                scores = gr.HTML("", elem_classes="scores")
            with gr.Tab("Learn"):
                gr.Markdown(
                    "Adapt a detector to today's microscope with one to ten images and no labels; "
                    "or teach it what you corrected. One training runs at a time; keep the page "
                    "open."
                )
                minutes = gr.Slider(
                    0.2,
                    limits.training_minutes,
                    min(5.0, limits.training_minutes),
                    step=0.1,
                    label="Minutes",
                    elem_id="minutes",
                )
                anyway = gr.Checkbox(False, label="Even if a detector masters the images already")
                with gr.Row():
                    adapt = gr.Button("Adapt to my images", variant="primary", elem_id="adapt")
                    teach = gr.Button("Teach my corrections", elem_id="teach")
                with gr.Accordion("A crystal that has no detector", open=False):
                    structure = files_place(
                        "structure",
                        STRUCTURES,
                        "Drop a crystal here, seen along its c axis\n" + " ".join(STRUCTURES),
                        several=False,
                    )
                    crystal_name = gr.HTML("")
                    material = gr.Dropdown(
                        ["", *learning.materials_without_detector()],
                        value="",
                        label="or a known material",
                    )
                    train = gr.Button("Train for this crystal", elem_id="train")
                stop = gr.Button("Stop", variant="stop", elem_id="stop")
                bar = gr.HTML("", elem_id="bar")
            with gr.Tab("Noise"):
                clean = gr.Button("Take the noise out", elem_id="clean")
                clean_notes = gr.HTML("", elem_classes="scores")
                translators = [entry.name for entry in list_weights(task="translation")]
                cyclegan = gr.Dropdown(
                    translators, value=translators[0], label="Microscope of the session"
                )
                dirty = gr.Button("Make my simulation look measured", elem_id="dirty")
                dirty_notes = gr.HTML("", elem_classes="scores")

        def chosen_options(
            name: str | None,
            pm: float | None,
            least: float,
            average: bool,
            forced: bool,
            number: float | None,
        ) -> LookOptions:
            return LookOptions(
                str(name or AUTOMATIC),
                float(pm) if pm else None,
                float(least),
                bool(average),
                bool(forced),
                None if number is None else int(number),
            )

        def state(visit: Visit, *, show: str | None = None) -> dict[Any, Any]:
            """Return what has changed wherever an image is told of."""
            names = [image.path.name for image in visit.images]
            return {
                viewer: view(visit, show=show),
                facts: words.facts(visit.image) if visit.images else "",
                several: gr.Row(visible=len(names) > 1),
                chooser: gr.Dropdown(
                    names, value=visit.image.path.name if names else None, interactive=True
                ),
            }

        outputs = [viewer, facts, several, chooser, said]

        def dropped_paths(event: gr.EventData) -> list[str]:
            """Return what the browser says that it has uploaded; others may say so, too."""
            paths = dict(event._data or {}).get("paths")
            known = isinstance(paths, list) and all(isinstance(path, str) for path in paths)
            return list(paths or [])[: limits.images + 1] if known else []

        def on_drop(event: gr.EventData, request: gr.Request) -> Iterator[dict[Any, Any]]:
            visit = visits.of(request.session_hash)
            for text in page.dropped(visit, dropped_paths(event)):
                yield {said: text, **state(visit)}
            yield {weights: gr.Dropdown(bench.detector_names(visit))}

        def on_work(act: Callable[[Visit], str | None]) -> Callable[..., dict[Any, Any]]:
            """Do something with an image; say what is wrong where it cannot be done."""

            def work(request: gr.Request) -> dict[Any, Any]:
                visit = visits.of(request.session_hash)
                try:
                    show = act(visit)
                except Exception as error:
                    return {said: words.message(explain(visit, error), bad=True)}
                return {said: "", **state(visit, show=show)}

            return work

        def on_again(
            name: str | None,
            pm: float | None,
            least: float,
            average: bool,
            forced: bool,
            number: float | None,
            request: gr.Request,
        ) -> dict[Any, Any]:
            def look(visit: Visit) -> None:
                chosen = chosen_options(name, pm, least, average, forced, number)
                bench.look(visit, visit.image, chosen)

            return on_work(look)(request)

        def on_choose(name: str, request: gr.Request) -> dict[Any, Any]:
            def choose(visit: Visit) -> None:
                names = [image.path.name for image in visit.images]
                if name in names:
                    visit.chosen = names.index(name)

            return on_work(choose)(request)

        def on_remove(request: gr.Request) -> dict[Any, Any]:
            def drop_image(visit: Visit) -> None:
                image = visit.image
                visit.images.remove(image)
                visit.chosen = max(len(visit.images) - 1, 0)
                visit.record.images.pop(image.path.stem, None)
                for path in (image.path, *image.pictures.values()):
                    path.unlink(missing_ok=True)

            return on_work(drop_image)(request)

        def on_edit(event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
            return on_work(lambda visit: page.edited(visit, dict(event._data or {})))(request)

        def on_judge(least: float, request: gr.Request) -> dict[Any, Any]:
            visit = visits.of(request.session_hash)
            try:
                report = bench.score(visit, visit.image, least)
            except Exception as error:
                return {scores: words.message(explain(visit, error), bad=True)}
            return {scores: words.scores(report)}

        def on_clean(request: gr.Request) -> dict[Any, Any]:
            def clean_image(visit: Visit) -> str:
                bench.denoise(visit, visit.image)
                return DENOISED

            changed = on_work(clean_image)(request)
            return {**changed, clean_notes: made_notes(request, DENOISED)}

        def on_dirty(name: str, request: gr.Request) -> dict[Any, Any]:
            def translate(visit: Visit) -> str:
                known = [*translators, *visit.translators]
                if name not in known:
                    raise ValueError(f"Expected one of {', '.join(known)}. Received: {name!r}")
                bench.translate(visit, visit.image, name)
                return REALISTIC

            changed = on_work(translate)(request)
            return {**changed, dirty_notes: made_notes(request, REALISTIC)}

        def made_notes(request: gr.Request, name: str) -> str:
            visit = visits.of(request.session_hash)
            return words.notes(visit.image.notes.get(name, ())) if visit.images else ""

        def follow(
            request: gr.Request, begin: Callable[[Visit], Lesson]
        ) -> Iterator[dict[Any, Any]]:
            visit = visits.of(request.session_hash)
            for shown, name in page.followed(visit, lambda: begin(visit)):
                yield {bar: shown}
                if name:
                    yield {
                        bar: shown,
                        weights: gr.Dropdown(bench.detector_names(visit), value=name),
                        cyclegan: gr.Dropdown([*visit.translators, *translators]),
                        viewer: view(visit),
                    }

        def on_adapt(
            allowed: float,
            anyhow: bool,
            name: str | None,
            pm: float | None,
            number: float | None,
            request: gr.Request,
        ) -> Iterator[dict[Any, Any]]:
            def begin(visit: Visit) -> Lesson:
                chosen = chosen_options(name, pm, DEFAULT_THRESHOLD, False, False, number)
                return learning.adapt(visit, within(allowed), chosen, force=bool(anyhow))

            yield from follow(request, begin)

        def on_teach(allowed: float, request: gr.Request) -> Iterator[dict[Any, Any]]:
            yield from follow(request, lambda visit: learning.teach(visit, within(allowed)))

        def on_crystal(event: gr.EventData, request: gr.Request) -> str:
            visit = visits.of(request.session_hash)
            try:
                (path,) = dropped_paths(event)
                visit.crystal = take_structure(Path(path), visit.folder, root=bench.uploads)
            except Exception as error:
                return words.message(explain(visit, error), bad=True)
            return words.message(visit.crystal.name)

        def on_train(name: str, allowed: float, request: gr.Request) -> Iterator[dict[Any, Any]]:
            def begin(visit: Visit) -> Lesson:
                crystal: Path | str = name or visit.crystal or ""
                if not crystal:
                    raise ValueError("Expected a file of a crystal, or a material. Received: none.")
                return learning.learn_crystal(visit, crystal, within(allowed))

            yield from follow(request, begin)

        def within(allowed: float) -> float:
            return min(max(float(allowed), 0.2), limits.training_minutes)

        def on_stop(request: gr.Request) -> None:
            visit = visits.of(request.session_hash)
            if visit.training is not None:
                visit.training.stop()

        def on_leave(request: gr.Request) -> None:
            visits.leave(request.session_hash)

        one: dict[str, Any] = {
            "concurrency_id": "image",
            "concurrency_limit": 1,
            "api_visibility": "private",
            "show_progress": "minimal",
            "show_progress_on": said,
        }
        many: dict[str, Any] = {
            "concurrency_limit": 8,
            "api_visibility": "private",
            "show_progress": "hidden",
        }
        long: dict[str, Any] = {
            **one,
            "concurrency_id": "training",
            "show_progress_on": bar,
        }
        drop.dropped(on_drop, None, [*outputs, weights], **one)
        structure.dropped(on_crystal, None, crystal_name, **many)
        again.click(on_again, options, outputs, **one)
        chooser.input(on_choose, chooser, outputs, **many)
        remove.click(on_remove, None, outputs, **many)
        viewer.edit(on_edit, None, outputs, trigger_mode="multiple", **many)
        judge.click(on_judge, threshold, scores, **{**one, "show_progress_on": scores})
        clean.click(on_clean, None, [*outputs, clean_notes], **one)
        dirty.click(on_dirty, cyclegan, [*outputs, dirty_notes], **one)
        taught = [bar, weights, cyclegan, viewer]
        adapt.click(on_adapt, [minutes, anyway, weights, pixel, frame], taught, **long)
        teach.click(on_teach, minutes, taught, **long)
        train.click(on_train, [material, minutes], taught, **long)
        stop.click(on_stop, None, None, **many)
        blocks.unload(on_leave)
    blocks.queue(max_size=64, api_open=False)
    return blocks
