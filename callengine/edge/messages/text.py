"""Text from the network, made fit for databases, logs and pages."""


def clean(text: str, limit: int = 128) -> str:
    """Return text as something a database and a page can hold: printable, so many characters."""
    if text.isascii() and text.isprintable():
        return text[:limit]
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char for char in text if char.isprintable())[:limit]
