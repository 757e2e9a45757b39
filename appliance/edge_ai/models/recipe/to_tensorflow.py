"""Carries a graph that came from ONNX over to TensorFlow, without the transpositions that ONNX brought along.

ONNX puts channels first, TensorFlow's kernels want them last, so the converter that made the graph put a
transposition before and after nearly every operation. Here every picture-like value is held with its channels
last, together with the order in which the graph believes to see it: a transposition then only changes the belief.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from appliance.edge_ai.models.recipe.tfjs_graph import Array, Graph, GraphBroken, Node

FIRST = (0, 3, 1, 2)
LAST = (0, 1, 2, 3)

# ONNX pads with the lowest float before it takes a maximum. In int8 that one number would stretch the range of the
# whole layer until nothing else can be told apart. What is padded came out of a leaky rectifier of slope 0.1, so
# its values hardly go below -1 and the maximum stays the same.
LOWEST_PADDING = -1.0


@dataclass(frozen=True)
class Value:
    """A tensor with its channels last, and the order of axes in which the graph sees it."""

    tensor: Any
    seen_as: tuple[int, ...] = LAST

    def like(self, tensor: Any) -> Value:
        """Another tensor, seen as this one is."""
        return replace(self, tensor=tensor)

    def axis(self, seen: int) -> int:
        """Where the axis that the graph calls `seen` really is."""
        return self.seen_as[seen]

    def channels_last(self) -> Any:
        """The tensor, for an operation that the graph feeds with channels last."""
        if self.seen_as != LAST:
            raise GraphBroken("an operation that wants channels last was fed with channels first")
        return self.tensor


Calculated = Value | list[Value]


class Evaluation:
    """One pass through a graph, from the picture to the outputs asked for."""

    def __init__(self, graph: Graph, picture: Any) -> None:
        """`picture` has its channels last; the graph sees it with its channels first."""
        self._graph = graph
        self._known: dict[str, Calculated] = {}
        self._picture = Value(picture, FIRST)

    def output(self, name: str) -> Any:
        """The tensor that the graph calls `name`, channels last."""
        return self._value(name).tensor

    def _value(self, name: str) -> Value:
        base, _, index = name.partition(":")
        if base not in self._known:
            self._known[base] = self._calculate(self._graph.nodes[base])
        found = self._known[base]
        return found[int(index or 0)] if isinstance(found, list) else found

    def _calculate(self, node: Node) -> Calculated:
        if node.op == "Placeholder":
            return self._picture
        if node.op not in OPERATIONS:
            raise GraphBroken(f"the graph uses {node.op} ({node.name}), which this recipe does not know")
        return OPERATIONS[node.op](self, node)

    def _constant(self, name: str) -> Array:
        return self._graph.weights[name]

    def add(self, node: Node) -> Value:
        """A sum of two values, or of a value and one number for each channel."""
        left, right = node.inputs
        value = self._value(left)
        if right in self._graph.weights:
            return value.like(tf.nn.bias_add(value.tensor, self._constant(right).reshape(-1)))
        other = self._value(right)
        if other.seen_as != value.seen_as:
            raise GraphBroken(f"{node.name} adds values whose axes are in different orders")
        return value.like(value.tensor + other.tensor)

    def concatenate(self, node: Node) -> Value:
        """Several values one after the other."""
        *parts, axis = node.inputs
        values = [self._value(part) for part in parts]
        where = values[0].axis(int(self._constant(axis)))
        return values[0].like(tf.concat([value.tensor for value in values], where))

    def convolve(self, node: Node) -> Value:
        """A convolution."""
        picture, kernel = node.inputs
        strides, dilations = node.numbers("strides"), node.numbers("dilations")
        tensor = self._value(picture).channels_last()
        return Value(tf.nn.conv2d(tensor, self._constant(kernel), strides, node.text("padding"), dilations=dilations))

    def leaky(self, node: Node) -> Value:
        """A leaky rectifier."""
        value = self._value(node.inputs[0])
        return value.like(tf.nn.leaky_relu(value.tensor, node.number("alpha")))

    def maximum(self, node: Node) -> Value:
        """The largest value in each window."""
        tensor = self._value(node.inputs[0]).channels_last()
        return Value(tf.nn.max_pool2d(tensor, node.numbers("ksize"), node.numbers("strides"), node.text("padding")))

    def pad(self, node: Node) -> Value:
        """A margin of zeros, or of the number that the graph names, but no lower than `LOWEST_PADDING`."""
        value = self._value(node.inputs[0])
        margins = self._constant(node.inputs[1])[np.argsort(value.seen_as)]
        filler = float(self._constant(node.inputs[2])) if node.op == "PadV2" else 0.0
        return value.like(tf.pad(value.tensor, margins, constant_values=max(filler, LOWEST_PADDING)))

    def resize(self, node: Node) -> Value:
        """A picture made larger or smaller, interpolated."""
        tensor = self._value(node.inputs[0]).channels_last()
        size = self._constant(node.inputs[1])
        centred = node.flag("half_pixel_centers")
        aligned = node.flag("align_corners")
        enlarged = tf.raw_ops.ResizeBilinear(
            images=tensor, size=size, align_corners=aligned, half_pixel_centers=centred
        )
        return Value(enlarged)

    def sigmoid(self, node: Node) -> Value:
        """Numbers pressed into 0..1."""
        value = self._value(node.inputs[0])
        return value.like(tf.sigmoid(value.tensor))

    def split(self, node: Node) -> list[Value]:
        """A value cut into parts of given lengths."""
        value = self._value(node.inputs[0])
        lengths, axis = (self._constant(name) for name in node.inputs[1:])
        parts = tf.split(value.tensor, lengths.tolist(), value.axis(int(axis)))
        return [value.like(part) for part in parts]

    def transpose(self, node: Node) -> Value:
        """Nothing is moved: the value is only seen with its axes in another order."""
        value = self._value(node.inputs[0])
        order = self._constant(node.inputs[1])
        return Value(value.tensor, tuple(value.seen_as[axis] for axis in order))


OPERATIONS: dict[str, Callable[[Evaluation, Node], Calculated]] = {
    "Add": Evaluation.add,
    "ConcatV2": Evaluation.concatenate,
    "Conv2D": Evaluation.convolve,
    "LeakyRelu": Evaluation.leaky,
    "MaxPool": Evaluation.maximum,
    "Pad": Evaluation.pad,
    "PadV2": Evaluation.pad,
    "ResizeBilinear": Evaluation.resize,
    "Sigmoid": Evaluation.sigmoid,
    "SplitV": Evaluation.split,
    "Transpose": Evaluation.transpose,
}
