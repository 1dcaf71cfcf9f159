"""The pieces SIP values are made of: lists, quoted strings, parameters, numbers. All linear.

A library's regular expressions are kept away from what peers send: those at hand take a comma
between quotes for a separator, or look at a character again and again.
"""

import re

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+\Z")
_SPECIAL = re.compile(r'[\\"<>,;]')
_ESCAPED = re.compile(r"\\(.)")


def is_token(text: str) -> bool:
    """Tell whether text is a token (RFC 3261 section 25.1)."""
    return _TOKEN.match(text) is not None


def split_scheme(text: str) -> tuple[str, str]:
    """Return the scheme of credentials or a challenge, in small letters, and what follows it.

    White space of any kind parts them (RFC 3261 section 25.1, LWS).
    """
    scheme, *rest = text.split(maxsplit=1) or ("",)
    return scheme.lower(), rest[0] if rest else ""


def split_quoted(text: str, separator: str) -> list[str]:
    """Split at a comma or semicolon outside quotes and angle brackets; items are stripped."""
    if '"' not in text and "<" not in text:
        return [item.strip() for item in text.split(separator)]
    items, start, quoted, angle, skipped = [], 0, False, False, -1
    for match in _SPECIAL.finditer(text):
        index, char = match.start(), match.group()
        if index == skipped:
            continue
        if quoted:
            skipped = index + 1 if char == "\\" else -1
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char in "<>":
            angle = char == "<"
        elif char == separator and not angle:
            items.append(text[start:index].strip())
            start = index + 1
    items.append(text[start:].strip())
    return items


def end_of_quotes(text: str, sought: str = "") -> int:
    """Return where `sought` first stands outside quotes; -1 if nowhere.

    Raises:
        ValueError: a quote does not close before it.
    """
    quoted, skipped = False, -1
    for match in _SPECIAL.finditer(text):
        index, char = match.start(), match.group()
        if index == skipped:
            continue
        if char == "\\" and quoted:
            skipped = index + 1
        elif char == '"':
            quoted = not quoted
        elif char == sought and not quoted:
            return index
    if quoted:
        raise ValueError("a quote does not close")
    return -1


def unquote(text: str) -> str:
    """Return a quoted-string's content, or the text as it is."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return _ESCAPED.sub(r"\1", text[1:-1])
    return text


def parse_params(items: list[str]) -> dict[str, str | None]:
    """Return `name=value` items by lower-case name; the first of a name wins."""
    params: dict[str, str | None] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if name := name.strip().lower():
            params.setdefault(name, unquote(value.strip()) if equals else None)
    return params


def has_stray_separators(items: list[str]) -> bool:
    """Tell whether parameters have separators with nothing between them; one may end the list."""
    return "" in (items[:-1] if items and not items[-1] else items)


def read_pause(text: str, *, most: int) -> int | None:
    """Return the seconds of a Retry-After (RFC 3261 section 20.33), at most `most`; or None."""
    digits = text.partition("(")[0].partition(";")[0].strip()
    if not digits.isascii() or not digits.isdigit():
        return None
    return min(int(digits), most) if len(digits) < 20 else most


def read_number(text: str, *, most: int = 2**63) -> int | None:
    """Return a whole number without sign, or None; leading zeros mean nothing."""
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit():
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) < 20 and int(digits) <= most else None
