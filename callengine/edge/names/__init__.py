"""Where a SIP name leads (RFC 3263): name servers asked, and what is kept of their answers."""
