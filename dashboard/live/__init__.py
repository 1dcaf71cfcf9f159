"""Live pages: one feed a process renders what changed, once, for all browsers."""
