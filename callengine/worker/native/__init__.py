"""The media extension: what a call does 50 times a second, in C, without Python's lock.

`build` compiles it (bin/setup), `loading` loads it before pjsua2 and binds it, `media` gives it to
cffi. Without it calls go on as they are, at a higher price; `loading.why_not()` says why.
"""
