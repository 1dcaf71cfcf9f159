"""Voice agents in a call process."""
