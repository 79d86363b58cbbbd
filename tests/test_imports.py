"""The floors of the package: imports only go down."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import stemzoo

PACKAGE = Path(stemzoo.__file__).parent

# Every room at the top of the package and its floor; a new one is entered here.
ROOMS = {
    "app": 8,
    "cli": 8,
    "workflows": 7,
    "adaptation": 6,
    "inference": 5,
    "training": 5,
    "metrics": 4,
    "zoo": 4,
    "plotting": 4,
    "analysis": 3,
    "simulate": 2,
    "models": 2,
    "io": 1,
    "preprocessing": 1,
}
NETWORKS = {"keras", "tensorflow", "huggingface_hub"}
# Slow to import: inside the functions that need them.
SLOW = {"skimage", "tifffile", "imagecodecs", "matplotlib", "rich", "periodictable"}
# Modules whose import may start Keras.
MAY_IMPORT_KERAS = {"adaptation", "models", "training"}


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


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


def used_by(name):
    """Modules of the package that a module imports, at its top or in a function.

    The face, `stemzoo`, is no floor: it imports nothing, and looks a name up when it is used.
    """
    return imports(MODULES[name], top_only=False) & set(MODULES) - {"stemzoo"}


def room(name):
    """First name below the package, the key of ROOMS."""
    return name.split(".")[1]


def test_every_room_is_in_the_table():
    assert {room(name) for name in MODULES if name != "stemzoo"} == set(ROOMS)
    assert len(ROOMS) < 15
    assert set(ROOMS.values()) == set(range(1, 9))


def test_the_face_imports_nothing():
    assert not imports(MODULES["stemzoo"], top_only=False) & set(MODULES)


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"stemzoo"}))
def test_imports_go_down_or_stay_in_the_room(name):
    others = {n for n in used_by(name) if room(n) != room(name)}
    assert not {n for n in others if ROOMS[room(n)] >= ROOMS[room(name)]}


def test_no_file_needs_itself():
    graph = {name: used_by(name) - {name} for name in set(MODULES) - {"stemzoo"}}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize("name", MODULES)
def test_slow_libraries_are_imported_where_they_are_used(name):
    roots = {n.split(".")[0] for n in imports(MODULES[name], top_only=True)}
    assert not roots & SLOW
    assert name == "stemzoo" or room(name) in MAY_IMPORT_KERAS or not roots & NETWORKS


def test_only_zoo_remote_knows_the_hugging_face_hub():
    users = {
        name
        for name, path in MODULES.items()
        if any(n.startswith("huggingface_hub") for n in imports(path, top_only=False))
    }
    assert users
    assert not {name for name in users if not name.startswith("stemzoo.zoo.remote.")}


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
        ("from stemzoo.cli import main; main()", "'columns', '--help'"),
        ("from stemzoo.cli import main; main()", "'app', '--help'"),
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
