"""Calls that arrive: who calls, whether there is room, and a call process for each."""
