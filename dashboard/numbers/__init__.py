"""Telephone numbers, and where each leads."""
