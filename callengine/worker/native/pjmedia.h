/* The structures of pjproject 2.15.1 on 64-bit Linux, as `plugins/declarations.py` has them, and
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

enum { PJ_SUCCESS = 0, PJ_EINVAL = 70004, PJ_ENOMEM = 70007, PJ_ERRNO_START_SYS = 120000 };
enum { PJMEDIA_FRAME_TYPE_NONE = 0, PJMEDIA_FRAME_TYPE_AUDIO = 1 };
enum { PJMEDIA_CODEC_MAX_FMTP = 16 };

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

/* What vn_bind fills in. */
struct vn_pj {
    int (*pj_thread_is_registered)(void);
    pj_status_t (*pj_thread_register)(const char *, long *, pj_thread_t **);
    pj_status_t (*pj_gettickcount)(pj_time_val *);
    int (*pj_ioqueue_poll)(pj_ioqueue_t *, const pj_time_val *);
    pj_status_t (*pjmedia_port_get_frame)(pjmedia_port *, pjmedia_frame *);
    void *(*pj_pool_alloc)(pj_pool_t *, size_t);
    pj_status_t (*pjmedia_resample_create)(pj_pool_t *, int, int, unsigned, unsigned, unsigned,
                                           unsigned, void **);
    void (*pjmedia_resample_run)(void *, const int16_t *, int16_t *);
    unsigned (*pjmedia_resample_get_input_size)(void *);
    void (*pjmedia_resample_destroy)(void *);
};

extern struct vn_pj vn_pj;

#endif
