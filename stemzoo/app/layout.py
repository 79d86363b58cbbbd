"""What is where on the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stemzoo.app.learning import materials_without_detector
from stemzoo.app.limits import Limits
from stemzoo.app.looking import AUTOMATIC
from stemzoo.app.page import LEAST_MINUTES
from stemzoo.app.uploads import STRUCTURES
from stemzoo.app.view import viewer_file
from stemzoo.inference.reporting import DEFAULT_THRESHOLD
from stemzoo.io.images import READERS


@dataclass(frozen=True)
class Images:
    """Where images are dropped, shown and told of; all are parts of Gradio."""

    drop: Any
    said: Any
    viewer: Any
    several: Any
    chooser: Any
    remove: Any
    facts: Any


@dataclass(frozen=True)
class Settings:
    """What may be chosen for detecting."""

    weights: Any
    pixel: Any
    threshold: Any
    frame: Any
    tta: Any
    force: Any
    again: Any


@dataclass(frozen=True)
class Learning:
    """Where trainings are begun, followed and stopped."""

    minutes: Any
    anyway: Any
    adapt: Any
    teach: Any
    structure: Any
    crystal: Any
    material: Any
    train: Any
    stop: Any
    bar: Any


@dataclass(frozen=True)
class Noise:
    """Where noise is taken out, and put in."""

    clean: Any
    clean_notes: Any
    cyclegan: Any
    dirty: Any
    dirty_notes: Any


@dataclass(frozen=True)
class Layout:
    """All parts of the page.

    Parameters
    ----------
    images, settings, learning, noise
        Its parts.
    judge, scores
        Where the corrections judge the detector.
    """

    images: Images
    settings: Settings
    learning: Learning
    noise: Noise
    judge: Any
    scores: Any


def lay_out(limits: Limits, translators: Sequence[str]) -> Layout:
    """Lay out the page, within Blocks of Gradio.

    Parameters
    ----------
    limits : Limits
        What visitors may take.
    translators : sequence of str
        CycleGANs of the zoo.

    Returns
    -------
    Layout
    """
    import gradio as gr

    gr.HTML(
        "<h1>Defects in STEM images</h1><p>Drop raw images, correct what is wrong with a click, "
        "take the table along. Files are deleted when you close the page.</p>",
        elem_id="title",
    )
    kinds = f"{' '.join(READERS)} · up to {limits.upload_mb} MB each"
    words = f"Drop images here, or tap to choose\n{kinds}"
    drop = _files_place("drop", tuple(READERS), words, limits.upload_mb, several=True)
    said = gr.HTML("", elem_id="message")
    with gr.Row():
        with gr.Column(scale=5, min_width=280):
            viewer = _own_part("viewer", "viewer")
        with gr.Column(scale=3, min_width=280):
            with gr.Row(visible=False) as several:
                chooser = gr.Dropdown([], label="Image", elem_id="chooser", scale=3)
                remove = gr.Button("Remove", scale=1, min_width=90)
            facts = gr.HTML("", elem_id="facts")
            with gr.Accordion("Detect again with other settings", open=False):
                settings = _settings()
    with gr.Tabs():
        with gr.Tab("How good is it?"):
            judge = gr.Button("Score against my corrections", elem_id="judge")
            scores = gr.HTML("", elem_classes="scores")
        with gr.Tab("Learn"):
            learning = _learning(limits)
        with gr.Tab("Noise"):
            noise = _noise(translators)
    images = Images(drop, said, viewer, several, chooser, remove, facts)
    return Layout(images, settings, learning, noise, judge, scores)


def _settings() -> Settings:
    import gradio as gr

    return Settings(
        weights=gr.Dropdown([AUTOMATIC], value=AUTOMATIC, label="Weights", elem_id="weights"),
        pixel=gr.Number(None, label="Pixel size (pm); empty: by the file, else measured"),
        threshold=gr.Slider(0.05, 0.95, DEFAULT_THRESHOLD, step=0.05, label="Lowest probability"),
        frame=gr.Number(None, label="Frame of a stack, from 0; empty: their sum", precision=0),
        tta=gr.Checkbox(False, label="Average over 8 rotations and flips (slower)"),
        force=gr.Checkbox(False, label="Though it shows another material"),
        again=gr.Button("Detect", variant="primary", elem_id="again"),
    )


def _learning(limits: Limits) -> Learning:
    import gradio as gr

    gr.Markdown(
        "Adapt a detector to today's microscope with one to ten images and no labels; or teach it "
        "what you corrected. One training runs at a time; keep the page open."
    )
    longest = limits.training_minutes
    minutes = gr.Slider(
        LEAST_MINUTES, longest, min(5.0, longest), step=0.1, label="Minutes", elem_id="minutes"
    )
    anyway = gr.Checkbox(False, label="Even if a detector masters the images already")
    with gr.Row():
        adapt = gr.Button("Adapt to my images", variant="primary", elem_id="adapt")
        teach = gr.Button("Teach my corrections", elem_id="teach")
    with gr.Accordion("A crystal that has no detector", open=False):
        words = f"Drop a crystal here, seen along its c axis\n{' '.join(STRUCTURES)}"
        structure = _files_place("structure", STRUCTURES, words, limits.upload_mb, several=False)
        crystal = gr.HTML("")
        material = gr.Dropdown(
            ["", *materials_without_detector()], value="", label="or a known material"
        )
        train = gr.Button("Train for this crystal", elem_id="train")
    stop = gr.Button("Stop", variant="stop", elem_id="stop")
    bar = gr.HTML("", elem_id="bar")
    return Learning(minutes, anyway, adapt, teach, structure, crystal, material, train, stop, bar)


def _noise(translators: Sequence[str]) -> Noise:
    import gradio as gr

    return Noise(
        clean=gr.Button("Take the noise out", elem_id="clean"),
        clean_notes=gr.HTML("", elem_classes="scores"),
        cyclegan=gr.Dropdown(
            list(translators), value=translators[0], label="Microscope of the session"
        ),
        dirty=gr.Button("Make my simulation look measured", elem_id="dirty"),
        dirty_notes=gr.HTML("", elem_classes="scores"),
    )


def _files_place(name: str, ends: Sequence[str], text: str, largest: int, *, several: bool) -> Any:
    """Return a place to drop files at; its event "dropped" names them."""
    return _own_part(name, "drop", accept=list(ends), largest=largest, text=text, several=several)


def _own_part(name: str, kind: str, **facts: Any) -> Any:
    """Return a part that is drawn by files of this package."""
    import gradio as gr

    return gr.HTML(
        None,
        html_template=viewer_file(f"{kind}.html"),
        css_template=viewer_file(f"{kind}.css"),
        js_on_load=viewer_file(f"{kind}.js"),
        apply_default_css=False,
        elem_id=name,
        **facts,
    )
