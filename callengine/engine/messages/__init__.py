"""What call processes say and pages ask, taken; what pages are told."""
