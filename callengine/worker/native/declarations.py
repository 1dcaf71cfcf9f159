"""C declarations, for cffi: pjlib and pjmedia, the codec libraries, our own media extension.

What C needs too is read from the headers that it includes, so that no layout stands twice: a header
as a whole, or what in it begins with VN_SHARED (a structure, a constant) or VN_EXPORT (a function).
Nothing of pjproject's layouts may be used before `layout.py` has held them against the wheel.
"""

import re
from pathlib import Path

_HERE = Path(__file__).parent
_SHARED = re.compile(r"(?smx) ^VN_EXPORT ([^;{]+;) | ^VN_SHARED ( [^;{]+ \{ .*? ^\} [^;]* ; )")
_OURS = (
    *("abi.h", "codecs/codecs.h", "codecs/short.h", "arrival.h", "capture.h", "clock.h"),
    *("halfband.h", "coding.h", "forwarding.h", "relay.h", "streams.h"),
)
"In an order in which what one needs of another comes before it."


def _plain(header: str) -> str:
    lines = (_HERE / header).read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def _shared(header: str) -> str:
    matches = _SHARED.finditer((_HERE / header).read_text())
    return "\n".join(one[1] or one[2] for one in matches)


PJPROJECT = _plain("pjproject.h")

PJMEDIA = """
pjmedia_endpt *pjsua_get_pjmedia_endpt(void);
pjmedia_port *pjsua_set_no_snd_dev(void);
pj_status_t pjmedia_endpt_stop_threads(pjmedia_endpt *);
pj_ioqueue_t *pjmedia_endpt_get_ioqueue(pjmedia_endpt *);
pj_status_t pj_ioqueue_register_sock(pj_pool_t *, pj_ioqueue_t *, long, void *,
    const pj_ioqueue_callback *, pj_ioqueue_key_t **);
pj_status_t pj_ioqueue_recv(pj_ioqueue_key_t *, pj_ioqueue_op_key_t *, void *, ptrdiff_t *,
    uint32_t);
pj_pool_factory *pjsua_get_pool_factory(void);
unsigned pjsua_call_get_count(void);
const char *pj_get_version(void);
pj_status_t pjmedia_codec_speex_deinit(void);
pj_status_t pjsua_enum_calls(int *ids, unsigned *count);
pj_pool_t *pj_pool_create(pj_pool_factory *, const char *, size_t, size_t, void *);
void pj_pool_release(pj_pool_t *);
pjmedia_codec_mgr *pjmedia_endpt_get_codec_mgr(pjmedia_endpt *);
pj_status_t pjmedia_codec_mgr_register_factory(pjmedia_codec_mgr *, pjmedia_codec_factory *);
pj_status_t pjmedia_codec_mgr_unregister_factory(pjmedia_codec_mgr *, pjmedia_codec_factory *);
pj_status_t pjmedia_codec_mgr_find_codecs_by_id(pjmedia_codec_mgr *, const pj_str_t *, unsigned *,
    const pjmedia_codec_info **, unsigned *);
pj_status_t pjmedia_codec_mgr_get_default_param(pjmedia_codec_mgr *, const pjmedia_codec_info *,
    pjmedia_codec_param *);
pj_status_t pjmedia_codec_mgr_alloc_codec(pjmedia_codec_mgr *, const pjmedia_codec_info *,
    pjmedia_codec **);
pj_status_t pjmedia_codec_mgr_dealloc_codec(pjmedia_codec_mgr *, pjmedia_codec *);
int pjmedia_sdp_print(const void *, char *, size_t);
pj_status_t pjmedia_sdp_neg_register_fmt_match_cb(const pj_str_t *, pjmedia_sdp_neg_fmt_match_cb);
pjmedia_sdp_attr *pjmedia_sdp_media_find_attr2(const pjmedia_sdp_media *, const char *,
    const pj_str_t *);
pj_status_t pjmedia_stream_get_rtp_session_info(pjmedia_stream *, pjmedia_stream_rtp_sess_info *);
pj_status_t pjmedia_stream_get_stat(pjmedia_stream *, pjmedia_rtcp_stat *);
pj_status_t pjsua_call_get_med_transport_info(int call, unsigned index, void *);
pjmedia_transport *pjmedia_stream_get_transport(pjmedia_stream *);
pj_status_t pjmedia_stream_pause(pjmedia_stream *, int);
pj_status_t pjmedia_stream_resume(pjmedia_stream *, int);
void pjmedia_rtcp_update(pjmedia_rtcp_session *, const pjmedia_rtcp_session_setting *);
int pj_thread_is_registered(void);
pj_status_t pj_thread_register(const char *, long *, pj_thread_t **);
pj_status_t pjmedia_resample_create(pj_pool_t *, int, int, unsigned, unsigned, unsigned, unsigned,
    pjmedia_resample **);
void pjmedia_resample_run(pjmedia_resample *, const int16_t *, int16_t *);
void pjmedia_resample_destroy(pjmedia_resample *);
pj_status_t pjmedia_plc_create(pj_pool_t *, unsigned, unsigned, unsigned, pjmedia_plc **);
pj_status_t pjmedia_plc_save(pjmedia_plc *, int16_t *);
pj_status_t pjmedia_plc_generate(pjmedia_plc *, int16_t *);
"""

