"""How loud a party is, as a bar: drawn five times a second, so without a template."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

_BAR = (
    '<svg class="level" id="level-{}"{} data-whole viewBox="0 0 100 8" preserveAspectRatio="none" '
    'aria-hidden="true" focusable="false"><rect width="{}" height="8"></rect></svg>'
)
OOB = SafeString(' hx-swap-oob="true"')


def level_bar(leg: str, level: float, *, oob: bool = False) -> SafeString:
    """Return the bar of a leg; `level` is 0 to 1. The style sheet lets one fade that gets old."""
    return format_html(_BAR, leg, OOB if oob else "", round(100 * min(max(level, 0.0), 1.0)))
