"""What a page gives its visitors: how much, how long, and how many at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much of the computer the page's visitors may take together.

    Parameters
    ----------
    upload_mb : int
        Largest file [MB].
    images : int
        Images of a visit.
    visits : int
        Visits at a time; of more, the one that was idle longest is ended.
    idle_minutes : float
        After so long without a click, a visit is ended by the next one.
    return_seconds : float
        After so long without a connection a visit is ended, and all of its files are deleted.
    training_minutes : float
        Longest training. One runs at a time.
    uploads_mb : int
        Room for files that were uploaded and are not yet anybody's [MB].
    """

    upload_mb: int = 200
    images: int = 10
    visits: int = 20
    idle_minutes: float = 120.0
    return_seconds: float = 60.0
    training_minutes: float = 30.0
    uploads_mb: int = 2000
