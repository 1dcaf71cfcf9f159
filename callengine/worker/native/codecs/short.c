/* pjmedia's own parse leaves out what is no whole frame: of packets of 5 ms nothing was heard, of
 * packets of 15 ms two thirds. What is left of one waits here for the next, if that follows on it. */
#include <string.h>

#include "short.h"

enum { FRAME = 80, MOST = 1024, STREAMS = 16 };

struct rest {
    const pjmedia_codec *codec;
    uint64_t due;            /* the timestamp that follows on what is left */
    unsigned size;
    uint8_t left[FRAME];
    uint8_t whole[FRAME + MOST];  /* what the frames told of last lie in; read before the next parse */
};

/* Of the thread that reads; there is one. A codec that is gone leaves a rest that nothing follows. */
static struct rest rests[STREAMS];
static unsigned taken;
static pj_status_t (*own)(pjmedia_codec *, void *, size_t, const pj_timestamp *, unsigned *,
                          pjmedia_frame *);

static struct rest *rest_of(const pjmedia_codec *codec)
{
    struct rest *one;

    for (one = rests; one < rests + STREAMS; one++)
        if (one->codec == codec)
            return one;
    one = &rests[taken++ % STREAMS];
    one->codec = codec;
    one->size = 0;
    return one;
}

static pj_status_t parse(pjmedia_codec *codec, void *packet, size_t size, const pj_timestamp *at,
                         unsigned *count, pjmedia_frame *frames)
{
    struct rest *rest = rest_of(codec);
    unsigned before = rest->size, frame, wholes;
    size_t all;

    rest->size = 0;
    if (before && (at->u64 != rest->due || at->u64 < before))
        before = 0;
    if (size > MOST || (before == 0 && size % FRAME == 0))
        return own(codec, packet, size, at, count, frames);
    memcpy(rest->whole, rest->left, before);
    memcpy(rest->whole + before, packet, size);
    all = before + size;
    wholes = (unsigned)(all / FRAME);
    rest->size = (unsigned)(all % FRAME);
    rest->due = at->u64 + size;
    memcpy(rest->left, rest->whole + wholes * FRAME, rest->size);
    if (*count > wholes)
        *count = wholes;
    for (frame = 0; frame < *count; frame++) {
        frames[frame].type = PJMEDIA_FRAME_TYPE_AUDIO;
        frames[frame].buf = rest->whole + frame * FRAME;
        frames[frame].size = FRAME;
        frames[frame].timestamp.u64 = at->u64 - before + frame * FRAME;
        frames[frame].bit_info = 0;
    }
    return PJ_SUCCESS;
}

void vn_short_join(pjmedia_codec_op *operations)
{
    if (operations->parse == parse)
        return;
    own = operations->parse;
    operations->parse = parse;
}
