/* The structures of pjproject 2.15.1 on 64-bit Linux, as `declarations.py` has them, and
 * what we call of it: nothing is linked, addresses come by vn_bind. */
#ifndef VN_PJMEDIA_H
#define VN_PJMEDIA_H

#include <stddef.h>
#include <stdint.h>

typedef int pj_status_t;
typedef struct { char *ptr; ptrdiff_t slen; } pj_str_t;
typedef struct { uint64_t u64; } pj_timestamp;
typedef struct { long sec; long msec; } pj_time_val;
typedef struct pj_pool_t pj_pool_t;
typedef struct pj_thread_t pj_thread_t;
typedef struct pj_ioqueue_t pj_ioqueue_t;
typedef struct pjmedia_port pjmedia_port;
typedef struct pjmedia_stream pjmedia_stream;
typedef struct pjmedia_rtcp_session pjmedia_rtcp_session;

enum { PJ_SUCCESS = 0, PJ_EINVAL = 70004, PJ_ENOMEM = 70007, PJ_ERRNO_START_SYS = 120000 };
enum { PJMEDIA_FRAME_TYPE_NONE = 0, PJMEDIA_FRAME_TYPE_AUDIO = 1 };
enum { PJMEDIA_CODEC_MAX_FMTP = 16 };
enum { PJMEDIA_DIR_DECODING = 2 };

typedef struct {
    int type; void *buf; size_t size; pj_timestamp timestamp; uint32_t bit_info;
} pjmedia_frame;

typedef struct {
    int type; unsigned pt; pj_str_t encoding_name; unsigned clock_rate; unsigned channel_cnt;
} pjmedia_codec_info;

typedef struct {
    uint8_t cnt;
    struct { pj_str_t name; pj_str_t val; } param[PJMEDIA_CODEC_MAX_FMTP];
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

struct pjmedia_codec_factory {
    pjmedia_codec_factory *prev; pjmedia_codec_factory *next;
    void *factory_data; void *op;
};

/* Its head; what is left out is not called. */
typedef struct pjmedia_transport pjmedia_transport;
struct pjmedia_transport {
    char name[32]; int type;
    struct {
        void *get_info; void *attach; void *detach;
        pj_status_t (*send_rtp)(pjmedia_transport *, const void *, size_t);
    } *op;
};

typedef struct {
    uint8_t *rx_rtp; uint8_t *tx_rtp; pjmedia_rtcp_session *rtcp;
} pjmedia_stream_rtp_sess_info;

/* pjmedia_rtp_status: flags, the first of which is `bad`, and how far the number is ahead. */
typedef struct { uint32_t flags; uint16_t diff; } pjmedia_rtp_status;
enum { PJMEDIA_RTP_BAD = 1 };

typedef struct pj_fd_set_t pj_fd_set_t;

/* What vn_bind fills in. */
struct vn_pj {
    int (*pj_thread_is_registered)(void);
    pj_status_t (*pj_thread_register)(const char *, long *, pj_thread_t **);
    pj_status_t (*pj_gettickcount)(pj_time_val *);
    int (*pj_ioqueue_poll)(pj_ioqueue_t *, const pj_time_val *);
    pj_status_t (*pjmedia_port_get_frame)(pjmedia_port *, pjmedia_frame *);
    pj_status_t (*pjmedia_stream_get_port)(pjmedia_stream *, pjmedia_port **);
    pj_status_t (*pjmedia_stream_get_rtp_session_info)(pjmedia_stream *,
                                                       pjmedia_stream_rtp_sess_info *);
    pjmedia_transport *(*pjmedia_stream_get_transport)(pjmedia_stream *);
    pj_status_t (*pjmedia_stream_pause)(pjmedia_stream *, int);
    pj_status_t (*pjmedia_stream_resume)(pjmedia_stream *, int);
    pj_status_t (*pjmedia_stream_send_rtcp_sdes)(pjmedia_stream *);
    void (*pjmedia_rtcp_tx_rtp)(pjmedia_rtcp_session *, unsigned);
    void (*pjmedia_rtp_session_update2)(uint8_t *, const uint8_t *, pjmedia_rtp_status *, int);
    void (*pjmedia_rtcp_rx_rtp2)(pjmedia_rtcp_session *, unsigned, unsigned, unsigned, int);
    int (*pj_sock_select)(int, pj_fd_set_t *, pj_fd_set_t *, pj_fd_set_t *, const pj_time_val *);
    int (*PJ_FD_ISSET)(long, const pj_fd_set_t *);
    void (*PJ_FD_SET)(long, pj_fd_set_t *);
    void (*PJ_FD_CLR)(long, pj_fd_set_t *);
    void *(*pj_pool_alloc)(pj_pool_t *, size_t);
    pj_status_t (*pjmedia_resample_create)(pj_pool_t *, int, int, unsigned, unsigned, unsigned,
                                           unsigned, void **);
    void (*pjmedia_resample_run)(void *, const int16_t *, int16_t *);
    unsigned (*pjmedia_resample_get_input_size)(void *);
    void (*pjmedia_resample_destroy)(void *);
};

extern struct vn_pj vn_pj;

#endif
