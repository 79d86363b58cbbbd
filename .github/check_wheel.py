"""See that a wheel holds manifest, schema, cards and weights: check_wheel.py dist/*.whl."""

import hashlib
import json
import sys
import zipfile


def missing(path: str) -> list[str]:
    """Say what a wheel lacks, or holds with other bytes than its manifest says.

    Parameters
    ----------
    path : str
        The wheel.

    Returns
    -------
    list of str
    """
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        manifest = "stemzoo/weights_manifest.json"
        wanted = {manifest, "stemzoo/weights_manifest.schema.json"}
        if manifest not in names:
            return sorted(wanted - names)
        hashes = {}
        for entry in json.loads(wheel.read(manifest))["weights"]:
            if entry.get("bundled", True):
                wanted.add(f"stemzoo/model_cards/{entry['name']}.md")
                for name, facts in entry["files"].items():
                    hashes[f"stemzoo/weights/{entry['name']}/{name}"] = facts["sha256"]
        wrong = [
            name
            for name in sorted(hashes.keys() & names)
            if hashlib.sha256(wheel.read(name)).hexdigest() != hashes[name]
        ]
    return [*sorted((wanted | hashes.keys()) - names), *wrong]


if __name__ == "__main__":
    for path in sys.argv[1:]:
        if lacks := missing(path):
            sys.exit(f"{path} lacks, or has other bytes of: {', '.join(lacks)}")
        print(f"{path}: complete")
    if not sys.argv[1:]:
        sys.exit("expected the path of a wheel. Received: none.")
