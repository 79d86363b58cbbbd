"""Train a CycleGAN of the paper's size on the paper's own images: needs internet once, and a GPU.

    pip install 'stemzoo[paper]'
    python examples/train_on_the_papers_data.py data
    python examples/train_on_the_papers_data.py data --images 'PATTERN' --pixel-size PM --out my-day

The first call downloads the record 10.5281/zenodo.7696721 and prints what it holds; the second
trains on the files that PATTERN (relative to the folder) matches. This was written without access
to the record: how its archives are laid out is not known here, so look at the list, and at one
image, before training. What is downloaded is checked against the hashes that Zenodo gives.
"""

import argparse
import subprocess
import sys
from pathlib import Path

RECORD = "doi:10.5281/zenodo.7696721/"


def fetch(folder: Path) -> list[Path]:
    """Download and unpack the record; what is there already is only checked.

    Parameters
    ----------
    folder : Path
        Receives the files.

    Returns
    -------
    list of Path
        All files, those of archives unpacked.
    """
    import pooch

    record = pooch.create(path=folder, base_url=RECORD)
    record.load_registry_from_doi()
    unpack = {".zip": pooch.Unzip(), ".tar": pooch.Untar(), ".gz": pooch.Untar()}
    paths = []
    for name in record.registry:
        archive = name.endswith((".zip", ".tar", ".tar.gz"))
        found = record.fetch(name, processor=unpack[Path(name).suffix] if archive else None)
        paths += [found] if isinstance(found, str) else found
    return sorted(Path(path) for path in paths)


def training_command(options) -> list[str]:
    """Return the command that trains with the paper's size.

    Parameters
    ----------
    options : argparse.Namespace
        From `parse`.

    Returns
    -------
    list of str
    """
    command = [sys.executable, "-m", "stemzoo.cli", "train", "cyclegan", "--size", "paper"]
    command += ["--experimental", str(options.folder / options.images)]
    command += ["--material", options.material, "--session", options.session]
    if options.pixel_size is not None:
        command += ["--pixel-size", str(options.pixel_size)]
    return [*command, "--out", str(options.out)]


def parse(arguments=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="for the data")
    parser.add_argument("--images", help="pattern in the folder; without it files are only listed")
    parser.add_argument("--pixel-size", type=float, metavar="PM", help="if the files lack it")
    parser.add_argument("--material", default="wse2")
    parser.add_argument("--session", default="zenodo-7696721", help="what to call this day")
    parser.add_argument("--out", type=Path, default=Path("paper-day"), help="model folder")
    return parser.parse_args(arguments)


def main() -> None:
    """Download, then list or train."""
    options = parse()
    paths = fetch(options.folder)
    if options.images is None:
        for path in paths:
            print(path.stat().st_size, path)
        return
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        sys.exit("expected a GPU. Received: none; on CPU cores the paper's size takes months.")
    subprocess.run(training_command(options), check=True)


if __name__ == "__main__":
    main()
