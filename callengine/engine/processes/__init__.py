"""The call processes: forked ahead of need, read, told things, ended, replaced."""
