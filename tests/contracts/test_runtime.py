"""The same asked of every runtime that can run the detectors, each in the environment that has it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("answers_of_a_runtime.py")
OLDER = ROOT / "build" / "tflite-venv" / "bin" / "python"

Answers = dict[str, np.ndarray]


def environment_of(library: str) -> Path:
    if library == "tflite_runtime":
        if not OLDER.exists():
            pytest.skip("tflite-runtime is not set up: build/tflite-venv is missing (`make setup-test`)")
        return OLDER
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed here")
    return Path(sys.executable)


def ask(library: str, folder: Path) -> Answers:
    python, out = environment_of(library), folder / f"{library}.npz"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    ran = subprocess.run(
        [python, SCRIPT, library, out], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    with np.load(out) as answers:
        return dict(answers)


@pytest.fixture(scope="module", params=["ai_edge_litert", "tflite_runtime"])
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def answers(library: str, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return ask(library, tmp_path_factory.mktemp("runtime"))


def outputs(answers: Answers, name: str) -> list[np.ndarray]:
    return [answers[key] for key in sorted(answers) if key.startswith(name) and key[-1].isdigit()]


def test_it_tells_its_name_and_version(library: str, answers: Answers) -> None:
    package, _, version = str(answers["name"]).partition(" ")
    assert package == library.replace("_", "-")
    assert version[0].isdigit()


def test_the_face_detector_answers_in_its_own_shapes(answers: Answers) -> None:
    shapes = sorted(output.shape for output in outputs(answers, "face_detection"))
    assert shapes == [(1, 2304, 1), (1, 2304, 16)]


def test_the_laptop_detector_answers_in_its_own_shapes(answers: Answers) -> None:
    shapes = sorted(output.shape for output in outputs(answers, "ssd_mobilenet"))
    assert shapes == [(1, 1917, 4), (1, 1917, 24)]


def test_every_score_of_the_item_detector_is_a_share(answers: Answers) -> None:
    scores = [output for output in outputs(answers, "nanodet") if output.shape[-1] == 80]
    assert sorted(output.shape[1] for output in scores) == [13, 26, 52]
    assert all(output.dtype == np.float32 and output.min() >= 0 and output.max() <= 1 for output in scores)


def test_what_is_stored_stands_for_what_it_says(answers: Answers) -> None:
    assert all(answers[key] for key in answers if key.endswith("stored_alike"))


def test_what_was_written_into_its_room_is_a_batch_like_any_other(answers: Answers) -> None:
    alike = [answers[key] for key in answers if key.endswith("in_its_room_alike")]
    assert len(alike) == 3
    assert all(alike)


def test_both_say_the_same(tmp_path: Path) -> None:
    newer, older = ask("ai_edge_litert", tmp_path), ask("tflite_runtime", tmp_path)
    # Half-precision weights: the sums are rounded in another order.
    for name in ("face_detection", "ssd_mobilenet"):
        said = zip(outputs(newer, name), outputs(older, name), strict=True)
        assert all(np.allclose(new, old, rtol=0.01, atol=0.05) for new, old in said)
    # Whole numbers: kernels may round a half up or down, and each layer passes that on to the next.
    for new, old in zip(outputs(newer, "nanodet"), outputs(older, "nanodet"), strict=True):
        apart = np.abs(new - old)
        assert apart.mean() < (0.002 if new.shape[-1] == 80 else 0.1)
        assert apart.max() < (0.1 if new.shape[-1] == 80 else 1.0)
