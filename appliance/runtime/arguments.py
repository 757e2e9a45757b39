"""The one argument that every desk process takes."""

from __future__ import annotations

import argparse
from pathlib import Path


def settings_path(description: str) -> Path:
    """The path given with --settings."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--settings", type=Path, default=Path("/etc/deskproctor/desk.toml"), help="the desk's settings"
    )
    path: Path = parser.parse_args().settings
    return path
