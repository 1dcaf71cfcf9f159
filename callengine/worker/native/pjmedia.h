/* What we call of pjproject, and what that takes: nothing is linked, addresses come by vn_bind. */
#ifndef VN_PJMEDIA_H
#define VN_PJMEDIA_H

#include "pjproject.h"

enum { PJ_SUCCESS = 0, PJ_EINVAL = 70004, PJ_ENOMEM = 70007, PJ_ERRNO_START_SYS = 120000 };
enum { PJMEDIA_FRAME_TYPE_NONE = 0, PJMEDIA_FRAME_TYPE_AUDIO = 1 };
enum { PJMEDIA_DIR_DECODING = 2 };

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
    pj_status_t (*pjmedia_rtp_encode_rtp)(void *, int, int, int, int, const void **, int *);
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
