"""CSV (RFC 4180) that a spreadsheet may safely open."""

import csv
import datetime as dt
import io
import re

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
"What a formula begins with; some spreadsheets take the full-width signs for the others."
# Where the comma is the decimal sign, a spreadsheet cuts lines at semicolons, or at tabs.
_NEXT_CELL = re.compile("(?<=[;\t\r\n])(?= *[=+@\uff1d\uff0b\uff0d\uff20-])")
_E164 = re.compile(r"\A\+[0-9]{1,15}\Z")


def cell(value: object) -> str:
    """Return a value as a spreadsheet may safely open it.

    Times are ISO 8601 in UTC. Text that a spreadsheet would take for a formula begins with an
    apostrophe, and so does what begins a cell where lines are cut at semicolons; a telephone
    number such as +12025550100 does nothing there and stays as it is.
    """
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = _NEXT_CELL.sub("'", str(value))
    if text.startswith(_FORMULA) and not _E164.match(text):
        return f"'{text}"
    return text


def csv_text(rows: object) -> str:
    """Return rows of cells as lines."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue()
