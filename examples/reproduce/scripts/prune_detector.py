"""Take the least used channels out of a detector, as the start of a smaller one.

    python scripts/prune_detector.py fcn-wse2 --filters 22 --out pruned

A channel counts by the sum of the magnitudes of the kernels that read it, times that of its
normalisation (after H. Li et al., Pruning filters for efficient ConvNets, ICLR 2017, who take the
kernels that write it). What comes out is to be trained further: `stemzoo train fcn --from pruned`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

import stemzoo
from stemzoo.models import DefectFCN

READ, WRITTEN = 2, 3  # axes of the kernels of convolutions


def prune(model: DefectFCN, filters: int) -> DefectFCN:
    """Return a detector of fewer filters that keeps the most used channels of `model`."""
    small = type(model)(**{**model.get_config(), "filters": filters})
    weights = {v.path: keras.ops.convert_to_numpy(v) for v in model.weights}
    for level in range(model.depth + 1):
        count = filters * 2**level
        blocks = ["bottom"] if level == model.depth else [f"down{level}", f"up{level}"]
        for block in blocks:
            read = [(f"{block}_conv2/kernel", READ, 0)]
            _keep(weights, count, [f"{block}_conv1/kernel"], f"{block}_norm1", read)
            written = [f"{block}_conv2/kernel", f"{block}_shortcut/kernel"]
            _keep(weights, count, written, f"{block}_norm2", _readers(model, block, level))
        if level < model.depth:
            _keep_transposed(weights, count, f"up{level}")
    for variable in small.weights:
        variable.assign(weights[variable.path])
    return small


def _readers(model: DefectFCN, block: str, level: int) -> list[tuple[str, int, int]]:
    """Kernels that read what a block puts out: names, axes, and where its channels begin."""
    if block == "up0":
        return [("logits/kernel", READ, 0)]
    if block in ("bottom", f"up{level}"):
        return [(f"up{level - 1}_transpose/kernel", WRITTEN, 0)]  # axes of this one are swapped
    deeper = "bottom" if level + 1 == model.depth else f"down{level + 1}"
    following = [(f"{deeper}_conv1/kernel", READ, 0), (f"{deeper}_shortcut/kernel", READ, 0)]
    # Beside it come the channels of the deeper level: transposed first, the skipped ones second.
    joined = [(f"up{level}_{part}/kernel", READ, -1) for part in ("conv1", "shortcut")]
    return [*following, *joined]


def _keep(
    weights: dict[str, np.ndarray],
    count: int,
    written: Sequence[str],
    norm: str,
    readers: Sequence[tuple[str, int, int]],
) -> None:
    """Keep the `count` most used channels that `written` kernels write and `readers` read."""
    channels = weights[written[0]].shape[WRITTEN]
    used = np.zeros(channels)
    for name, axis, begin in readers:
        kernel = np.moveaxis(np.abs(weights[name]), axis, 0)
        first = len(kernel) - channels if begin < 0 else 0
        used += kernel[first : first + channels].reshape(channels, -1).sum(1)
    used *= np.abs(weights[f"{norm}/gamma"]) if f"{norm}/gamma" in weights else 1.0
    kept = np.sort(np.argsort(-used)[:count])
    for name in written:
        weights[name] = weights[name].take(kept, axis=WRITTEN)
    for part in ("gamma", "beta", "moving_mean", "moving_variance"):
        weights[f"{norm}/{part}"] = weights[f"{norm}/{part}"][kept]
    for name, axis, begin in readers:
        total = weights[name].shape[axis]
        first = total - channels if begin < 0 else 0
        index = [*range(first), *(first + kept), *range(first + channels, total)]
        weights[name] = weights[name].take(index, axis=axis)


def _keep_transposed(weights: dict[str, np.ndarray], count: int, block: str) -> None:
    """Keep the `count` most used channels that the way up from the deeper level writes."""
    channels = len(weights[f"{block}_transpose/bias"])
    readers = [f"{block}_{part}/kernel" for part in ("conv1", "shortcut")]
    used = sum(np.abs(weights[name]).sum(axis=(0, 1, 3))[:channels] for name in readers)
    kept = np.sort(np.argsort(-used)[:count])
    kernel = weights[f"{block}_transpose/kernel"]
    weights[f"{block}_transpose/kernel"] = kernel.take(kept, axis=READ)
    weights[f"{block}_transpose/bias"] = weights[f"{block}_transpose/bias"][kept]
    for name in readers:
        index = [*kept, *range(channels, weights[name].shape[READ])]
        weights[name] = weights[name].take(index, axis=READ)


def main() -> None:
    """Write the smaller detector as a model folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("--filters", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    stemzoo.save(prune(stemzoo.load(options.weights), options.filters), options.out)


if __name__ == "__main__":
    main()
