import numpy as np
import pytest

from stemzoo.inference.denoising import denoise, denoise_pixels, denoise_quietly
from stemzoo.io import Image
from stemzoo.preprocessing import resample
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.named_sessions import find_session


class Copy:
    """A network that returns what it sees, and is sure to a tenth of the scale."""

    name, material, conditions = "copy", "wse2", None
    sampling, stride, context = 0.4148, 4, 8

    def predict_on_batch(self, batch):
        return np.concatenate([batch, np.full_like(batch, 0.1)], axis=-1)


@pytest.mark.parametrize("shape", [(128, 128), (129, 150), (67, 200)])
def test_a_picture_has_the_grey_levels_and_the_pixels_of_its_image(shape):
    rows, columns = np.indices(shape)
    image = (1000 + 300 * np.cos(0.3 * rows) * np.cos(0.25 * columns)).astype(np.uint16)
    picture, deviation = denoise_pixels(image, Copy(), 0.2074)
    assert picture.shape == deviation.shape == shape
    # What a pixel twice as large cannot hold is lost, and nothing else.
    smoothed = resample(resample(image, 0.2074, 0.4148), 0.4148, 0.2074)
    inner = (slice(4, shape[0] - 6), slice(4, shape[1] - 6))
    assert picture[inner] == pytest.approx(smoothed[inner], abs=5)
    # 0.1 of 3.5 standard deviations of what the network sees.
    seen = resample(image, 0.2074, 0.4148)
    assert deviation[inner] == pytest.approx(0.35 * seen.std(), rel=1e-3)


def test_dark_columns_stay_dark(day_a):
    image = day_a[0].image.astype(float)
    found, turned = (
        denoise_quietly(Image(pixels, day_a[0].sampling), Copy(), as_is=True)
        for pixels in (image, image.max() - image)
    )
    assert any("dark columns" in note for note in turned.notes)
    inner = (slice(8, -8), slice(8, -8))
    both = np.corrcoef(found.picture[inner].ravel(), turned.picture[inner].ravel())
    assert both[0, 1] == pytest.approx(-1, abs=1e-3)


def test_an_image_of_another_material_is_refused_unless_forced():
    (other,) = simulate_session(find_session("graphene"), 1, (384, 384), seed=1)
    image = Image(other.image, other.sampling)
    with pytest.raises(ValueError, match=r"shows graphene.*train denoise --material"):
        denoise_quietly(image, Copy())
    with pytest.warns(UserWarning, match="disagree"):  # of its lattice with the stated pixel size
        found = denoise_quietly(image, Copy(), force=True)
    assert any("graphene" in doubt for doubt in found.doubts)


def test_an_image_without_a_lattice_is_not_to_be_trusted():
    noise = np.random.default_rng(0).normal(size=(128, 128))
    with pytest.warns(UserWarning, match="not to be trusted: no wse2 lattice") as caught:
        found = denoise(noise, Copy(), sampling=0.2074)
    assert not found.trusted
    assert [warning.filename for warning in caught] == [__file__]


def test_an_image_of_its_material_is_denoised_without_a_word(day_a):
    found = denoise(day_a[0].image, Copy(), sampling=day_a[0].sampling)
    assert (found.trusted, found.model, found.match) == (True, "copy", None)
    assert found.pixel_size.value == day_a[0].sampling
