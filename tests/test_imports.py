"""The floors of the package: imports only go down."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import stemzoo

PACKAGE = Path(stemzoo.__file__).parent

# 0 numbers, 1 networks, 2 verbs, 3 doors; a new module is entered here.
FLOORS = {
    "io": 0,
    **dict.fromkeys(("preprocessing", "analysis", "simulate"), 0),
    **dict.fromkeys(("plotting",), 0),
    "models": 1,
    "metrics": 1,
    **dict.fromkeys(("zoo", "inference", "training"), 2),
    **dict.fromkeys(("adaptation",), 2),
    "workflows": 3,
    "cli": 4,
    "__init__": 4,
}
NETWORKS = {"keras", "tensorflow", "huggingface_hub"}
# Slow to import: inside the functions that need them.
SLOW = {"skimage", "tifffile", "imagecodecs", "matplotlib", "rich", "periodictable"}
# Modules whose import may start Keras.
MAY_IMPORT_KERAS = {"adaptation", "models", "training"}


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path, *, top_only):
    """Full names that a file imports, at its top or anywhere; deferred ones are in functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    names = set()
    for node in ast.walk(tree):
        if top_only and id(node) in inner:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole in MODULES else node.module)
    return names


def part(name):
    """First name below the package, the key of FLOORS."""
    return (name.split(".") + ["__init__"])[1]


def test_every_module_has_a_floor():
    assert {part(name) for name in MODULES} == set(FLOORS)


@pytest.mark.parametrize("name", MODULES)
def test_imports_only_go_down(name):
    used = {n for n in imports(MODULES[name], top_only=False) if n.split(".")[0] == "stemzoo"}
    # `from stemzoo import __version__` needs nothing of the package's front door.
    # The one method that is a door of its own: CycleGANSTEM.fit_adapt.
    if name == "stemzoo.models.cyclegan":
        used.remove("stemzoo.adaptation")
    above = {n for n in used - {"stemzoo"} if FLOORS[part(n)] > FLOORS[part(name)]}
    assert not above


def test_no_module_needs_itself():
    graph = {name: imports(path, top_only=True) & set(MODULES) for name, path in MODULES.items()}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize("name", MODULES)
def test_slow_libraries_are_imported_where_they_are_used(name):
    roots = {n.split(".")[0] for n in imports(MODULES[name], top_only=True)}
    assert not roots & SLOW
    assert part(name) in MAY_IMPORT_KERAS or not roots & NETWORKS


def test_few_modules_know_the_hugging_face_hub():
    users = {
        name.removeprefix("stemzoo.")
        for name, path in MODULES.items()
        if any(n.startswith("huggingface_hub") for n in imports(path, top_only=False))
    }
    assert {name for name in users if not name.startswith("zoo.remote.")} <= {"zoo.doctor"}


def test_the_registry_needs_the_standard_library_only():
    roots = {n.split(".")[0] for n in imports(MODULES["stemzoo.zoo.registry"], top_only=False)}
    assert roots <= set(sys.stdlib_module_names)


HEAVY = ("tensorflow", "keras", "skimage", "scipy", "matplotlib", "huggingface_hub", "numpy")
PROBE = """
import sys
sys.argv = ["stemzoo", {arguments}]
try:
    {statement}
except SystemExit as stop:
    assert not stop.code, stop.code
print([name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        ("import stemzoo", ""),
        ("from stemzoo.cli import main; main()", "'--help'"),
        ("from stemzoo.cli import main; main()", "'--version'"),
        ("from stemzoo.cli import main; main()", "'list'"),
        ("from stemzoo.cli import main; main()", "'list', '--json'"),
        ("from stemzoo.cli import main; main()", "'detect', '--help'"),
        ("from stemzoo.cli import main; main()", "'match', '--help'"),
        ("from stemzoo.cli import main; main()", "'publish', '--help'"),
        ("from stemzoo.cli import main; main()", "'cite', 'fcn-wse2'"),
        ("from stemzoo.cli import main; main()", "'train', 'fcn', '--help'"),
    ],
)
def test_the_start_loads_no_heavy_library(python, tmp_path, statement, arguments):
    code = PROBE.format(statement=statement, arguments=arguments, heavy=HEAVY)
    done = python("-c", code, cwd=tmp_path)
    assert done.stderr == "[]\n"
    assert done.returncode == 0


def test_every_public_name_leads_somewhere():
    assert "detect" in dir(stemzoo)
    for name in stemzoo.__all__:
        assert getattr(stemzoo, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'detekt'"):
        stemzoo.detekt  # noqa: B018


def test_the_public_function_is_no_module():
    # A submodule of the same name would replace the function once it is imported.
    assert not {f"stemzoo.{name}" for name in stemzoo.__all__} & set(MODULES) - {"stemzoo.simulate"}
