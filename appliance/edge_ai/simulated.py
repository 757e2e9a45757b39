"""Detectors and frames that follow a script, for tests and for desks without a processor to spare."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from appliance.edge_ai.check_in import portrait
from appliance.edge_ai.picture import Floats, Picture, array
from appliance.runtime.frames import Frame
from proctoring.check_in import Photo, PhotoFault, PhotoQuality
from proctoring.observation import Face, Item

CANDIDATE = Face(score=0.95, box=(0.4, 0.2, 0.6, 0.55))


class SimulatedFaces:
    """Sees, look by look, what the script says; after its end, what it said last."""

    def __init__(self, *script: Iterable[Face]) -> None:
        """Without a script there is one face, the candidate's."""
        self._script = deque(tuple(look) for look in script or ((CANDIDATE,),))

    def find(self, picture: Picture) -> tuple[Face, ...]:
        """The next line of the script."""
        del picture
        return self._script.popleft() if len(self._script) > 1 else self._script[0]

    def follow(self, picture: Picture, at_ms: int, gaze: bool = True) -> tuple[Face, ...]:
        """The same."""
        del at_ms, gaze
        return self.find(picture)


class SimulatedItems:
    """Sees, look by look, what the script says; after its end, what it said last."""

    def __init__(self, *script: Iterable[Item]) -> None:
        """Without a script there is nothing to see."""
        self._script = deque(tuple(look) for look in script or ((),))

    def watch_for(self, labels: Collection[str]) -> None:
        """The script says what it says."""

    def find(self, picture: Picture) -> tuple[Item, ...]:
        """The next line of the script."""
        del picture
        return self._script.popleft() if len(self._script) > 1 else self._script[0]


class SimulatedPhotographer:
    """Meets the faults that the script names, try by try, and then takes the middle of the picture for a face."""

    def __init__(self, *faults: PhotoFault) -> None:
        self._faults = deque(faults)

    def take(self, picture: Picture) -> Photo | PhotoFault:
        """See Photographer."""
        if self._faults:
            return self._faults.popleft()
        jpeg = portrait(picture, CANDIDATE)
        quality = PhotoQuality(score=CANDIDATE.score, eyes_px=60.0, light=128.0, contrast=40.0, detail=0.4)
        return Photo(jpeg=jpeg, quality=quality, models={})

    def person_on(self, jpeg: bytes) -> Floats | None:
        """The same person on every photo."""
        return array([1.0]) if jpeg else None


class SimulatedFrames:
    """Offers the frame that was put in last, once."""

    def __init__(self) -> None:
        self._newest: Frame | None = None

    def put(self, frame: Frame) -> None:
        """Offers a frame in place of the one before."""
        self._newest = frame

    def newest(self, timeout_ms: int) -> Frame | None:
        """The newest frame not seen yet, or None where there is none."""
        del timeout_ms
        frame, self._newest = self._newest, None
        return frame
