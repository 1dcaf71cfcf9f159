"""What places share: who may see a page, tables, times, the engines."""
