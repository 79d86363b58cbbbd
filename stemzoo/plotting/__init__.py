"""Pictures: overlays and figures of detections, curves of trainings, crystals."""

from stemzoo.plotting.charts import plot_denoised, plot_pictures, plot_training_log
from stemzoo.plotting.colours import COLOURS, RING
from stemzoo.plotting.figures import detections_figure
from stemzoo.plotting.overlays import plot_columns, plot_detections
from stemzoo.plotting.scale_bar import draw_scale_bar, scale_bar_length
from stemzoo.plotting.structures import plot_structure

__all__ = [
    "COLOURS",
    "RING",
    "detections_figure",
    "draw_scale_bar",
    "plot_columns",
    "plot_denoised",
    "plot_detections",
    "plot_pictures",
    "plot_structure",
    "plot_training_log",
    "scale_bar_length",
]
