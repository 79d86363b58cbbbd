import json
from pathlib import Path

import pandas as pd

import stemzoo
from stemzoo import io
from stemzoo.workflows.adapted_folders import AdaptedFolders


def test_what_is_found_is_recorded_as_detect_does(tiny_folder, frames, tmp_path):
    path = tmp_path / "a.tif"
    io.write_tiff(path, frames[0].image[:80, :80], sampling=frames[0].sampling)
    files = AdaptedFolders([(path, io.read_image(path))], None, "today", 1.0, 0)
    said = []
    out = tmp_path / "detections"
    options = {"sampling": 0.2, "frame": None, "sum_frames": False}
    files.detect(stemzoo.load(tiny_folder), out, said.append, **options)
    (line,) = said
    assert line.startswith("a.tif: ")
    assert line.endswith(f" bright | {out / 'a.csv'}")
    assert "row" in pd.read_csv(out / "a.csv")
    (call,) = json.loads(Path(out, "run.json").read_text())["calls"]
    assert (call["verb"], call["weights"]) == ("detect", str(tiny_folder))
