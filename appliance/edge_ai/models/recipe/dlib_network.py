"""Makes the identity network: dlib's face ResNet with 29 convolutions, rebuilt from its weights.

The form is dlib's own (examples/dnn_face_recognition_ex.cpp). Three things differ from what TensorFlow would do by
itself: a step of 2 goes without padding; where a block makes the picture smaller, the way around it is a mean of 2x2;
and what is added may differ in height, width and depth: the smaller one is filled up with zeros at its end.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from appliance.edge_ai.alignment import cut_out
from appliance.edge_ai.models.recipe.dlib_weights import Layer, layers
from appliance.edge_ai.models.recipe.quantise import read_rgb
from appliance.edge_ai.picture import Bytes, Floats, array, from_rgb
from proctoring.observation import Face

SIDE_PX = 150

FACES = Path(__file__).with_name("faces.csv")
"""Where faces lie on the manifest's pictures: right eye, left eye, nose, mouth, in shares of the picture."""

# Processors differ in the seventh digit of the average face; whether faces are alike shows in the second.
DIGITS = 3

# dlib's input_rgb_image: these means are taken off, the rest is divided by 256.
MEAN_RGB = array([122.782, 117.001, 104.298])
SCALE = 256.0

FIRST_PX = 7
"""Side of the first convolution's kernels; all others have 3."""

# The step of each block's first convolution.
STEPS = (1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 2, 1, 1, 2)


def rebuilt(weights: Path, pictures: list[Path]) -> bytes:
    """The network as the bytes of a .tflite file with int8 weights: a face in, 128 numbers of length 1 out.

    The numbers count from the average face's on `pictures`: what all faces share says nothing about who it is.
    """
    describe = descriptor(weights.read_bytes())
    return converted(_function(describe, _average(describe, neutral_faces(pictures))))


def neutral_faces(pictures: list[Path]) -> Iterator[Bytes]:
    """The faces that `faces.csv` lists on those of its pictures that are given, cut out as a desk does."""
    by_name = {path.name: path for path in pictures}
    with FACES.open(newline="") as rows:
        for name, *shares in list(csv.reader(rows))[1:]:
            if name in by_name:
                points = array(shares).reshape(-1, 2).tolist()
                face = Face(score=1.0, box=(0.0, 0.0, 1.0, 1.0), points=tuple((x, y) for x, y in points))
                yield cut_out(from_rgb(read_rgb(by_name[name])), face)


def converted(function: Any) -> bytes:
    """A TensorFlow function as the bytes of a .tflite file with int8 weights; what flows between stays float."""
    module = tf.Module()
    module.function = function
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return bytes(converter.convert())


def descriptor(saved: bytes) -> Callable[[Any], Any]:
    """Dlib's network: an RGB face (1, 150, 150, 3), float32, 0..255, becomes 128 numbers, as dlib gives them."""
    found = list(layers(saved))
    convolutions, last = list(_convolutions(found[:-1])), found[-1].values

    def describe(face: Any) -> Any:
        features = _network((face - MEAN_RGB) / SCALE, iter(convolutions))
        # A product with a matrix, written as a convolution: older runtimes know that one with int8 weights.
        return tf.nn.conv2d(features, last.reshape(1, 1, features.shape[-1], -1), 1, "VALID")[:, 0, 0]

    return describe


def _average(describe: Callable[[Any], Any], cuts: Iterator[Bytes]) -> Floats:
    described = [tf.math.l2_normalize(describe(cut[None].astype(np.float32)), axis=1).numpy() for cut in cuts]
    return array(np.concatenate(described).mean(axis=0).round(DIGITS))


def _function(describe: Callable[[Any], Any], neutral: Floats) -> Any:
    def embed(picture: Any) -> dict[str, Any]:
        described = tf.math.l2_normalize(describe(picture), axis=1)
        return {"embedding": tf.math.l2_normalize(described - neutral, axis=1)}

    signature = [tf.TensorSpec((1, SIDE_PX, SIDE_PX, 3), tf.float32, name="picture")]
    return tf.function(embed, input_signature=signature, autograph=False)


@dataclass(frozen=True)
class _Convolution:
    """A convolution with the scale and the shift that follow it folded in."""

    kernel: Floats
    shift: Floats

    def __call__(self, features: Any, step: int = 1) -> Any:
        summed = tf.nn.conv2d(features, self.kernel, step, "SAME" if step == 1 else "VALID")
        return tf.nn.bias_add(summed, self.shift)


def _convolutions(found: list[Layer]) -> Iterator[_Convolution]:
    # They take turns: a convolution (its kernels, then a shift for each), its affine layer (scales, then shifts).
    for convolution, affine in zip(found[0::2], found[1::2], strict=True):
        scale, shift = np.split(affine.values, 2)
        kernels, bias = np.split(convolution.values, [-scale.size])
        across = FIRST_PX if convolution is found[0] else 3
        kernel = kernels.reshape(scale.size, -1, across, across).transpose(2, 3, 1, 0)
        yield _Convolution(kernel * scale, bias * scale + shift)


def _network(face: Any, convolutions: Iterator[_Convolution]) -> Any:
    features = tf.nn.relu(next(convolutions)(face, 2))
    features = tf.nn.max_pool2d(features, 3, 2, "VALID")
    for step in STEPS:
        features = _block(features, step, next(convolutions), next(convolutions))
    return tf.reduce_mean(features, [1, 2], keepdims=True)


def _block(features: Any, step: int, first: _Convolution, second: _Convolution) -> Any:
    through = second(tf.nn.relu(first(features, step)))
    around = features if step == 1 else tf.nn.avg_pool2d(features, 2, 2, "VALID")
    return tf.nn.relu(_sum(through, around))


def _sum(a: Any, b: Any) -> Any:
    shape = [max(sides) for sides in zip(a.shape, b.shape, strict=True)]
    return _filled_up(a, shape) + _filled_up(b, shape)


def _filled_up(features: Any, shape: list[int]) -> Any:
    missing = [whole - side for whole, side in zip(shape, features.shape, strict=True)]
    return tf.pad(features, [[0, count] for count in missing]) if any(missing) else features
