"""C declarations, for cffi: pjlib and pjmedia, the codec libraries, our own media extension.

The layouts of pjproject are those of 2.15.1 on 64-bit Linux, as built into the wheel that
`layout.py` checks for; nothing of them may be used before that check has passed. What the
extension's functions do say the headers beside this.
"""

from pathlib import Path

PJMEDIA = """
typedef int pj_status_t;
typedef struct { char *ptr; ptrdiff_t slen; } pj_str_t;
typedef struct { uint64_t u64; } pj_timestamp;
typedef struct pj_pool_t pj_pool_t;
typedef struct pj_pool_factory pj_pool_factory;
typedef struct pjmedia_endpt pjmedia_endpt;
typedef struct pjmedia_codec_mgr pjmedia_codec_mgr;
typedef struct pjmedia_stream pjmedia_stream;
typedef struct pjmedia_rtcp_session pjmedia_rtcp_session;
typedef struct pj_ioqueue_t pj_ioqueue_t;
typedef struct pj_ioqueue_key_t pj_ioqueue_key_t;
typedef struct pj_ioqueue_op_key_t pj_ioqueue_op_key_t;
typedef void pj_ioqueue_read_callback(pj_ioqueue_key_t *, pj_ioqueue_op_key_t *, ptrdiff_t);
typedef struct {
    pj_ioqueue_read_callback *on_read_complete;
    void *on_write_complete; void *on_accept_complete; void *on_connect_complete;
} pj_ioqueue_callback;

typedef struct {
    int type; unsigned pt; pj_str_t encoding_name; unsigned clock_rate; unsigned channel_cnt;
} pjmedia_codec_info;

typedef struct {
    uint8_t cnt;
    struct { pj_str_t name; pj_str_t val; } param[16];
} pjmedia_codec_fmtp;

typedef struct {
    struct {
        unsigned clock_rate; unsigned channel_cnt;
        uint32_t avg_bps; uint32_t max_bps;
        unsigned max_rx_frame_size;
        uint16_t frm_ptime; uint8_t frm_ptime_denum;
        uint16_t enc_ptime; uint8_t enc_ptime_denum;
        uint8_t pcm_bits_per_sample; uint8_t pt;
        uint32_t fmt_id;
    } info;
    struct {
        uint8_t frm_per_pkt;
        unsigned vad:1; unsigned cng:1; unsigned penh:1; unsigned plc:1; unsigned reserved:1;
        pjmedia_codec_fmtp enc_fmtp; pjmedia_codec_fmtp dec_fmtp;
        unsigned packet_loss; unsigned complexity; int cbr;
    } setting;
} pjmedia_codec_param;

typedef struct {
    int type; void *buf; size_t size; pj_timestamp timestamp; uint32_t bit_info;
} pjmedia_frame;

typedef struct pjmedia_codec pjmedia_codec;
typedef struct pjmedia_codec_factory pjmedia_codec_factory;

typedef struct {
    pj_status_t (*init)(pjmedia_codec *, pj_pool_t *);
    pj_status_t (*open)(pjmedia_codec *, pjmedia_codec_param *);
    pj_status_t (*close)(pjmedia_codec *);
    pj_status_t (*modify)(pjmedia_codec *, const pjmedia_codec_param *);
    pj_status_t (*parse)(pjmedia_codec *, void *, size_t, const pj_timestamp *, unsigned *,
                         pjmedia_frame *);
    pj_status_t (*encode)(pjmedia_codec *, const pjmedia_frame *, unsigned, pjmedia_frame *);
    pj_status_t (*decode)(pjmedia_codec *, const pjmedia_frame *, unsigned, pjmedia_frame *);
    pj_status_t (*recover)(pjmedia_codec *, unsigned, pjmedia_frame *);
} pjmedia_codec_op;

struct pjmedia_codec {
    pjmedia_codec *prev; pjmedia_codec *next;
    void *codec_data; pjmedia_codec_factory *factory; pjmedia_codec_op *op;
};

typedef struct {
    pj_status_t (*test_alloc)(pjmedia_codec_factory *, const pjmedia_codec_info *);
    pj_status_t (*default_attr)(pjmedia_codec_factory *, const pjmedia_codec_info *,
                                pjmedia_codec_param *);
    pj_status_t (*enum_info)(pjmedia_codec_factory *, unsigned *, pjmedia_codec_info *);
    pj_status_t (*alloc_codec)(pjmedia_codec_factory *, const pjmedia_codec_info *,
                               pjmedia_codec **);
    pj_status_t (*dealloc_codec)(pjmedia_codec_factory *, pjmedia_codec *);
    pj_status_t (*destroy)(void);
} pjmedia_codec_factory_op;

struct pjmedia_codec_factory {
    pjmedia_codec_factory *prev; pjmedia_codec_factory *next;
    void *factory_data; pjmedia_codec_factory_op *op;
};

pjmedia_endpt *pjsua_get_pjmedia_endpt(void);
struct pjmedia_port *pjsua_set_no_snd_dev(void);
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

typedef struct { pj_str_t name; pj_str_t value; } pjmedia_sdp_attr;
typedef struct {
    pj_str_t media; uint16_t port; unsigned port_count; pj_str_t transport;
    unsigned fmt_count; pj_str_t fmt[32];
} pjmedia_sdp_media;  /* its head: more follows, and is reached through functions only */
typedef pj_status_t (*pjmedia_sdp_neg_fmt_match_cb)(pj_pool_t *, pjmedia_sdp_media *, unsigned,
    pjmedia_sdp_media *, unsigned, unsigned);
int pjmedia_sdp_print(const void *, char *, size_t);
pj_status_t pjmedia_sdp_neg_register_fmt_match_cb(const pj_str_t *, pjmedia_sdp_neg_fmt_match_cb);
pjmedia_sdp_attr *pjmedia_sdp_media_find_attr2(const pjmedia_sdp_media *, const char *,
    const pj_str_t *);

typedef struct { const uint8_t *rx_rtp; const uint8_t *tx_rtp; pjmedia_rtcp_session *rtcp; }
    pjmedia_stream_rtp_sess_info;
typedef struct {
    char *name; unsigned clock_rate; unsigned samples_per_frame; unsigned dec_samples_per_frame;
    uint32_t ssrc; uint32_t rtp_ts_base;
} pjmedia_rtcp_session_setting;
pj_status_t pjmedia_stream_get_rtp_session_info(pjmedia_stream *, pjmedia_stream_rtp_sess_info *);
typedef struct pjmedia_transport pjmedia_transport;
typedef pj_status_t pjmedia_send_rtp(pjmedia_transport *, const void *, size_t);
typedef pj_status_t pjmedia_media_start(pjmedia_transport *, pj_pool_t *, const void *,
    const void *, unsigned);
typedef struct {
    void *stream; int media_type; uint8_t rem_addr[28]; uint8_t rem_rtcp[28]; unsigned addr_len;
    void *user_data; void *rtp_cb; void *rtcp_cb; void *rtp_cb2;
} pjmedia_transport_attach_param;
typedef pj_status_t pjmedia_attach2(pjmedia_transport *, pjmedia_transport_attach_param *);
typedef struct {
    void *get_info; void *attach; void *detach;
    pjmedia_send_rtp *send_rtp;
    void *send_rtcp; void *send_rtcp2; void *media_create; void *encode_sdp;
    pjmedia_media_start *media_start;
    void *media_stop; void *simulate_lost; void *destroy;
    pjmedia_attach2 *attach2;
} pjmedia_transport_op;
struct pjmedia_transport {
    char name[32]; int type; pjmedia_transport_op *op;
};  /* its head: more follows */
pjmedia_transport *pjmedia_stream_get_transport(pjmedia_stream *);
pj_status_t pjmedia_stream_pause(pjmedia_stream *, int);
pj_status_t pjmedia_stream_resume(pjmedia_stream *, int);
void pjmedia_rtcp_update(pjmedia_rtcp_session *, const pjmedia_rtcp_session_setting *);

typedef struct pj_thread_t pj_thread_t;
int pj_thread_is_registered(void);
pj_status_t pj_thread_register(const char *, long *, pj_thread_t **);
typedef struct pjmedia_resample pjmedia_resample;
pj_status_t pjmedia_resample_create(pj_pool_t *, int, int, unsigned, unsigned, unsigned, unsigned,
    pjmedia_resample **);
void pjmedia_resample_run(pjmedia_resample *, const int16_t *, int16_t *);
void pjmedia_resample_destroy(pjmedia_resample *);
typedef struct pjmedia_plc pjmedia_plc;
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

STATES = "\n".join(
    line
    for line in (Path(__file__).parent / "codecs" / "state.h").read_text().splitlines()
    if not line.startswith("#")
)
"""The state of each codec, read from the header that C includes."""

MEDIA = """
struct vn_layout {
    uint32_t version;
    uint32_t pj_str, pj_timestamp, codec_info, codec_param, frame, codec_op, codec, factory;
    uint32_t opus, amr, g729;
    uint32_t captured;
    uint32_t way, forwarding;
};
const struct vn_layout *vn_layout(void);
const pjmedia_codec_op *vn_opus_operations(void);
const pjmedia_codec_op *vn_amr_operations(void);
const pjmedia_codec_op *vn_g729_operations(void);
void vn_short_join(pjmedia_codec_op *);

