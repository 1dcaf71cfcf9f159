/* The state of each codec of a stream: made zeroed and filled by Python, used by `*.c` here.
 *
 * cffi reads this file too, so it holds plain declarations alone. pjmedia calls parse, decode and
 * recover of one stream under one lock, and encode on another thread.
 */
#include <stdint.h>

typedef struct {
    void *instance;        /* Python's handle */
    uint32_t failures[5];  /* parse, encode, decode, recover; then payloads in the other framing */
} vn_codec;

typedef struct {
    uint64_t timestamp; uint32_t order; uint32_t size; uint8_t payload[512];
} vn_opus_piece;

typedef struct {
    vn_codec codec;
    void *encoder; void *decoder; void *repacketizer;
    int32_t (*encode)(void *, const void *, int, void *, int32_t);
    int (*decode)(void *, const void *, int32_t, void *, int, int);
    void *(*repacketizer_init)(void *);
    int (*repacketizer_cat)(void *, const void *, int32_t);
    int32_t (*repacketizer_out_range)(void *, int, int, void *, int32_t);
    uint32_t rate_hz; uint32_t channels;
    uint32_t frame_samples;  /* of a piece, at rate_hz, each channel */
    int playing;             /* whether the frame played last is known */
    uint64_t played;         /* its timestamp */
    uint32_t order;
    vn_opus_piece remembered[32];
    uint8_t pieces[4096];
} vn_opus;

typedef struct {
    vn_codec codec;
    void *encoder; void *decoder;
    int (*encode)(void *, int, const void *, void *, int);
    void (*decode)(void *, const void *, void *, int);
    int wide;                              /* AMR-WB */
    int send_aligned; int receive_aligned;
    int mode_count; int modes[9];          /* allowed, ascending */
    int index; int wanted;                 /* of modes */
    int change_period; int neighbours_only;
    uint32_t frames;                       /* sent */
    int silent;                            /* the peer's last frame was SID or NO_DATA */
    int16_t samples[320];
    uint8_t encoded[16][64];
    uint8_t parsed[16][64];
} vn_amr;

typedef struct {
    vn_codec codec;
    void *encoder; void *decoder;
    void (*encode)(void *, const int16_t *, uint8_t *, uint8_t *);
    void (*decode)(void *, const void *, uint8_t, uint8_t, uint8_t, uint8_t, void *);
    uint8_t coded[16];
    uint8_t parsed[320];
} vn_g729;
