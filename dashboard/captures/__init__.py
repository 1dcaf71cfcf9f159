"""Packets of a call: recording them, and the file."""