typedef struct pjmedia_port pjmedia_port;
struct vn_clock_figures { uint64_t ticks; uint64_t late; uint64_t skipped; };
int vn_clock_begin(pj_ioqueue_t *, pjmedia_port *, size_t, unsigned);
void vn_clock_run(int mixes);
int vn_clock_rest(int wait_ms);
int vn_clock_end(int wait_ms);
void vn_clock_shift(long ns);
void vn_clock_figures(struct vn_clock_figures *);
int vn_arrival_stub(int sock, char *host, int room);
int64_t vn_arrival_last(int sock);

struct vn_captured {
    int64_t at_ns; uint32_t size; uint32_t kept; uint16_t sum; uint16_t ours; uint16_t theirs;
    uint8_t direction; uint8_t family; uint8_t peer[16];
};
void vn_capture_begin(int whole, unsigned but);
void vn_capture_end(void);
int vn_capture_is_on(void);
void vn_capture_packet(int sock, int direction, const void *data, size_t size, const void *peer,
                       int64_t at_ns);
unsigned vn_capture_take(void *into, unsigned *lost);

struct vn_way {
    int sock; void *from, *to;
    uint8_t payload, payload_to; uint8_t events, events_to; uint8_t law;
    uint16_t bytes, units;
};
struct vn_forwarding {
    struct vn_way way;
    int64_t packet_ns, credit_ns, seen_ns;
    uint32_t source, source_to; uint32_t first_time, last_time; uint32_t time_offset;
    uint16_t last_number, number_offset; uint16_t span;
    uint8_t begun, last_is_audio, has_event; void *coding;
};
struct vn_relay_figures { uint32_t state; uint32_t asked; uint64_t forwarded; };
int vn_forwarding_begin(struct vn_forwarding *, const struct vn_way *, int64_t now_ns);
void vn_forwarding_follow(struct vn_forwarding *, uint32_t source, uint16_t number, uint32_t time);
int vn_forwarding_take(struct vn_forwarding *, const uint8_t *packet, size_t size, int64_t now_ns,
                       uint8_t *out, size_t *length);
int vn_relay_begin(const struct vn_way *ways);
void vn_relay_end(void);
void vn_relay_let_go(const void *stream);
int vn_relay_passed_key(int sock);
void vn_relay_figures(struct vn_relay_figures *);

struct vn_halfband { float even[512]; float odd[512]; };
void vn_halfband_reset(struct vn_halfband *);
void vn_halfband_up(struct vn_halfband *, const int16_t *in, unsigned count, int16_t *out);
void vn_halfband_down(struct vn_halfband *, const int16_t *in, unsigned count, int16_t *out);

struct vn_coding { void *state; struct vn_halfband filter; };
void vn_coding_run(struct vn_coding *, int law, uint8_t *to, const uint8_t *from, size_t size);
"""
