/* The addresses of what we call of pjsua2, looked up in it alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "abi.h"
#include "arrival.h"
#include "pjmedia.h"

struct vn_pj vn_pj;

#define WANTED(name) { #name, offsetof(struct vn_pj, name) }

static const struct { const char *name; size_t at; } wanted[] = {
    WANTED(pjmedia_rtp_encode_rtp), /* called by streams.c from the moment pjsua2 is loaded */
    WANTED(pj_thread_is_registered),
    WANTED(pj_thread_register),
    WANTED(pj_gettickcount),
    WANTED(pj_ioqueue_poll),
    WANTED(pjmedia_port_get_frame),
    WANTED(pjmedia_stream_get_port),
    WANTED(pjmedia_stream_get_rtp_session_info),
    WANTED(pjmedia_stream_get_transport),
    WANTED(pjmedia_stream_pause),
    WANTED(pjmedia_stream_resume),
    WANTED(pjmedia_stream_send_rtcp_sdes),
    WANTED(pjmedia_rtcp_tx_rtp),
    WANTED(pjmedia_rtp_session_update2),
    WANTED(pjmedia_rtcp_rx_rtp2),
    WANTED(pj_sock_select),
    WANTED(PJ_FD_ISSET),
    WANTED(PJ_FD_SET),
    WANTED(PJ_FD_CLR),
    WANTED(pj_pool_alloc),
    WANTED(pjmedia_resample_create),
    WANTED(pjmedia_resample_run),
    WANTED(pjmedia_resample_get_input_size),
    WANTED(pjmedia_resample_destroy),
};

const char *vn_bind(const char *file)
{
    struct vn_pj found = { 0 };
    void *handle = dlopen(file, RTLD_NOW | RTLD_NOLOAD);
    size_t index;

    if (handle == NULL)
        return "the library itself";
    for (index = 0; index < sizeof(wanted) / sizeof(wanted[0]); index++) {
        void *symbol = dlsym(handle, wanted[index].name);
        if (symbol == NULL)
            break;
        memcpy((char *)&found + wanted[index].at, &symbol, sizeof(symbol));
    }
    vn_pj = found;
    if (index < sizeof(wanted) / sizeof(wanted[0]))
        return wanted[index].name;
    return vn_arrival_counts() ? NULL : "what stands in for its own functions";
}
