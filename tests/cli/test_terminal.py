import errno
import io as memory
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stemzoo
from stemzoo import io
from stemzoo.cli.terminal import explain, printable

ROOT = str(Path(stemzoo.__file__).parents[1])
# A colour and a cleared screen, a bell, a line break, text from right to left, a broken byte.
NAMES = ["\x1b[31m\x1b[2J", "\x07", "a\nb", "\u202etxt", os.fsdecode(b"\xff"), "\u03c3", "\u00c5 m"]


@pytest.fixture
def tiff(here, frames):
    io.write_tiff("wse2.tif", frames[0].image[:100, :100], sampling=frames[0].sampling)
    return Path("wse2.tif")


@pytest.fixture
def console(monkeypatch):
    """Make both outputs those of a console of another encoding; return what was written there."""

    def make(encoding):
        buffers = [memory.BytesIO(), memory.BytesIO()]
        for name, buffer in zip(("stdout", "stderr"), buffers, strict=True):
            # A name that cannot be shown raises an error, as on a console of Windows.
            stream = memory.TextIOWrapper(buffer, encoding, "strict", write_through=True)
            monkeypatch.setattr(sys, name, stream)
        return buffers

    return make


# What is printed.


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("scan 1.tif", "scan 1.tif"),
        ("\u00c5 \u03c3 \u65e5\u672c \U0001f52c", "\u00c5 \u03c3 \u65e5\u672c \U0001f52c"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b2J", r"\x9b2J"),
        ("a\tb\r\n", r"a\tb\r\n"),
        ("\u202e", r"\u202e"),
        (os.fsdecode(b"\xff\xfe"), r"\xff\xfe"),
    ],
)
def test_what_a_console_would_obey_is_written_out(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "utf-8"])
def test_no_name_ends_a_call_whatever_the_console(
    run, tiff, tiny_folder, console, encoding, monkeypatch
):
    names = [f"{name}.tif" for name in NAMES]
    for name in names:
        Path(name).write_bytes(tiff.read_bytes())
    out, err = console(encoding)
    monkeypatch.setattr(sys, "argv", ["stemzoo", "detect", *names, "--weights", str(tiny_folder)])
    with pytest.raises(SystemExit) as stop:
        stemzoo.cli.main()
    assert (stop.value.code or 0, err.getvalue()) == (0, b"")
    lines = out.getvalue().decode(encoding).splitlines()
    assert len(lines) == len(names) == (len(os.listdir("detections")) - 2) / 2
    assert lines[0].startswith(r"\x1b[31m\x1b[2J.tif: ")
    assert not any(chr(code) in "".join(lines) for code in (*range(32), 0x202E))


def test_a_reader_that_wants_no_more_ends_the_call_quietly(tiff):
    command = [sys.executable, "-m", "stemzoo.cli", "identify", str(tiff)]
    environment = {**os.environ, "PYTHONPATH": ROOT}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


# What went wrong.


@pytest.mark.parametrize(
    ("error", "item", "words"),
    [
        (OSError(errno.ENOSPC, "x"), "a.tif", "a.tif: no space left on the disk. Free some, or"),
        (OSError(errno.EACCES, "x", "b/a.tif"), "b/a.tif", "b/a.tif: no permission. Change the"),
        (OSError(errno.EACCES, "x", "b"), "a.tif", "a.tif: no permission (b). Change the "),
        (OSError(errno.ELOOP, "x", "a.tif"), None, "a.tif: a link that leads to itself. Name the"),
        (OSError(errno.ENOSPC, "x", "from", None, "to"), None, "to: no space left on the disk. "),
        (OSError(errno.EXDEV, "Some reason"), "a.tif", "a.tif: Some reason. Try again."),
        (FileNotFoundError("a.tif: expected one."), "a.tif", "a.tif: expected one."),
        (KeyError("Unknown name. Received: 'x'"), "x", "Unknown name. Received: 'x'"),
        (MemoryError("Unable to allocate 4 GiB"), "a.tif", "a.tif: not enough memory (Unable to"),
        (ZeroDivisionError("zero"), "a.tif", "a.tif: unexpected ZeroDivisionError: zero. Set "),
        (EOFError("No data left"), None, "unexpected EOFError: No data left. Set STEMZOO_DEBUG=1"),
    ],
)
def test_an_error_names_the_file_and_the_next_step(error, item, words):
    assert explain(error, item).startswith(words)


