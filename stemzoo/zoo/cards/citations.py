"""How to cite weights: the method, the package and the data."""

from stemzoo import __version__
from stemzoo.zoo.file_names import METRICS_REAL
from stemzoo.zoo.registry import WeightsEntry

PAPER = """@article{khan2023,
  author = {Khan, Abid and Lee, Chia-Hao and Huang, Pinshane Y. and Clark, Bryan K.},
  title = {Leveraging generative adversarial networks to create realistic scanning transmission
    electron microscopy images},
  journal = {npj Computational Materials},
  volume = {9},
  pages = {85},
  year = {2023},
  doi = {10.1038/s41524-023-01042-3}
}"""

PACKAGE = f"""@software{{stemzoo,
  author = {{{{The stemzoo developers}}}},
  title = {{stemzoo: Keras models and pretrained weights for atomic-resolution STEM images}},
  version = {{{__version__}}}
}}"""

REAL_DATA = """@misc{temworkshop29,
  author = {{SKKU-STEM}},
  title = {TEMworkshop29\\_DL: STEM images of WSe2 with labelled Se vacancies},
  howpublished = {GitHub repository SKKU-STEM/TEMworkshop29\\_DL, commit aa65ee0},
  note = {measured with, not trained on}
}"""


def bibtex(*, real_data: bool = False) -> str:
    """Return BibTeX entries of what a use of weights should cite.

    Parameters
    ----------
    real_data : bool
        Whether figures from the public WSe2 images are quoted.

    Returns
    -------
    str
        The paper's entry, the package's and, if asked for, the data's.

    Examples
    --------
    >>> bibtex().count("@")
    2
    """
    return "\n\n".join([PAPER, PACKAGE, *([REAL_DATA] if real_data else [])])


def bibtex_of(entry: WeightsEntry) -> str:
    """Return BibTeX entries of what a use of these weights should cite.

    Parameters
    ----------
    entry : WeightsEntry
        Weights of the zoo.

    Returns
    -------
    str
        The entries of `bibtex`, and the weights' own where they are somebody's on the Hub.

    Examples
    --------
    >>> from stemzoo.zoo.registry import find_weights
    >>> "khan2023" in bibtex_of(find_weights("fcn-wse2"))
    True
    """
    real_data = any(file.name == METRICS_REAL for file in entry.files)
    text = bibtex(real_data=real_data)
    if entry.bundled or entry.repo_id is None:
        return text
    return f"""{text}

@misc{{{entry.name},
  author = {{{{{entry.repo_id.split("/")[0]}}}}},
  title = {{{entry.name}: {entry.summary.rstrip(".")}}},
  howpublished = {{Hugging Face Hub, \\url{{https://huggingface.co/{entry.repo_id}}}}}
}}"""
