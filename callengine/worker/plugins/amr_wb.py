"""AMR-WB on vo-amrwbenc and opencore-amrwb."""

from typing import Any

from callengine.worker.native.libraries import (
    AMR_WB_DECODER_LIBRARY,
    AMR_WB_ENCODER_LIBRARY,
    ffi,
    library,
)
from callengine.worker.plugins.amr import AmrInstance, described
from callengine.worker.plugins.compiled import compiled
from callengine.worker.plugins.factory import Description
from callengine.worker.plugins.instances import Instance
from callengine.worker.plugins.rfc4867 import AMR_WB, Frame, FrameType


def description() -> Description:
    """Describe AMR-WB to pjmedia; loads both libraries, or LibraryMissingError."""
    library(AMR_WB_ENCODER_LIBRARY)
    library(AMR_WB_DECODER_LIBRARY)
    return described("AMR-WB", AMR_WB, 97, instance)


def instance() -> Instance:
    """Return what encodes and decodes one stream."""
    return compiled(AmrWbInstance())


class AmrWbInstance(AmrInstance):
    """Encoder and decoder of one stream."""

    name = "AMR-WB"
    table = AMR_WB
    lost = Frame(FrameType.SPEECH_LOST, good=False).storage

    def __init__(self) -> None:
        super().__init__()
        self._encoding = library(AMR_WB_ENCODER_LIBRARY)
        self._decoding = library(AMR_WB_DECODER_LIBRARY)

    def new_encoder(self) -> Any:
        return ffi.gc(self._encoding.E_IF_init(), self._encoding.E_IF_exit)

    def new_decoder(self) -> Any:
        return ffi.gc(self._decoding.D_IF_init(), self._decoding.D_IF_exit)

    def functions(self) -> tuple[Any, Any]:
        return self._encoding.E_IF_encode, self._decoding.D_IF_decode

    def coded(self, encoder: Any, mode: int, samples: Any, into: Any) -> int:
        return int(self._encoding.E_IF_encode(encoder, mode, samples, into, 0))

    def decoded(self, decoder: Any, storage: Any, into: Any) -> None:
        self._decoding.D_IF_decode(decoder, storage, into, 0)
