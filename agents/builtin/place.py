"""Where the built-in agent is. Pure."""

from urllib.parse import urlsplit

PATH = "/v1/ws"
NAME = "VoIP Number built-in agent"


def builtin_url(place: tuple[str, int]) -> str:
    """Return the URL of the built-in agent at a host and port."""
    host, port = place
    return f"ws://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


def is_builtin(url: str, place: tuple[str, int]) -> bool:
    """Whether a URL leads to the built-in agent at this host and port."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "ws" and (parts.hostname, parts.port) == place
    except ValueError:
        return False
