"""What tests share: where the labelled media lie, which browser there is, and a whole site on this machine."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MEDIA = Path(os.environ.get("DESKPROCTOR_MEDIA", ROOT.parent / "shared" / "media"))
CLIP = ROOT / "build" / "demo_clip.mp4"


@pytest.fixture(scope="session")
def media():
    """The labelled clips and photos. They are not ours to publish, so they lie beside the checkout or nowhere."""
    if not (MEDIA / "labels.json").exists():
        pytest.skip(f"the labelled media are not at {MEDIA}; the generated clip walks the same path")
    return MEDIA


@pytest.fixture(scope="session")
def demo_clip():
    """The clip that `make setup` makes."""
    if not CLIP.exists():
        pytest.fail("the demo clip is missing: run `make setup`")
    return CLIP


@pytest.fixture(scope="session")
def chromium():
    """A real Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium on this machine")
