"""Packets of calls recorded: of which calls, into which file, by which thread."""
