"""Runs TFLite files; the only place that knows the runtime library."""

from __future__ import annotations

import importlib
import importlib.metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from appliance.edge_ai.picture import Floats
from appliance.edge_ai.ports import Stored
from proctoring.errors import DeskproctorError

# The successor comes first: its int8 kernels are several times as fast on x86.
LIBRARIES = {"ai_edge_litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime"}


class RuntimeMissing(DeskproctorError, ImportError):
    """No library that runs TFLite files is installed."""


class ModelUnusable(DeskproctorError, ValueError):
    """A file that is intact, yet this runtime cannot load it."""


class TFLiteRuntime:
    """Loads TFLite files with the library called `library`, or the first one that is installed."""

    def __init__(self, library: str | None = None) -> None:
        """Raises `RuntimeMissing`."""
        self._library, module = _import([library] if library else list(LIBRARIES))
        self._interpreter: Any = module.Interpreter

    @property
    def name(self) -> str:
        """The library with its version."""
        package = LIBRARIES.get(self._library, self._library)
        return f"{package} {importlib.metadata.version(package)}"

    def load(self, path: Path, threads: int = 1) -> TFLiteModel:
        """The network in the file at `path`; one run may use so many CPU `threads`. Raises `ModelUnusable`."""
        try:
            interpreter = self._interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelUnusable(f"{self.name} cannot load {path.name}: {error}. Run `make models`.") from error
        return TFLiteModel(interpreter)


class TFLiteModel:
    """One network, with its memory set aside."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._input: int = interpreter.get_input_details()[0]["index"]
        self._room = interpreter.tensor(self._input)
        self._outputs = [
            (interpreter.tensor(detail["index"]), float(detail["quantization"][0]), int(detail["quantization"][1]))
            for detail in interpreter.get_output_details()
        ]

    def room(self) -> NDArray[Any]:
        """The memory of the input; while somebody holds it, the library refuses to run."""
        room: NDArray[Any] = self._room()
        return room

    def run(self, batch: NDArray[Any] | None = None) -> list[Floats]:
        """What the network says, whole numbers made into the numbers that they stand for."""
        return [output.numbers(output.values) for output in self.stored(batch)]

    def stored(self, batch: NDArray[Any] | None = None) -> list[Stored]:
        """What the network says, in its own memory: while somebody holds that, the library refuses to run."""
        if batch is not None:
            self._interpreter.set_tensor(self._input, batch)
        self._interpreter.invoke()
        return [Stored(memory(), step, zero) for memory, step, zero in self._outputs]


def _import(libraries: list[str]) -> tuple[str, ModuleType]:
    for library in libraries:
        try:
            return library, importlib.import_module(f"{library}.interpreter")
        except ImportError:
            continue
    raise RuntimeMissing(
        f"Nothing that runs TFLite files is installed (looked for {' and '.join(libraries)}). "
        "Run `make setup`, or install ai-edge-litert."
    )
