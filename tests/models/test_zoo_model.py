"""Arguments of networks: what no computer can build, or no image fits, is refused at once."""

import time

import numpy as np
import pytest

from stemzoo.models import CycleGANSTEM, DefectFCN
from stemzoo.models.zoo_model import MOST_WEIGHTS, check_arguments


@pytest.mark.parametrize("kind", [DefectFCN, CycleGANSTEM])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"depth": 40}, "depth=40, where 1 to 12 are possible"),
        ({"filters": 257}, "filters=257, where 1 to 256"),
        ({"filters": 2.5}, "filters=2.5, where int"),
        ({"filters": True}, "filters=True, where int"),
        ({"sampling": 0.006}, "sampling=0.006, where 0.01 to 1"),
        ({"sampling": 50.0}, "sampling=50.0, where 0.01 to 1"),
        ({"sampling": float("nan")}, "sampling=nan"),
        ({"dropout": float("inf")}, "dropout=inf"),
        ({"material": 3}, "material=3, where str or null"),
        ({"name": ""}, "length name=0"),
    ],
)
def test_what_cannot_be_is_refused_before_it_is_built(kind, changes, words):
    begin = time.perf_counter()
    with pytest.raises(ValueError, match=f"expected arguments of {kind.__name__}") as caught:
        kind(**changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - begin < 0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patch_size": 8192}, "patch_size=8192, where 32 to 1024"),
        ({"patch_size": 30}, "patch_size=30, where 32 to 1024"),
        ({"patch_size": 48}, "multiple of 2^depth = 32"),
        ({"lambda_cycle": float("inf")}, "lambda_cycle=inf"),
        ({"rotation": (1.0, 2.0, 3.0)}, "length rotation=3"),
        ({"rotation": (1.0, float("nan"))}, "rotation[1]=nan"),
    ],
)
def test_a_cyclegan_has_bounds_of_its_own(changes, words):
    with pytest.raises(ValueError, match="Received: ") as caught:
        CycleGANSTEM(**changes)
    assert words in str(caught.value)


def test_a_network_is_no_larger_than_memory():
    # 9 (256 2^6)^2 = 2.4e9 weights in the last layer alone.
    with pytest.raises(ValueError, match="filters=256, depth=6: 2415919104 or more"):
        DefectFCN(filters=256, depth=6)
    paper = {"filters": 64, "depth": 8, "patch_size": 256}
    check_arguments(CycleGANSTEM, {**CycleGANSTEM().get_config(), **paper})
    assert CycleGANSTEM.least_weights(paper) < MOST_WEIGHTS / 5


def test_numbers_of_numpy_are_numbers():
    model = DefectFCN(2, filters=np.int32(2), depth=1, sampling=np.float32(0.2))
    assert model.stride == 2
