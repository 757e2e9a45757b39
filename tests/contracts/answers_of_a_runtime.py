"""What one runtime says, told by whichever environment has it: `python answers_of_a_runtime.py LIBRARY OUT.npz`.

Our own adapter runs three detectors on a picture of noise; their outputs go into OUT.npz as `<model>.<number>`.
"""

import sys

import numpy as np

from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.tflite import TFLiteRuntime

TAKEN = {
    "face_detection_full_range": ((1, 192, 192, 3), np.uint8, 1),
    "nanodet_416_int8": ((1, 416, 416, 3), np.uint8, 1),
    "ssd_mobilenet_v2_oid_v4": ((1, 300, 300, 3), np.float32, 1 / 255),
}


def noise(shape):
    """Coarse noise that is the same for everyone: numpy's own may change from one version to the next."""
    small = (np.arange(52 * 52 * 3, dtype=np.uint64) * 2654435761 % 2**32 >> 24).astype(np.uint8).reshape(52, 52, 3)
    return small.repeat(8, 0).repeat(8, 1)[None, : shape[1], : shape[2]]


def main(library, out):
    runtime, catalogue, answers = TFLiteRuntime(library), Catalogue(), {}
    for name, (shape, kind, scale) in TAKEN.items():
        model = runtime.load(catalogue.path(name))
        batch = (noise(shape) * kind(scale)).astype(kind)
        for number, output in enumerate(model.run(batch)):
            answers[f"{name}.{number}"] = output
        # What is stored is let go before the network runs again.
        read = [output.numbers(output.values) for output in model.stored(batch)]
        model.room()[:] = batch
        answers[f"{name}.in_its_room_alike"] = np.array(
            all(np.array_equal(one, two) for one, two in zip(model.run(), model.run(batch), strict=True))
        )
        answers[f"{name}.stored_alike"] = np.array(
            all(np.array_equal(one, two) for one, two in zip(read, model.run(batch), strict=True))
        )
    np.savez(out, name=np.array(runtime.name), **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
