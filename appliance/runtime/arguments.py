"""The argument that every desk process takes."""

from __future__ import annotations

import argparse
from pathlib import Path


def settings_path(description: str) -> Path:
    """The path given with --settings."""
    path: Path = with_settings(argparse.ArgumentParser(description=description)).parse_args().settings
    return path


def with_settings(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser, which takes --settings too."""
    parser.add_argument(
        "--settings", type=Path, default=Path("/etc/deskproctor/desk.toml"), help="the desk's settings"
    )
    return parser
