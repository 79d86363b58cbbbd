"""Store bundled detectors in half precision: half the size, the same defects.

    python scripts/halve_weights.py fcn-wse2 [fcn-mos2 ...]

Golden output, ONNX network and manifest are made anew; the probabilities stay those that were
fitted.
Needs tf2onnx and onnxruntime. `measure_detectors.py` tells that no figure changes.
"""

import argparse

from stemzoo import io
from stemzoo.io.json_files import read_json
from stemzoo.zoo.file_names import GOLDEN, PROVENANCE
from stemzoo.zoo.golden import write_golden
from stemzoo.zoo.hub import load, register
from stemzoo.zoo.model_folder import write_model
from stemzoo.zoo.onnx_export import export_onnx
from stemzoo.zoo.registry import WeightsEntry, find_weights


def halve(entry: WeightsEntry) -> float:
    """Store weights anew; return the largest difference of ONNX Runtime from Keras."""
    write_model(load(entry.name), entry.folder, half=True)
    model = load(entry.folder)
    write_golden(model, entry.folder / GOLDEN)
    path = entry.folder / PROVENANCE
    record = read_json(path, {})
    if "calibration" in record:
        record["calibration"]["weights_sha256"] = model.provenance.sha256
        io.write_json(path, record)
    _, difference = export_onnx(entry.folder)
    register(entry.folder, **entry.facts)
    return difference


def main() -> None:
    """Store the weights that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+")
    for name in parser.parse_args().weights:
        print(f"{name}: ONNX Runtime differs by {halve(find_weights(name)):.1e}", flush=True)


if __name__ == "__main__":
    main()
