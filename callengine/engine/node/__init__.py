"""The engine as a whole: which it is, its memory and descriptors, its sign of life, its end."""
