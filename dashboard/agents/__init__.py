"""Voice agents: their pages, and the test of one."""
