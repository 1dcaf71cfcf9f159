"""AMR, the narrowband codec of mobile networks, on opencore-amrnb."""

from typing import Any

from callengine.worker.native.libraries import AMR_LIBRARY, ffi, library
from callengine.worker.plugins.amr import AmrInstance, described
from callengine.worker.plugins.compiled import compiled
from callengine.worker.plugins.factory import Description
from callengine.worker.plugins.instances import Instance
from callengine.worker.plugins.rfc4867 import AMR, NO_DATA, Frame

_NO_SILENCE_DETECTION = 0


def description() -> Description:
    """Describe AMR to pjmedia; loads the library, or LibraryMissingError."""
    library(AMR_LIBRARY)
    return described("AMR", AMR, 99, instance)


def instance() -> Instance:
    """Return what encodes and decodes one stream."""
    return compiled(AmrNbInstance())


class AmrNbInstance(AmrInstance):
    """Encoder and decoder of one stream."""

    name = "AMR"
    table = AMR
    # A frame that was not sent is concealed after speech, and is comfort noise after a SID frame.
    lost = Frame(NO_DATA, good=False).storage

    def __init__(self) -> None:
        super().__init__()
        self._library = library(AMR_LIBRARY)
        self._samples = ffi.new("int16_t[]", AMR.frame_samples)

    def new_encoder(self) -> Any:
        opened = self._library.Encoder_Interface_init(_NO_SILENCE_DETECTION)
        return ffi.gc(opened, self._library.Encoder_Interface_exit)

    def new_decoder(self) -> Any:
        opened = self._library.Decoder_Interface_init()
        return ffi.gc(opened, self._library.Decoder_Interface_exit)

    def functions(self) -> tuple[Any, Any]:
        return self._library.Encoder_Interface_Encode, self._library.Decoder_Interface_Decode

    def coded(self, encoder: Any, mode: int, samples: Any, into: Any) -> int:
        # The encoder filters, and halves, the samples where they are.
        ffi.memmove(self._samples, samples, ffi.sizeof(self._samples))
        return int(self._library.Encoder_Interface_Encode(encoder, mode, self._samples, into, 0))

    def decoded(self, decoder: Any, storage: Any, into: Any) -> None:
        self._library.Decoder_Interface_Decode(decoder, storage, into, 0)
