"""What the commands that print rows have in common."""

import argparse
from collections.abc import Iterator, Sequence
from typing import TypeVar

from django.core.management.base import CommandParser, OutputWrapper
from django.db.models import Model, QuerySet

TABLE_LAST = 50
MAX_LAST = 1_000_000
Row = TypeVar("Row", bound=Model)


def add_listing_arguments(parser: CommandParser) -> None:
    """Add `--json` and `--last N`."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--last",
        type=_count,
        metavar="N",
        help=f"the newest N (default: all with --json, {TABLE_LAST} without)",
    )


def newest_last(
    rows: QuerySet[Row], *, time: str, last: int | None, as_json: bool
) -> Iterator[Row]:
    """Yield the newest rows, oldest first; all of them if `last` is None and for JSON."""
    count = last or (None if as_json else TABLE_LAST)
    if count is None:
        yield from rows.order_by(time, "id").iterator(chunk_size=500)
    else:
        yield from reversed(rows.order_by(f"-{time}", "-id")[:count])


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_LAST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_LAST}")
    return int(text)


def print_table(
    stdout: OutputWrapper, headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Print rows in columns as wide as their widest cell; control characters are shown as `?`."""
    cells = [[_printable(cell) for cell in row] for row in [headings, *rows]]
    widths = [max(len(row[index]) for row in cells) for index in range(len(headings))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        stdout.write(line.rstrip())


def _printable(text: str) -> str:
    # What a peer sent must not drive the terminal of who reads it.
    return "".join(char if char.isprintable() else "?" for char in text)
