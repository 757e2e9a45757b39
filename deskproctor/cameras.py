"""Which picture the demo's desk sees: a video that was named, else the first camera, else the clip made at set-up."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from appliance.capture.video_file import check_video
from proctoring.errors import DeskproctorError

CLIP: Final = "demo_clip.mp4"


class NoPicture(DeskproctorError, FileNotFoundError):
    """There is nothing to look at."""


def choose(video: Path | None, loop: bool) -> tuple[dict[str, Any], str]:
    """The table [capture] of the desk's settings, and what it is in words. Raises where a video cannot be played."""
    if video is not None:
        check_video(video)
        return {"source": "video", "video": str(video.resolve()), "loop": loop, "microphone": "video"}, str(video)
    camera = first_camera()
    if camera is not None:
        return {"source": "usb", "device": str(camera)}, f"camera {camera}"
    clip = made_clip()
    return {"source": "video", "video": str(clip), "loop": loop}, "the clip made at set-up (no camera was found)"


def second(video: Path) -> dict[str, Any]:
    """The table [second_camera] that plays a file, again and again. Raises where it cannot be played."""
    check_video(video)
    return {"source": "video", "video": str(video.resolve()), "loop": True, "camera": "side"}


def first_camera() -> Path | None:
    """The first video device that this user may open."""
    for path in sorted(Path("/dev").glob("video*")):
        try:
            path.open("rb").close()
        except OSError:
            continue
        return path
    return None


def made_clip() -> Path:
    """The clip made at set-up, beside the code or below the installation."""
    for folder in (Path(__file__).parents[1] / "build", Path(sys.prefix) / "share" / "deskproctor"):
        if (folder / CLIP).is_file():
            return folder / CLIP
    raise NoPicture("There is no camera here and no demo clip. Name a video with --video, or run `make setup`.")
