"""Keras, imported without the messages of its backend."""

from stemzoo.models.start import quiet_start

with quiet_start():
    import keras  # noqa: F401
