"""Which button does what, for whose visit, and what changes on the page."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stemzoo.app import learning, words
from stemzoo.app.layout import Layout, lay_out
from stemzoo.app.learning import Lesson
from stemzoo.app.looking import AUTOMATIC, DENOISED, REALISTIC, Bench, LookOptions
from stemzoo.app.page import Page, explain
from stemzoo.app.view import view
from stemzoo.app.visits import Visit, Visits

# One image is computed at a time, and one training; what is quick goes on beside them.
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}
_QUICK = {**_PRIVATE, "concurrency_limit": 8, "show_progress": "hidden"}
_IMAGE = {
    **_PRIVATE,
    "concurrency_id": "image",
    "concurrency_limit": 1,
    "show_progress": "minimal",
}
_TRAINING = {**_IMAGE, "concurrency_id": "training"}
_WAITING = 64
_AGAIN = 0.3  # [s]


def build_page(bench: Bench, visits: Visits) -> Any:
    """Lay out the page, and connect its buttons.

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
    with gr.Blocks(title="stemzoo", analytics_enabled=False, fill_width=True) as blocks:
        wires = Wires(page, lay_out(bench.limits, page.translators()))
        _connect_images(wires)
        _connect_settings(wires)
        _connect_noise(wires)
        _connect_trainings(wires)
        _connect_crystals(wires)

        def on_leave(request: gr.Request) -> None:
            visits.leave(request.session_hash)

        blocks.unload(on_leave)
    blocks.queue(max_size=_WAITING, api_open=False)
    return blocks


@dataclass(frozen=True)
class Wires:
    """What all connections share.

    Parameters
    ----------
    page : Page
        What is done.
    parts : Layout
        What is shown.
    """

    page: Page
    parts: Layout

    @property
    def shown(self) -> list[Any]:
        """Return the parts that change with an image."""
        images = self.parts.images
        return [images.viewer, images.facts, images.several, images.chooser, images.said]

    def visit(self, request: Any) -> Visit:
        """Return the visit that a call belongs to."""
        return self.page.visits.of(request.session_hash)

    def show(self, visit: Visit, said: str = "", *, picture: str | None = None) -> dict[Any, Any]:
        """Return what changes wherever an image is told of."""
        import gradio as gr

        images, names = self.parts.images, [image.path.name for image in visit.images]
        chosen = visit.image.path.name if names else None
        return {
            images.viewer: view(visit, show=picture),
            images.facts: words.facts(visit.image) if names else "",
            images.several: gr.Row(visible=len(names) > 1),
            images.chooser: gr.Dropdown(names, value=chosen, interactive=True),
            images.said: said,
        }

    def work(self, request: Any, act: Callable[[Visit], str | None]) -> dict[Any, Any]:
        """Do something with an image; say what is wrong where it cannot be done."""
        visit = self.visit(request)
        try:
            with visit.at_work():
                picture = act(visit)
        except Exception as error:
            return {self.parts.images.said: words.message(explain(visit, error), bad=True)}
        return self.show(visit, picture=picture)

    def notes(self, request: Any, name: str) -> str:
        """Say what is to be known of a picture that was made of the chosen image."""
        visit = self.visit(request)
        return words.notes(visit.image.notes.get(name, ())) if visit.images else ""

    def dropped(self, event: Any) -> list[str]:
        """Return what a browser says that it has uploaded; others may say so, too."""
        paths = dict(event._data or {}).get("paths")
        known = isinstance(paths, list) and all(isinstance(path, str) for path in paths)
        return list(paths or [])[: self.page.bench.limits.images + 1] if known else []

    def follow(self, request: Any, begin: Callable[[Visit], Lesson]) -> Iterator[dict[Any, Any]]:
        """Follow a training, and offer what it makes."""
        import gradio as gr

        visit, parts = self.visit(request), self.parts
        for shown, name in self.page.followed(visit, lambda: begin(visit)):
            change: dict[Any, Any] = {parts.learning.bar: shown}
            if name:
                names = self.page.bench.detector_names(visit)
                translators = [*visit.translators, *self.page.translators()]
                change |= {
                    parts.settings.weights: gr.Dropdown(names, value=name),
                    parts.noise.cyclegan: gr.Dropdown(translators),
                    parts.images.viewer: view(visit),
                }
            yield change


