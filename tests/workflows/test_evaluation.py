import numpy as np
import pytest

from stemzoo import io
from stemzoo.workflows.evaluation import evaluate_files


@pytest.mark.filterwarnings("ignore:.*disagree")
def test_a_pixel_size_that_would_need_gigabytes_is_refused_before_resampling(day_a, tmp_path):
    image = np.tile(day_a[0].image, (2, 2))
    for name, sampling in (("real", 0.02), ("fake", 1.0)):
        (tmp_path / name).mkdir()
        io.write_tiff(tmp_path / name / "a.tif", image, sampling=sampling)
    # 512 px of 1 Å are 25,551 of 0.02 Å.
    folders = str(tmp_path / "real"), str(tmp_path / "fake")
    with pytest.raises(ValueError, match="generated image 0: .* 25551 x 25551 px.* Check the pix"):
        evaluate_files(*folders, tmp_path / "out", material="wse2")
