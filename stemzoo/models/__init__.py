"""The networks of the zoo."""

from stemzoo.models.start import missing_backend, quiet_start

with quiet_start():
    try:
        import keras  # noqa: F401
    # An unknown name of a backend is a ValueError.
    except (ImportError, ValueError) as error:
        raise missing_backend(error) from error
    from stemzoo.models.cyclegan import CycleGANSTEM
    from stemzoo.models.fcn import DefectFCN

__all__ = ["CycleGANSTEM", "DefectFCN"]
