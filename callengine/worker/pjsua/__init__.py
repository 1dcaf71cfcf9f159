"""pjsua2 as one process has it: its start, its sockets, its clock and the threads that call us."""
