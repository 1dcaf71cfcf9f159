"""What a key may be used for, and which rights its owner needs for that."""

from enum import StrEnum

from django.contrib.auth.models import AnonymousUser, User


class Scope(StrEnum):
    """One thing that a key may be used for."""

    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    TEMPLATES_READ = "connection-templates:read"
    TEMPLATES_WRITE = "connection-templates:write"


SENTENCES = {
    Scope.AGENTS_READ: "List voice agents and read their settings, never their secrets.",
    Scope.AGENTS_WRITE: "Make, change and delete voice agents.",
    Scope.TEMPLATES_READ: "List templates of connections, their codec lists and who follows them.",
    Scope.TEMPLATES_WRITE: "Make, change and delete templates of connections, and have connections "
    "follow them.",
}
PERMISSIONS: dict[Scope, tuple[str, ...]] = {
    Scope.AGENTS_READ: ("agents.view_voiceagent",),
    Scope.AGENTS_WRITE: (
        "agents.add_voiceagent",
        "agents.change_voiceagent",
        "agents.delete_voiceagent",
    ),
    Scope.TEMPLATES_READ: ("connections.view_connectiontemplate", "connections.view_connection"),
    Scope.TEMPLATES_WRITE: (
        "connections.add_connectiontemplate",
        "connections.change_connectiontemplate",
        "connections.delete_connectiontemplate",
        "connections.change_connection",
    ),
}
"What an owner must be allowed on the pages for a key of theirs to do it."


def scopes_of(user: User | AnonymousUser) -> list[Scope]:
    """Return the scopes that somebody may give to a key, or still lends to one of theirs."""
    return [scope for scope in Scope if user.has_perms(PERMISSIONS[scope])]
