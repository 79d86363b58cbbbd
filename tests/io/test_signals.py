from types import SimpleNamespace

import numpy as np
import pytest

import stemzoo
from stemzoo.io.images import as_image, image_list


def signal(data, scale=0.02074, units="nm", *, navigation=False):
    """What HyperSpy has of an image: the axis along the columns first."""
    axes = tuple(SimpleNamespace(scale=scale, units=units, size=n) for n in data.shape[::-1])
    none = ()
    manager = SimpleNamespace(
        signal_axes=none if navigation else axes, navigation_axes=axes if navigation else none
    )
    return SimpleNamespace(data=data, axes_manager=manager)


@pytest.mark.parametrize("navigation", [False, True])
def test_the_calibration_of_a_signal_is_its_pixel_size(navigation):
    image = as_image(signal(np.eye(64), navigation=navigation))
    assert image.sampling == pytest.approx(0.2074)
    assert image.sampling_source == "HyperSpy"
    assert np.array_equal(image.data, np.eye(64))


@pytest.mark.parametrize("units", ["<undefined>", None, "1/nm"])
def test_axes_without_a_unit_of_length_are_no_pixel_size(units):
    assert as_image(signal(np.eye(64), 1.0, units)).sampling is None


def test_a_stack_is_refused_with_the_way_to_choose():
    with pytest.raises(ValueError, match=r"Received: shape \(3, 64, 64\).*signal.inav\[0\]"):
        as_image(signal(np.zeros((3, 64, 64))))


def test_one_signal_and_several_are_images():
    one = signal(np.eye(64))
    assert [image.sampling for image in image_list(one)] == pytest.approx([0.2074])
    assert [image.sampling for image in image_list([one, one])] == pytest.approx([0.2074] * 2)


def test_functions_take_signals_with_their_calibration(day_a, detector):
    frame = day_a[0]
    shown = signal(frame.image, frame.sampling / 10)
    assert stemzoo.identify(shown).lattice_constant == pytest.approx(
        stemzoo.identify(frame.image, frame.sampling).lattice_constant
    )
    assert stemzoo.detect(shown, detector).sampling == pytest.approx(frame.sampling)
    assert stemzoo.find_columns(shown, "wse2").sampling == pytest.approx(frame.sampling)
