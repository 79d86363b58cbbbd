"""Tables of CycleGANs and of sets of training images."""

from collections.abc import Callable

from table_blocks import block, metrics, results

from stemzoo.io.tables import table

GANS = ("wse2-dayA", "wse2-dayB", "wse2-dayAB", "graphene", "srtio3")


def digits(value: float) -> str:
    """Write a positive figure, large ones without decimals."""
    places = 0 if value > 30 else 1 if value > 1 else 3 if value > 0.003 else 4
    return f"{value:.{places}f}"


def value_of(part: dict | None) -> str:
    """Value of a figure."""
    if part is None:
        return "-"
    return digits(part["value"]) if part["value"] > 0 else f"{part['value']:.3f}"


def with_interval(part: dict | None) -> str:
    """Value of a figure, and its interval of 95 %."""
    if part is None:
        return "-"
    interval = "" if part["low"] is None else f" ({part['low']:.2f}-{part['high']:.2f})"
    return f"{part['value']:.2f}{interval}"


@block
def cyclegans() -> str:
    """CycleGANs against frames of their session, with floor and ceiling."""
    rows = []
    for session in GANS:
        found = metrics(f"cyclegan-{session}")
        one = {m["name"]: m for m in found["metrics"]}
        frechet, kernel, kl, spectrum, accuracy = one.values()
        paper = {"generated": "generated", "floor": "floor", "ceiling": "simulated"}
        protocol = {k: {"value": found["frechet_khan2023"][v]} for k, v in paper.items()}
        for what, metric in (
            ("Fréchet distance", frechet),
            ("the same, paper's channels", protocol),
            ("kernel distance", kernel),
            ("intensities, KL", kl),
            ("log10 spectrum, rms", spectrum),
            ("two-sample accuracy", accuracy),
        ):
            three = [metric[key] for key in ("generated", "floor", "ceiling")]
            ratio = ""
            if metric in (frechet, protocol):
                ratio = f"{three[2]['value'] / three[0]['value']:.0f}"
            texts = map(with_interval if metric is accuracy else value_of, three)
            rows.append((f"`{session}`" * (metric is frechet), what, *texts, ratio))
    return table(("session", "what", "CycleGAN", "floor", "clean simulations", "ratio"), rows)


@block
def labels() -> str:
    """Labels in translations, beside the frames of the session as floor."""
    rows = []
    for session in GANS:
        kept = metrics(f"cyclegan-{session}")["preservation"]
        own, floor = kept["generated"], kept["floor"]
        # In SrTiO3 a vacancy is less than the noise: nothing is known of these.
        if own is None or floor is None or None in own["removed_corrected_per_1000"]:
            continue
        removed = [
            "{:.1f} ({:.1f} to {:.1f})".format(*part["removed_corrected_per_1000"])
            for part in (own, floor)
        ]
        invented = [f"{part['invented_corrected_per_1000'][0]:.1f}" for part in (own, floor)]
        contrast = [f"{part['contrast_of_vacancies']:.2f}" for part in (own, floor)]
        moved = "median_displacement_angstrom", "max_displacement_angstrom"
        shifts = ", ".join(f"{own[key]:.2f}" for key in moved) + " Å"
        rows.append((f"`{session}`", own["labelled"], *removed, *invented, *contrast, shifts))
    head = (
        *("session", "labelled", "removed of 1,000 (95 %)", "floor", "invented in 1,000 sites"),
        *("floor", "intensity of a vacancy", "floor", "moved: median, most"),
    )
    return table(head, rows)


@block
def denoising() -> str:
    """PSNR and SSIM to the expected image, and F1 by columns where vacancies can be measured."""
    found = {name: metrics(f"cyclegan-{name}")["denoising"] for name in GANS}

    def cell(one: dict) -> str:
        score = f", F1 {one['column_f1']:.2f}" if "column_f1" in one else ""
        return f"{one['psnr']:.1f} dB, {one['ssim']:.2f}{score}"

    rows = [(way, *(cell(one[way]) for one in found.values())) for way in found[GANS[0]]]
    return table(("image", *(f"`{name}`" for name in GANS)), rows)


def distance_rows(name: str, write: Callable[[dict], str]) -> str:
    """Distances of training sets, by rows, from test sets."""
    found = results(name)["rows"]
    tests = list(dict.fromkeys(row["test"] for row in found))
    cells = {(row["training"], row["test"]): write(row) for row in found}
    rows = [
        (f"`{one}`", *(cells[one, test] for test in tests))
        for one in dict.fromkeys(row["training"] for row in found)
    ]
    return table(("training set", *(f"`{test}`" for test in tests)), rows)


@block
def training_sets() -> str:
    """Fréchet distance and divergence of intensities of training sets from test sets."""
    return distance_rows("training_sets", lambda row: f"{row['frechet']:.0f}, {row['kl']:.3f}")


@block
def cross_material() -> str:
    """Fréchet distance of translations of other materials."""
    return distance_rows("cross_material", lambda row: f"{row['frechet']:.0f}")
