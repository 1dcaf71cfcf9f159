"""The whole configuration as one YAML file: read, check, apply, export.

What a file says is what holds afterwards, for every object it names: a key left out is at its
default, except a password and `enabled`, which stay as they are. Sections and objects the file
does not name are left alone (`prune` deletes the unnamed objects of the sections present).
"""
