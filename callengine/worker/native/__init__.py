"""What is C in a call process: the libraries it calls, and the media extension, which is ours.

`libraries` loads pjmedia and the codecs through cffi, as `declarations` has them; `layout` proves
that these fit. The extension is what a call does 50 times a second, in C, without Python's lock:
`build` compiles it (bin/setup), `loading` loads it before pjsua2 and binds it, `media` gives it to
cffi. With it `emitted` writes the declarations as a module, so that no process parses them. Without
it calls go on as they are, at a higher price; `loading.load()` says why.
"""
