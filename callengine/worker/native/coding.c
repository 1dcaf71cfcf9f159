/* The octets and the samples between: what the bridge would do to them, in its order. */
#include "coding.h"

#include <string.h>

#include "codecs/g722.h"
#include "law.h"

/* Places in pjmedia_stream and in what its G.722 keeps (2.15.1), and what the last is by then. */
enum {
    STREAM_TRANSPORT = 0x8c8, STREAM_CODEC = 0x8d0,
    CODEC_SHIFT = 2 * VN_G722_STATE_BYTES,
    BY_TWO = 2,  /* G.722 has 14 of our 16 bits, and a peer's scale but 15 */
    AT_ONCE = 160,
};

static int is_to_wide(int law) { return law == VN_LAW_MU_TO_G722 || law == VN_LAW_A_TO_G722; }

static int is_mu(int law) { return law == VN_LAW_MU_TO_G722 || law == VN_LAW_G722_TO_MU; }

int vn_coding_begin(struct vn_coding *coding, int law, pjmedia_stream *stream)
{
    const uint8_t *of = (const uint8_t *)stream;
    pjmedia_transport *transport;
    pjmedia_codec *codec;
    uint8_t *data;
    int16_t shift;

    memcpy(&transport, of + STREAM_TRANSPORT, sizeof(transport));
    if (transport == NULL || transport != vn_pj.pjmedia_stream_get_transport(stream))
        return 0;
    memcpy(&codec, of + STREAM_CODEC, sizeof(codec));
    data = codec ? codec->codec_data : NULL;
    if (data == NULL || !vn_g722_is_ours(data, VN_G722_ENCODER) ||
        !vn_g722_is_ours(data + VN_G722_STATE_BYTES, VN_G722_DECODER))
        return 0;
    memcpy(&shift, data + CODEC_SHIFT, sizeof(shift));
    coding->state = is_to_wide(law) ? data : data + VN_G722_STATE_BYTES;
    vn_halfband_reset(&coding->filter);
    return shift == BY_TWO;
}

static void widen(struct vn_coding *coding, int law, uint8_t *to, const uint8_t *from, unsigned count)
{
    int16_t narrow[AT_ONCE], wide[2 * AT_ONCE];
    size_t size = count;

    vn_law_decode(is_mu(law), narrow, from, count);
    vn_halfband_up(&coding->filter, narrow, count, wide);
    for (unsigned at = 0; at < 2 * count; ++at)
        wide[at] = (int16_t)(wide[at] / BY_TWO);
    (void)g722_enc_encode(coding->state, wide, 2 * count, to, &size);
}

static void narrow_down(struct vn_coding *coding, int law, uint8_t *to, const uint8_t *from,
                        unsigned count)
{
    int16_t wide[2 * AT_ONCE], narrow[AT_ONCE];
    size_t samples = 2 * count;

    (void)g722_dec_decode(coding->state, from, count, wide, &samples);
    for (unsigned at = 0; at < 2 * count; ++at)
        wide[at] = (int16_t)(wide[at] * BY_TWO);
    vn_halfband_down(&coding->filter, wide, count, narrow);
    vn_law_encode(is_mu(law), to, narrow, count);
}

void vn_coding_run(struct vn_coding *coding, int law, uint8_t *to, const uint8_t *from, size_t size)
{
    while (size) {
        const unsigned count = size < AT_ONCE ? (unsigned)size : AT_ONCE;

        if (is_to_wide(law))
            widen(coding, law, to, from, count);
        else
            narrow_down(coding, law, to, from, count);
        to += count;
        from += count;
        size -= count;
    }
}
