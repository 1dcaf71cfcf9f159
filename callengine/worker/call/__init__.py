"""One call in its process: the runner, with what is done for it, heard of its legs and told."""
