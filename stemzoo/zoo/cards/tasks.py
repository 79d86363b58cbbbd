"""What model cards say of a task: a model of a known task needs no words of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

_DEFECTS = {
    "se_vacancy": "one Se of a column is missing (O or S in its place looks alike)",
    "metal_dark": "the metal is missing or replaced by a lighter one",
    "bright": "something heavier than expected, or an adatom",
}


@dataclass(frozen=True)
class TaskWords:
    """Words of the cards of a task's weights.

    Parameters
    ----------
    pipeline : str
        Tag of the Hugging Face Hub.
    metrics : tuple of str
        Figures that are measured.
    shell, call : str
        How to use the weights, with ``{name}`` in the place of their name.
    warns : str
        Verb, with options, that warns of images unlike the frames trained on.
    """

    pipeline: str
    metrics: tuple[str, ...]
    shell: str
    call: str
    warns: str


TASKS = {
    "detection": TaskWords(
        pipeline="image-segmentation",
        metrics=("precision", "recall", "f1"),
        shell="stemzoo detect image.tif --weights {name}",
        call="stemzoo.detect(image, model, sampling=0.2074)  # Å per pixel",
        warns="detect",
    ),
    "translation": TaskWords(
        pipeline="image-to-image",
        metrics=("kl_divergence",),
        shell="stemzoo simulate --like {name} -n 20 --out clean\n"
        "stemzoo translate 'clean/*.tif' --weights {name} --out realistic",
        call='stemzoo.translate(simulation, model, "sim-to-exp")  # with the noise it is used to',
        warns="translate --direction exp-to-sim",
    ),
    "denoising": TaskWords(
        pipeline="image-to-image",
        metrics=("psnr", "f1"),
        shell="stemzoo denoise image.tif --weights {name}",
        call="stemzoo.denoise(image, model, sampling=0.2074)  # Å per pixel; picture and deviation",
        warns="denoise",
    ),
}


def intended_use(task: str, material: str, session: str, config: Mapping) -> str:
    """Say what weights are for.

    Parameters
    ----------
    task, material, session : str
        As the manifest names them.
    config : mapping
        Arguments of the model's constructor.

    Returns
    -------
    str
        Markdown.
    """
    if task == "translation":
        return (
            f"Makes clean simulations of {material} look like images of the session `{session}` "
            "without moving their labels (`sim-to-exp`). It learns one session: images of another "
            "one are not like what it makes. The way back (`exp-to-sim`) takes noise away, and the "
            "evidence with it: it heals vacancies and shows others where none are (463 and 453 of "
            "1,000 in new frames of `wse2-dayB`), however good the result looks. Count and measure "
            "nothing in it; find defects in the image itself, with `stemzoo detect`."
        )
    if task == "denoising":
        return (
            f"Takes the noise out of annular dark-field images of {material}, and says how sure "
            "each pixel is. It was trained on crystals in which half of the columns have any "
            "intensity from nothing to 1.4 times their own, so that it does not know what a column "
            "may be: a column keeps the intensity that the frame gives it, with the frame's error. "
            "Contamination is taken out, aberrations are not. Where the uncertainty is large, the "
            "contrast shrinks: that is doubt, and no column. Find and count defects in the image "
            "itself, with `stemzoo detect`."
        )
    text = f"Finds and classifies point defects in annular dark-field images of {material}:\n\n"
    text += "\n".join(f"- `{name}`: {_meaning(name)}" for name in config["classes"])
    if config.get("ranked"):
        text += (
            "\n\nIntensities are replaced by their ranks first, so that a detector whose "
            "response is not linear changes nothing."
        )
    return text


def _meaning(name: str) -> str:
    """Say what a class of defects is."""
    element, _, kind = name.rpartition("_")
    if name not in _DEFECTS and kind in ("vacancy", "divacancy"):
        symbol = element.capitalize()
        missing = (
            f"one {symbol} of a column is" if kind == "vacancy" else f"two {symbol} of a column are"
        )
        return f"{missing} missing"
    return _DEFECTS.get(name, name)
