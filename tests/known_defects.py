"""Detections that were set by hand."""

import numpy as np

from stemzoo.inference.detections import Detections


def three_defects(**more):
    """Three defects of two classes in an image of 64 x 80 pixels of 0.2 Å."""
    return Detections(
        np.array([[3.5, 4.25], [20.0, 30.0], [8.0, 1.0]]),
        ("se_vacancy", "bright", "se_vacancy"),
        np.array([0.9, 0.8, 0.6]),
        0.2,
        "given",
        (64, 80),
        model="tiny",
        material="wse2",
        **more,
    )


def no_defects():
    return Detections(np.empty((0, 2)), (), np.empty(0), 0.2, "given", (64, 64))