def test_arguments_of_the_library_are_options_here():
    # As `stemzoo.read_image` says it.
    text = "Received: 3 frames. Choose frame=0 to 2, or sum_frames=True."
    assert explain(ValueError(text)) == (
        "Received: 3 frames. Choose --frame 0 to 2, or --sum-frames."
    )


@pytest.mark.parametrize("verb", ["detect", "translate", "match"])
def test_one_bad_file_never_ends_a_call(run, here, frames, tiny_folder, day_conditions, verb):
    for name in ("one.tif", "two.tif"):
        io.write_tiff(name, frames[0].image, sampling=frames[0].sampling)
    content = Path("one.tif").read_bytes()
    Path("damaged.tif").write_bytes(content[: len(content) // 2])
    os.symlink("loop.tif", "loop.tif")
    long = "y" * 300 + ".tif"
    bad = ["damaged.tif", "loop.tif", long, "missing.tif"]
    options = ("--weights", tiny_folder)
    if verb == "translate":
        gan = stemzoo.CycleGANSTEM(filters=2, depth=2, discriminator_filters=2, patch_size=32)
        stemzoo.save(gan, "gan", conditions=None)
        options = ("--weights", "./gan", "--direction", "exp-to-sim")
    if verb == "match":
        options = ("--json",)
    done = run(verb, "one.tif", *bad, "two.tif", *options)
    assert done.code == 2
    lines = [line for line in done.err.splitlines() if "warning: " not in line]
    assert [line.split(": ")[1] for line in lines] == bad
    assert not any("unexpected" in line or "[Errno" in line for line in lines)
    assert "one.tif" in done.out
    assert "two.tif" in done.out


def test_what_nobody_expected_of_one_item_leaves_the_others(run, tiff, tiny_folder, monkeypatch):
    from stemzoo.workflows import images

    Path("twin.tif").write_bytes(tiff.read_bytes())
    detect_file = images.detect_file

    def fail_first(path, *arguments, **options):
        if path == tiff:
            raise EOFError("No data left in file")
        return detect_file(path, *arguments, **options)

    monkeypatch.setattr(images, "detect_file", fail_first)
    done = run("detect", tiff, "twin.tif", "--weights", tiny_folder)
    assert done.code == 2
    assert done.err.startswith("stemzoo: wse2.tif: unexpected EOFError: No data left in file. ")
    assert done.out.startswith("twin.tif: ")


def test_an_unexpected_end_of_a_file_is_told_in_one_line(run, monkeypatch):
    def fail(*_, **__):
        raise EOFError("No data left in file")

    monkeypatch.setattr("stemzoo.zoo.registry.list_weights", fail)
    done = run("list")
    assert (done.code, done.out) == (2, "")
    assert "stemzoo: unexpected EOFError: No data left in file. " in done.err
    assert "Aborted" not in done.err


@pytest.mark.parametrize(("backend", "reason"), [("torch", "torch"), ("none", "backend : none")])
def test_a_backend_that_is_not_there_is_told_as_such(python, here, monkeypatch, backend, reason):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setenv("STEMZOO_OFFLINE", "1")
    done = python("-m", "stemzoo.cli", "detect", "a.tif", cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"expected a backend of Keras. Received: '{backend}', by KERAS_BACKEND" in line
    assert reason in line
    done = python("-m", "stemzoo.cli", "doctor", cwd=here)
    assert (done.returncode, done.stderr) == (1, "")
    assert f"NO  device    expected a backend of Keras. Received: '{backend}'" in done.stdout


def test_what_the_library_logs_is_printed_as_all_text_is(run, here, tiny_folder):
    name = "model\x1b[2J"
    shutil.copytree(tiny_folder, name)
    Path(name, "training_data.json").write_text("{")
    done = run("verify", f"./{name}")
    assert done.code == 0
    assert r"stemzoo: warning: model\x1b[2J/training_data.json: expected" in done.err
    assert "\x1b" not in done.err + done.out
