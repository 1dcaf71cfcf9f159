"""Codecs: the catalogue, ordered lists of them, and the rule by which two lists agree."""
