"""The life of a call process: who forks it, what it may not do, its loop and its socket."""
