"""Reads a graph model of TensorFlow.js: model.json with the graph, one or more .bin files with the weights."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proctoring.errors import DeskproctorError

Array = NDArray[Any]


class GraphBroken(DeskproctorError, ValueError):
    """The model's files do not fit together, or hold something that this recipe does not know."""


@dataclass(frozen=True)
class Node:
    """One operation: its name, its kind, the names it reads (`name` or `name:output`), its attributes."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, dict[str, Any]]

    def numbers(self, key: str) -> list[int]:
        """An attribute that is a list of whole numbers."""
        return [int(number) for number in self.attributes[key]["list"].get("i", [])]

    def number(self, key: str) -> float:
        """An attribute that is one floating-point number."""
        return float(self.attributes[key]["f"])

    def flag(self, key: str) -> bool:
        """An attribute that is true or false."""
        return bool(self.attributes[key]["b"])

    def text(self, key: str) -> str:
        """An attribute that is a text; the file keeps it in base64."""
        return base64.b64decode(self.attributes[key]["s"]).decode()


@dataclass(frozen=True)
class Graph:
    """A model: its operations by name, and its constants by name."""

    nodes: dict[str, Node]
    weights: dict[str, Array]


def read_graph(model_json: Path) -> Graph:
    """The model that `model_json` describes. Raises `GraphBroken` when the weights do not fill their files."""
    described = json.loads(model_json.read_text())
    nodes = [_node(found) for found in described["modelTopology"]["node"]]
    weights: dict[str, Array] = {}
    for group in described["weightsManifest"]:
        data = b"".join((model_json.parent / path).read_bytes() for path in group["paths"])
        weights.update(_weights(data, group["weights"]))
    return Graph({node.name: node for node in nodes}, weights)


def _node(found: dict[str, Any]) -> Node:
    data_inputs = tuple(name for name in found.get("input", []) if not name.startswith("^"))
    return Node(found["name"], found["op"], data_inputs, found.get("attr", {}))


def _weights(data: bytes, listed: list[dict[str, Any]]) -> dict[str, Array]:
    weights: dict[str, Array] = {}
    offset = 0
    for entry in listed:
        stored = _stored_type(entry)
        values = np.frombuffer(data, stored, math.prod(entry["shape"]), offset)
        offset += values.nbytes
        weights[entry["name"]] = values.astype(entry["dtype"]).reshape(entry["shape"])
    if offset != len(data):
        raise GraphBroken(f"the weights take {offset} bytes, the files hold {len(data)}")
    return weights


def _stored_type(entry: dict[str, Any]) -> np.dtype[Any]:
    stored: str = entry.get("quantization", {}).get("dtype", entry["dtype"])
    if stored not in ("float32", "float16", "int32"):
        raise GraphBroken(f"weight {entry['name']} is stored as {stored}, which this recipe does not read")
    return np.dtype(stored)
