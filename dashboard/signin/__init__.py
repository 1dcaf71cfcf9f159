"""Signing in: one at a time, so many wrong passwords, and what those who are held back are told."""
