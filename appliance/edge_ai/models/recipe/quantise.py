"""Makes the int8 NanoDet: takes RGB bytes, gives class scores and box sides as int8."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from appliance.edge_ai.models.recipe.tfjs_graph import Graph, GraphBroken, read_graph
from appliance.edge_ai.models.recipe.to_tensorflow import Evaluation
from appliance.edge_ai.picture import Bytes, Picture, Region, array, from_rgb

SIDE_PX = 416

# Class scores and box sides at strides 8, 16 and 32, by the names the graph has for them.
OUTPUTS = {
    "scores_8": "PartitionedCall/onnx_tf_prefix_Sigmoid_154",
    "scores_16": "PartitionedCall/onnx_tf_prefix_Sigmoid_165",
    "scores_32": "PartitionedCall/onnx_tf_prefix_Sigmoid_176",
    "sides_8": "PartitionedCall/onnx_tf_prefix_Split_153:1",
    "sides_16": "PartitionedCall/onnx_tf_prefix_Split_164:1",
    "sides_32": "PartitionedCall/onnx_tf_prefix_Split_175:1",
}

# NanoDet was trained on BGR with these means and deviations (its published configuration).
MEAN_BGR = array([103.53, 116.28, 123.675])
DEVIATION_BGR = array([57.375, 57.12, 58.395])

# Every picture is shown whole and in six overlapping parts, so that few pictures give many scales.
PARTS = [Region(left, top, left + 0.5, top + 0.5) for left in (0.0, 0.25, 0.5) for top in (0.0, 0.5)]


def quantised(model_json: Path, pictures: list[Path]) -> bytes:
    """The int8 model as the bytes of a .tflite file; `pictures` set the ranges of its numbers."""
    function = _function(read_graph(model_json))
    module = tf.Module()
    module.function = function
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([square[None].astype(np.float32)] for square in squares(pictures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def fix_the_dice() -> None:
    """Makes one run give what the next gives, as far as TensorFlow allows."""
    random.seed(0)
    tf.keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)


def squares(pictures: list[Path], side_px: int = SIDE_PX) -> Iterator[Bytes]:
    """The pictures as the model takes them, shrunk by averaging.

    The desk shrinks faster and a little differently. What set a model's ranges must not change with it: the same
    pictures give the same file.
    """
    for path in pictures:
        picture = from_rgb(read_rgb(path))
        for region in (Region(0, 0, 1, 1), *PARTS):
            yield _square(picture.cut(region), side_px)


def _square(part: Picture, side_px: int) -> Bytes:
    scale = side_px / max(part.width, part.height)
    width, height = (max(2, 2 * round(length * scale / 2)) for length in (part.width, part.height))
    sizes = ((width, height), (width // 2, height // 2), (width // 2, height // 2))
    planes = (
        cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        for plane, size in zip((part.luma, part.blue, part.red), sizes, strict=True)
    )
    stacked = np.concatenate([plane.ravel() for plane in planes]).reshape(height * 3 // 2, width)
    left, top = (side_px - width) // 2, (side_px - height) // 2
    square = np.zeros((side_px, side_px, 3), np.uint8)
    square[top : top + height, left : left + width] = cv2.cvtColor(stacked, cv2.COLOR_YUV2RGB_I420)
    return square


def outputs(model: bytes, square: Bytes) -> dict[str, Any]:
    """What a .tflite model says about one square, as numbers, by the names of its outputs."""
    interpreter = tf.lite.Interpreter(model_content=model)
    run = interpreter.get_signature_runner()
    taken = run.get_input_details()["picture"]["dtype"]
    said = run(picture=square[None].astype(taken))
    details = run.get_output_details()
    return {name: _as_numbers(value, *details[name]["quantization"]) for name, value in said.items()}


def _as_numbers(value: Any, step: float, zero: int) -> Any:
    return (value.astype(np.float32) - zero) * step if step else value


def read_rgb(path: Path) -> Bytes:
    """The picture in a file. Raises `GraphBroken` where it holds none."""
    read = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if read is None:
        raise GraphBroken(f"{path} is no picture")
    return np.asarray(read, np.uint8)


def _function(graph: Graph) -> Any:
    def detect(picture: Any) -> dict[str, Any]:
        evaluation = Evaluation(graph, _normalised(picture))
        return {ours: evaluation.output(theirs) for ours, theirs in OUTPUTS.items()}

    signature = [tf.TensorSpec((1, SIDE_PX, SIDE_PX, 3), tf.float32, name="picture")]
    return tf.function(detect, input_signature=signature, autograph=False)


def _normalised(picture: Any) -> Any:
    """RGB of 0..255 to what the network was trained on, as a 1x1 convolution that int8 can hold."""
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    for channel in range(3):
        kernel[0, 0, 2 - channel, channel] = 1 / DEVIATION_BGR[channel]
    return tf.nn.bias_add(tf.nn.conv2d(picture, kernel, 1, "SAME"), -MEAN_BGR / DEVIATION_BGR)
