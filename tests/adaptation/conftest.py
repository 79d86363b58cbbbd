import pytest

from stemzoo.simulate import find_session, simulate_session


@pytest.fixture(scope="session")
def day_a():
    """Three frames of day A; they know their labels."""
    return list(simulate_session(find_session("wse2-dayA"), 3, (256, 256), seed=3))


@pytest.fixture(scope="session")
def day_b():
    """Three frames of day B."""
    return list(simulate_session(find_session("wse2-dayB"), 3, (256, 256), seed=3))
