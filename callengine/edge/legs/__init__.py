"""The dialogs of calls, each between a peer outside and a call process inside."""
