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


THREE = ("generated", "floor", "ceiling")
# Names of figures, and what they are called in the table.
FIGURES = {
    "Fréchet distance (EfficientNet-Lite0)": "Fréchet distance",
    "Fréchet distance (EfficientNet-Lite0, Khan 2023 protocol)": "the same, paper's channels",
    "kernel distance": "kernel distance",
    "intensity KL divergence": "intensities, KL",
    "log10 power spectrum, rms": "log10 spectrum, rms",
    "two-sample accuracy": "two-sample accuracy",
}


def by_script(session: str) -> dict[str, dict]:
    """Figures of a session's CycleGAN by measure_cyclegans.py, by their names."""
    found = metrics(f"cyclegan-{session}")
    known = {one["name"]: one for one in found["metrics"]}
    protocol = found["frechet_khan2023"]
    values = (protocol[key] for key in ("generated", "floor", "simulated"))
    known[list(FIGURES)[1]] = {
        key: {"value": value} for key, value in zip(THREE, values, strict=True)
    }
    return known


@block
def cyclegans() -> str:
    """CycleGANs against frames of their session, with floor and ceiling: by commands, by script."""
    rows = []
    for session in GANS:
        found = results("by_commands")[f"cyclegan-{session}"]
        commands = {one["name"]: one for one in (*found["metrics"], *found["khan2023"])}
        script = by_script(session)
        for name, what in FIGURES.items():
            write = with_interval if "accuracy" in name else value_of
            cells = []
            for metric in (commands.get(name), script[name]):
                three = [None if metric is None else metric[key] for key in THREE]
                ratio = ""
                if metric is not None and "Fréchet" in name:
                    ratio = f"{three[2]['value'] / three[0]['value']:.0f}"
                cells += [*map(write, three), ratio]
            rows.append((f"`{session}`" * (what == "Fréchet distance"), what, *cells))
    head = ("CycleGAN", "floor", "clean simulations", "ratio")
    again = (f"by script: {head[0]}", *head[1:])
    return table(("session", "what", *head, *again), rows)


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


@block
def other_denoisers() -> str:
    """Denoisers of the zoo and tk_r_em: PSNR, F1 by columns, healed, invented, contrast."""
    found = results("other_denoisers")
    names = {
        "frame": "the frame",
        "gaussian": "best of 15 Gaussian filters",
        "denoise-wse2": "`denoise-wse2`",
        "cyclegan": "CycleGAN, `exp-to-sim`",
        "tk_r_em": "tk_r_em 1.0.4",
    }

    def cell(one: dict) -> str:
        return (
            f"{one['psnr']:.1f} dB, {one['f1']:.2f}, {one['removed_per_1000']:.0f}, "
            f"{one['invented_per_1000']:.0f}, {one['contrast']:.2f}"
        )

    rows = [
        (
            row["condition"],
            row["labelled"],
            *(cell(row["ways"][way]) for way in names),
            f"{row['ways']['clean']['contrast']:.2f}",
        )
        for row in found["rows"]
    ]
    seconds = found.get("cpu_seconds_1024", {})
    times = [f"{seconds[way]:.1f}" if way in seconds else "-" for way in names]
    rows.append(("CPU seconds for 1024²", "", *times, ""))
    return table(("frames", "vacancies", *names.values(), "contrast without noise"), rows)
