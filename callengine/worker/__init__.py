"""A process for each call: pjsua2, the media extension, the legs. No Django, no database."""
