"""How much there is to see in a picture at all."""

from __future__ import annotations

import cv2
import numpy as np

from appliance.edge_ai.picture import Picture
from proctoring.observation import Light

# A thumbnail this small has the picture's light and none of the sensor's noise.
SIZE_PX = (64, 36)

# Video range: luma runs from 16 (black) to 235 (white).
BLACK, WHITE = 16.0, 235.0


def measure(picture: Picture) -> Light:
    """Mean and standard deviation of the picture's luma, both in 0..1."""
    small = cv2.resize(picture.luma, SIZE_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
    luma = np.clip((small - BLACK) / (WHITE - BLACK), 0, 1)
    return Light(mean=round(float(luma.mean()), 4), spread=round(float(luma.std()), 4))
