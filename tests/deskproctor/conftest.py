"""One session kept at its desk and at the server, and packs of it, made once; tests that change them take copies."""

import shutil
from collections import namedtuple

import pytest

from bench.evidence import Kept, keep
from deskproctor.export import Wishes, export

VIDEOS = tuple(bytes([number]) * 1500 for number in range(5))

Evidence = namedtuple("Evidence", "kept pack flags")


@pytest.fixture(scope="session")
def evidence(tmp_path_factory):
    """Five segments, a kill and a flag; nobody may change these."""
    folder = tmp_path_factory.mktemp("evidence")
    kept = keep(folder, VIDEOS, kills=(3,))
    export(kept.session, kept.server, folder / "pack.zip", Wishes())
    export(kept.session, kept.server, folder / "flags.zip", Wishes(flags_only=True, margin_ms=500, sealed=True))
    return Evidence(kept, folder / "pack.zip", folder / "flags.zip")


@pytest.fixture
def copies(evidence, tmp_path):
    """The same folders, to be spoilt."""
    for name in ("desk", "server"):
        shutil.copytree(getattr(evidence.kept, name), tmp_path / name)
    return Kept(tmp_path / "desk", tmp_path / "server", evidence.kept.authority, evidence.kept.session)
