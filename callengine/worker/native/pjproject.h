/* The structures of pjproject 2.15.1 on 64-bit Linux, as built into the wheel that `layout.py` and
 * `loading.py` ask for; nothing of them may be used before that one has passed.
 *
 * cffi reads this file too, so it holds plain declarations alone.
 */
#ifndef VN_PJPROJECT_H
#define VN_PJPROJECT_H

#include <stddef.h>
#include <stdint.h>

typedef int pj_status_t;
typedef struct { char *ptr; ptrdiff_t slen; } pj_str_t;
typedef struct { uint64_t u64; } pj_timestamp;
typedef struct { long sec; long msec; } pj_time_val;
typedef struct pj_pool_t pj_pool_t;
typedef struct pj_thread_t pj_thread_t;
typedef struct pj_pool_factory pj_pool_factory;
typedef struct pjmedia_endpt pjmedia_endpt;
typedef struct pjmedia_codec_mgr pjmedia_codec_mgr;
typedef struct pjmedia_port pjmedia_port;
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

typedef struct { pj_str_t name; pj_str_t value; } pjmedia_sdp_attr;
typedef struct {
    pj_str_t media; uint16_t port; unsigned port_count; pj_str_t transport;
    unsigned fmt_count; pj_str_t fmt[32];
} pjmedia_sdp_media; /* its head: more follows, and is reached through functions only */
typedef pj_status_t (*pjmedia_sdp_neg_fmt_match_cb)(pj_pool_t *, pjmedia_sdp_media *, unsigned,
    pjmedia_sdp_media *, unsigned, unsigned);

typedef struct {
    uint8_t *rx_rtp; uint8_t *tx_rtp; pjmedia_rtcp_session *rtcp;
} pjmedia_stream_rtp_sess_info;

typedef struct {
    int n, max, min, last, mean; float mean_part; double squares;
} pj_math_stat;

typedef struct {
    pj_time_val update; unsigned update_cnt; uint32_t pkt; uint32_t bytes;
    unsigned discard, loss, reorder, dup;
    pj_math_stat loss_period; unsigned loss_type; pj_math_stat jitter;
} pjmedia_rtcp_stream_stat;

/* Its head: more follows. */
typedef struct {
    pj_time_val start; pjmedia_rtcp_stream_stat tx, rx; pj_math_stat rtt;
} pjmedia_rtcp_stat;
typedef struct {
    char *name; unsigned clock_rate; unsigned samples_per_frame; unsigned dec_samples_per_frame;
    uint32_t ssrc; uint32_t rtp_ts_base;
} pjmedia_rtcp_session_setting;
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
}; /* its head: more follows */

typedef struct pjmedia_resample pjmedia_resample;
typedef struct pjmedia_plc pjmedia_plc;

#endif
