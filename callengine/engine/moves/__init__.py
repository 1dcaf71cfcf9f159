"""What leads a call elsewhere: transfers, REFER, calls joined or picked up, redirects."""