def _connect_images(wires: Wires) -> None:
    import gradio as gr

    page, parts = wires.page, wires.parts
    images, weights = parts.images, parts.settings.weights

    def on_drop(event: gr.EventData, request: gr.Request) -> Iterator[dict[Any, Any]]:
        visit = wires.visit(request)
        with visit.at_work():
            for text in page.dropped(visit, wires.dropped(event)):
                yield wires.show(visit, text)
        # Gradio loses a value of the viewer now and then that another update follows at once: once
        # more, a little later and not the same, so that it is sent.
        time.sleep(_AGAIN)
        names = page.bench.detector_names(visit)
        told = view(visit)
        again = {images.viewer: {**told, "again": True}} if told else {}
        yield {weights: gr.Dropdown(names), **again}

    def on_choose(name: str, request: gr.Request) -> dict[Any, Any]:
        return wires.work(request, lambda visit: page.chosen(visit, name))

    def on_remove(request: gr.Request) -> dict[Any, Any]:
        return wires.work(request, page.removed)

    def on_edit(event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        said = dict(event._data or {})
        return wires.work(request, lambda visit: page.edited(visit, said))

    def on_judge(request: gr.Request) -> str:
        return page.judged(wires.visit(request))

    shown = wires.shown
    waiting = {**_IMAGE, "show_progress_on": images.said}
    images.drop.dropped(on_drop, None, [*shown, weights], **waiting)
    images.chooser.input(on_choose, images.chooser, shown, **_QUICK)
    images.remove.click(on_remove, None, shown, **_QUICK)
    images.viewer.edit(on_edit, None, shown, trigger_mode="multiple", **_QUICK)
    parts.judge.click(on_judge, None, parts.scores, **_IMAGE)


def _connect_settings(wires: Wires) -> None:
    import gradio as gr

    page, settings = wires.page, wires.parts.settings

    def on_again(
        name: str | None,
        pm: float | None,
        least: float,
        tta: bool,
        force: bool,
        frame: float | None,
        request: gr.Request,
    ) -> dict[Any, Any]:
        options = _options(name, pm, frame, threshold=least, tta=tta, force=force)
        return wires.work(request, lambda visit: page.bench.look(visit, visit.image, options))

    chosen = [settings.weights, settings.pixel, settings.threshold]
    chosen += [settings.tta, settings.force, settings.frame]
    waiting = {**_IMAGE, "show_progress_on": wires.parts.images.said}
    settings.again.click(on_again, chosen, wires.shown, **waiting)


def _options(name: str | None, pm: float | None, frame: float | None, **others: Any) -> LookOptions:
    """Return what the fields say, of which some may be empty."""
    return LookOptions(
        str(name or AUTOMATIC),
        float(pm) if pm else None,
        frame=None if frame is None else int(frame),
        **others,
    )


def _connect_noise(wires: Wires) -> None:
    import gradio as gr

    page, noise = wires.page, wires.parts.noise

    def on_clean(request: gr.Request) -> dict[Any, Any]:
        changed = wires.work(request, page.cleaned)
        return {**changed, noise.clean_notes: wires.notes(request, DENOISED)}

    def on_dirty(name: str, request: gr.Request) -> dict[Any, Any]:
        changed = wires.work(request, lambda visit: page.translated(visit, name))
        return {**changed, noise.dirty_notes: wires.notes(request, REALISTIC)}

    waiting = {**_IMAGE, "show_progress_on": wires.parts.images.said}
    noise.clean.click(on_clean, None, [*wires.shown, noise.clean_notes], **waiting)
    noise.dirty.click(on_dirty, noise.cyclegan, [*wires.shown, noise.dirty_notes], **waiting)


def _taught(parts: Layout) -> tuple[list[Any], dict[str, Any]]:
    """Return what changes with a training, and how it waits for others."""
    bar = parts.learning.bar
    changed = [bar, parts.settings.weights, parts.noise.cyclegan, parts.images.viewer]
    return changed, {**_TRAINING, "show_progress_on": bar}


def _connect_trainings(wires: Wires) -> None:
    import gradio as gr

    page, part, settings = wires.page, wires.parts.learning, wires.parts.settings

    def on_adapt(
        minutes: float,
        anyway: bool,
        name: str | None,
        pm: float | None,
        frame: float | None,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        options = _options(name, pm, frame)

        def begin(visit: Visit) -> Lesson:
            return learning.adapt(visit, page.within(minutes), options, force=bool(anyway))

        yield from wires.follow(request, begin)

    def on_teach(minutes: float, request: gr.Request) -> Iterator[dict[Any, Any]]:
        yield from wires.follow(request, lambda visit: learning.teach(visit, page.within(minutes)))

    def on_stop(request: gr.Request) -> None:
        training = wires.visit(request).training
        if training is not None:
            training.stop()

    changed, waiting = _taught(wires.parts)
    chosen = [part.minutes, part.anyway, settings.weights, settings.pixel, settings.frame]
    part.adapt.click(on_adapt, chosen, changed, **waiting)
    part.teach.click(on_teach, part.minutes, changed, **waiting)
    part.stop.click(on_stop, None, None, **_QUICK)


def _connect_crystals(wires: Wires) -> None:
    import gradio as gr

    page, part = wires.page, wires.parts.learning

    def on_crystal(event: gr.EventData, request: gr.Request) -> str:
        return page.structured(wires.visit(request), wires.dropped(event))

    def on_train(name: str, minutes: float, request: gr.Request) -> Iterator[dict[Any, Any]]:
        yield from wires.follow(request, lambda visit: page.trained(visit, name, minutes))

    changed, waiting = _taught(wires.parts)
    part.structure.dropped(on_crystal, None, part.crystal, **_QUICK)
    part.train.click(on_train, [part.material, part.minutes], changed, **waiting)
