"""One engine: it plans calls, gives them to processes, hears these, and tells pages."""
