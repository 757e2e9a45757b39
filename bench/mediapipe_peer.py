"""MediaPipe's FaceMesh on frames from a file; runs in an environment of its own and knows nothing of Deskproctor.

`python mediapipe_peer.py FRAMES.npy MOST_FACES`: for each line on standard input the frames (RGB, n of one size)
are shown once, in order, and then the number of those with a face comes back as JSON.
"""

from __future__ import annotations

import json
import sys

import mediapipe  # type: ignore[import-not-found]  # lives in the other environment
import numpy as np


def main(path: str, most_faces: int) -> None:
    frames = np.load(path)
    mesh = mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=most_faces, refine_landmarks=False)
    for _ in sys.stdin:
        found = sum(mesh.process(frame).multi_face_landmarks is not None for frame in frames)
        print(json.dumps({"found": found}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
