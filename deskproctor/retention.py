"""`deskproctor retention`: deletes at the review server what its time is over for, or says what that would be."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from deskproctor.keys import check, data_dir
from review_server.retention import Keeper, Report
from review_server.segments import SegmentFiles
from review_server.store import Store
from web.clock import SystemClock


@click.command("retention")
@data_dir
@click.option("--dry-run", is_flag=True, help="Delete nothing; say what would be deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON and nothing else.")
def retention_command(data_dir: Path, dry_run: bool, as_json: bool) -> None:
    """Delete the recordings whose time is over. DATA_DIR is the review server's, which does so itself once a day.

    Never what is under review, under appeal or under a legal hold. Ledgers and decisions stay.
    """
    check(data_dir)
    store = Store(data_dir / "review.db")
    try:
        report = Keeper(store, SegmentFiles(data_dir, arriving=False), SystemClock()).report(dry_run)
    finally:
        store.close()
    click.echo(msgspec.json.encode(report).decode() if as_json else told(report))


def told(report: Report) -> str:
    """The report for people."""
    verb = "would be deleted" if report.dry_run else "deleted"
    lines = [f"{one.session}: {one.files} files, {one.bytes / 1e6:.1f} MB {verb}" for one in report.removed]
    lines += [f"{session}: kept by a legal hold" for session in report.held]
    return "\n".join([*lines, f"{len(report.removed)} recordings {verb}."])
