"""Legs that are test destinations: the caller's own voice, a tone, or a word about the codec."""
