"""The page as a Hugging Face Space and as a container: what these files say is so."""

import runpy
import tomllib

from places import EXAMPLES, ROOT

SPACE = EXAMPLES / "space"


def front_matter():
    lines = (SPACE / "README.md").read_text(encoding="utf-8").split("---\n")[1].splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_the_space_names_its_file_and_a_gradio_that_the_package_takes():
    facts = front_matter()
    assert (SPACE / facts["app_file"]).is_file()
    assert facts["sdk"] == "gradio"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (bound,) = [n for n in project["optional-dependencies"]["app"] if n.startswith("gradio")]
    least = bound.removeprefix("gradio>=").partition(",")[0]
    assert facts["sdk_version"].startswith(least)
    assert facts["license"] == project["license"].lower()


def test_the_space_runs_the_page_of_the_package():
    space = runpy.run_path(str(SPACE / "app.py"))
    from stemzoo.app.__main__ import main

    assert space["main"] is main


def test_the_container_copies_files_that_there_are():
    text = (SPACE / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    sources = [
        name
        for line in text.splitlines()
        if line.startswith("COPY ")
        for name in line.split()[1:-1]
    ]
    assert sources
    assert not [name for name in sources if not (ROOT / name).exists()]