OPUS = """
typedef struct OpusEncoder OpusEncoder;
typedef struct OpusDecoder OpusDecoder;
typedef struct OpusRepacketizer OpusRepacketizer;
OpusEncoder *opus_encoder_create(int32_t, int, int, int *);
int opus_encoder_ctl(OpusEncoder *, int, ...);
int32_t opus_encode(OpusEncoder *, const void *, int, void *, int32_t);
void opus_encoder_destroy(OpusEncoder *);
OpusDecoder *opus_decoder_create(int32_t, int, int *);
int opus_decode(OpusDecoder *, const void *, int32_t, void *, int, int);
void opus_decoder_destroy(OpusDecoder *);
OpusRepacketizer *opus_repacketizer_create(void);
OpusRepacketizer *opus_repacketizer_init(OpusRepacketizer *);
int opus_repacketizer_cat(OpusRepacketizer *, const void *, int32_t);
int32_t opus_repacketizer_out_range(OpusRepacketizer *, int, int, void *, int32_t);
void opus_repacketizer_destroy(OpusRepacketizer *);
"""

AMR_WB_ENCODER = """
void *E_IF_init(void);
int E_IF_encode(void *, int, const void *, void *, int);
void E_IF_exit(void *);
"""

AMR_WB_DECODER = """
void *D_IF_init(void);
void D_IF_decode(void *, const void *, void *, int);
void D_IF_exit(void *);
"""

AMR = """
void *Encoder_Interface_init(int);
int Encoder_Interface_Encode(void *, int, const void *, void *, int);
void Encoder_Interface_exit(void *);
void *Decoder_Interface_init(void);
void Decoder_Interface_Decode(void *, const void *, void *, int);
void Decoder_Interface_exit(void *);
"""

G729 = """
typedef struct bcg729EncoderChannelContextStruct bcg729EncoderChannelContextStruct;
typedef struct bcg729DecoderChannelContextStruct bcg729DecoderChannelContextStruct;
bcg729EncoderChannelContextStruct *initBcg729EncoderChannel(uint8_t);
void closeBcg729EncoderChannel(bcg729EncoderChannelContextStruct *);
void bcg729Encoder(bcg729EncoderChannelContextStruct *, const int16_t *, uint8_t *, uint8_t *);
bcg729DecoderChannelContextStruct *initBcg729DecoderChannel(void);
void closeBcg729DecoderChannel(bcg729DecoderChannelContextStruct *);
void bcg729Decoder(bcg729DecoderChannelContextStruct *, const void *, uint8_t, uint8_t, uint8_t,
    uint8_t, void *);
"""

STATES = _plain("codecs/state.h")
"""The state of each codec."""

MEDIA = "\n".join(map(_shared, _OURS))


def everything() -> tuple[str, ...]:
    """Return it all, each after what it needs."""
    return (PJPROJECT, PJMEDIA, OPUS, AMR_WB_ENCODER, AMR_WB_DECODER, AMR, G729, STATES, MEDIA)
