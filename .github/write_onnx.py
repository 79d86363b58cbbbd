"""Write the networks for ONNX Runtime beside the weights of the package, and into the manifest.

write_onnx.py [NAME ...]: of all bundled detectors and denoisers where no name is given. Generators
of CycleGANs are left out, as they are twice 4 MB each: 'stemzoo export NAME --onnx' makes them.
"""

import json
import sys

from stemzoo.zoo.file_names import ONNX
from stemzoo.zoo.manifest import describe_files, write_entry
from stemzoo.zoo.onnx_export import export_onnx
from stemzoo.zoo.registry import find_weights, list_weights, manifest_path


def main(names: list[str]) -> None:
    """Export weights, and enter their new files."""
    bundled = [e.name for e in list_weights() if e.bundled and e.task != "translation"]
    for name in names or bundled:
        folder, difference = export_onnx(find_weights(name).folder)
        records = json.loads(manifest_path().read_text(encoding="utf-8"))["weights"]
        (record,) = [record for record in records if record["name"] == name]
        paths = {file: folder / file for file in ONNX if (folder / file).is_file()}
        record["files"] = dict(sorted({**record["files"], **describe_files(paths)}.items()))
        write_entry(manifest_path(), record)
        print(f"{name}: {', '.join(paths)}, largest difference {difference:.1e}")


if __name__ == "__main__":
    main(sys.argv[1:])
