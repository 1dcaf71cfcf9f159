"""What a key may be used for, and which rights its owner needs for that."""

from enum import StrEnum

from django.contrib.auth.models import AnonymousUser, User


class Scope(StrEnum):
    """One thing that a key may be used for."""

    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"


SENTENCES = {
    Scope.AGENTS_READ: "List voice agents and read their settings, never their secrets.",
    Scope.AGENTS_WRITE: "Make, change and delete voice agents.",
}
PERMISSIONS: dict[Scope, tuple[str, ...]] = {
    Scope.AGENTS_READ: ("agents.view_voiceagent",),
    Scope.AGENTS_WRITE: (
        "agents.add_voiceagent",
        "agents.change_voiceagent",
        "agents.delete_voiceagent",
    ),
}
"What an owner must be allowed on the pages for a key of theirs to do it."


def scopes_of(user: User | AnonymousUser) -> list[Scope]:
    """Return the scopes that somebody may give to a key, or still lends to one of theirs."""
    return [scope for scope in Scope if user.has_perms(PERMISSIONS[scope])]
