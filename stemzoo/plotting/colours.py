"""Colours of classes, the same in all pictures and programs."""

# Colour-blind safe (Okabe, Ito, "Color Universal Design", 2008), in the order of the classes.
COLOURS = ("#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#009E73", "#E69F00")
# Radius of the rings around detections [Å], which leaves a column visible.
RING = 1.1
