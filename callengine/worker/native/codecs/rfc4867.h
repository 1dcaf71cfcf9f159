/* The RTP payloads of AMR and AMR-WB, one channel (RFC 4867); as `plugins/rfc4867.py` reads them. */
#ifndef VN_RFC4867_H
#define VN_RFC4867_H

#include <stddef.h>
#include <stdint.h>

enum { VN_AMR_MAX_FRAMES = 16, VN_AMR_STRIDE = 64, VN_AMR_NO_REQUEST = 15, VN_AMR_NO_DATA = 15 };

/* What frames hold: bits by frame type, -1 where it is reserved (RFC 4867 table 1). */
typedef struct {
    int16_t bits[16];
    unsigned frame_samples;
    unsigned sid;
    uint8_t lost;      /* has the decoder conceal a frame: storage format, one byte */
    unsigned max_bits; /* of a speech frame */
} vn_amr_table;

extern const vn_amr_table vn_amr_narrow, vn_amr_wide;

/* The length of a frame in storage format, its table-of-contents byte included; 0 if reserved. */
size_t vn_amr_storage_size(const vn_amr_table *table, unsigned type);

/* Read a payload into frames in storage format; return how many, 0 if it is malformed. */
unsigned vn_amr_read(const vn_amr_table *table, const uint8_t *data, size_t size, int aligned,
                     uint8_t frames[][VN_AMR_STRIDE], unsigned *mode_request);

/* Write frames in storage format as a payload that asks for no mode; return its length, 0 if
 * there is no room or a frame is of a reserved type. */
size_t vn_amr_write(const vn_amr_table *table, uint8_t frames[][VN_AMR_STRIDE], unsigned count,
                    int aligned, uint8_t *out, size_t room);

#endif
