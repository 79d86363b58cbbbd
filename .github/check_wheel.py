"""See that a wheel holds manifest, schema, cards and weights: check_wheel.py dist/*.whl."""

import hashlib
import json
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

# What a wheel may weigh [bytes]: more is not installed in a minute or two.
LARGEST = 80e6
PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def excluded() -> list[str]:
    """Return the patterns of files that the wheel does not hold, as pyproject.toml has them.

    Returns
    -------
    list of str
        Paths in the wheel, with wildcards.
    """
    tool = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]
    patterns = tool["hatch"]["build"]["targets"]["wheel"]["exclude"]
    return [pattern.removeprefix("/") for pattern in patterns]


def find_faults(path: str) -> list[str]:
    """Find what a wheel lacks, holds too much, or holds with other bytes than its manifest says.

    Parameters
    ----------
    path : str
        The wheel.

    Returns
    -------
    list of str
        Paths in the wheel.
    """
    patterns = excluded()

    def is_excluded(name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in patterns)

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
        needed = {name for name in hashes if not is_excluded(name)}
        wrong = [
            name
            for name in sorted(needed & names)
            if hashlib.sha256(wheel.read(name)).hexdigest() != hashes[name]
        ]
    lacking = sorted((wanted | needed) - names)
    return [*lacking, *wrong, *sorted(name for name in names if is_excluded(name))]


if __name__ == "__main__":
    for path in sys.argv[1:]:
        if faults := find_faults(path):
            sys.exit(f"{path} lacks, should not hold, or has other bytes of: {', '.join(faults)}")
        size = Path(path).stat().st_size
        if size > LARGEST:
            sys.exit(f"{path}: expected at most {LARGEST / 1e6:.0f} MB. Received: {size / 1e6:.1f}")
        print(f"{path}: complete, {size / 1e6:.1f} MB")
    if not sys.argv[1:]:
        sys.exit("expected the path of a wheel. Received: none.")
