"""What is lowest: names and addresses of SIP, digests, passwords, the encrypted field. No call."""
