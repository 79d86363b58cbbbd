"""Tables of which material images are taken for."""

from table_blocks import block, results

from stemzoo.io.tables import table

# What is known of the pixel size, by its key in the measured file.
PIXEL_SIZES = {"stated": "pixel size known", "off": "off by 1.5 % (s.d.)", "unknown": "not known"}


@block
def materials() -> str:
    """Count what simulated frames of each material are taken for."""
    found = results("materials")["simulated"]
    rows = []
    for name in found["stated"]["accepted"]:
        counts = (found[kind]["accepted"][name] for kind in PIXEL_SIZES)
        rows.append((name, *(_in_words(name, taken) for taken in counts)))
    for what, key in (("taken for a wrong one", "wrong"), ("true one among the possible", "")):
        parts = (found[kind] for kind in PIXEL_SIZES)
        counts = (part[key] if key else sum(part["possible"].values()) for part in parts)
        frames = (found[kind]["frames"] for kind in PIXEL_SIZES)
        rows.append((what, *(f"{n} of {of}" for n, of in zip(counts, frames, strict=True))))
    return table(("frames of", *PIXEL_SIZES.values()), rows)


@block
def materials_of_images() -> str:
    """Real images, and what they are taken for."""
    rows = []
    for one in results("materials")["real"]:
        told = (one[kind] for kind in ("stated", "unknown"))
        texts = (_verdict(part["accepted"], part["possible"]) for part in told)
        rows.append((f"`{one['file']}`", one["true"], f"{100 * one['sampling']:.1f} pm", *texts))
    head = ("image", "shows", "pixel", "taken for, with this pixel size", "without")
    return table(head, rows)


def _in_words(material: str, taken: dict[str, int]) -> str:
    """Write counts, the true material first."""
    order = sorted(taken, key=lambda name: (name != material, name == "undecided", name))
    return ", ".join(f"{taken[name]} {name}" for name in order)


def _verdict(accepted: str, possible: list[str]) -> str:
    """Write the material that was accepted, else those that are possible."""
    if accepted != "undecided":
        return accepted
    return f"{' or '.join(possible)}?" if possible else "none"
