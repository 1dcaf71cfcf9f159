/* Moving the tick: of the last packets of each stream a histogram of how long they waited for it;
 * now and then the phase at which the streams' waits, taken together, are shortest. */
#include "phase.h"

#include <string.h>

#define FRAME_NS 20000000LL
#define BINS 40
#define BIN_NS (FRAME_NS / BINS)

enum {
    STREAMS = 8,
    FIRST_TICKS = 25, /* half a second into a call */
    TICKS = 100,
    MARGIN = 3,       /* bins between a packet and its tick: what a busy machine is late by */
    GAIN = 4,         /* bins, of all streams: less is not worth a tick out of step */
    MOST = 18,        /* bins at once: a tick takes its time */
    STRAYS = 25,      /* one packet of so many may miss its tick: the jitter buffer is for those */
};

struct stream { int sock; unsigned packets; uint16_t waits[BINS]; };

/* The clock's thread alone comes here. */
static struct stream streams[STREAMS];
static unsigned known, ticks, wanted = FIRST_TICKS;
static int owed; /* bins */

static void begin(unsigned for_ticks)
{
    memset(streams, 0, sizeof(streams));
    known = ticks = 0;
    wanted = for_ticks;
}

void vn_phase_reset(void)
{
    begin(FIRST_TICKS);
    owed = 0;
}

void vn_phase_note(int sock, int64_t before_ns)
{
    struct stream *stream = streams;
    int64_t within = before_ns % FRAME_NS;

    while (stream < streams + known && stream->sock != sock)
        ++stream;
    if (stream == streams + STREAMS || stream->packets == UINT16_MAX)
        return;
    if (stream == streams + known) {
        stream->sock = sock;
        ++known;
    }
    if (within < 0)
        within += FRAME_NS;
    ++stream->packets;
    ++stream->waits[within / BIN_NS];
}

/* How long a stream waits, in bins, were the tick `earlier` bins earlier: as its last packets do. */
static int wait_of(const struct stream *stream, int earlier)
{
    unsigned longer = 0;
    int wait;

    for (wait = MARGIN + BINS - 1; wait > MARGIN; --wait) {
        longer += stream->waits[(wait + earlier) % BINS];
        if (longer > stream->packets / STRAYS)
            break;
    }
    return wait;
}

static int waits_of_all(int earlier)
{
    int sum = 0;

    for (const struct stream *stream = streams; stream < streams + known; ++stream)
        if (stream->packets > ticks / 8) /* not RTCP */
            sum += wait_of(stream, earlier);
    return sum;
}

/* Return how many bins sooner the ticks had better come. */
static int best_shift(void)
{
    int best = 0, shortest, now;

    now = shortest = waits_of_all(0);
    for (int earlier = 1; earlier < BINS; ++earlier) {
        const int sum = waits_of_all(earlier);
        if (sum < shortest) {
            shortest = sum;
            best = earlier;
        }
    }
    return now - shortest < GAIN ? 0 : best;
}

int64_t vn_phase_shift(void)
{
    int part;

    if (!owed) {
        if (++ticks < wanted)
            return 0;
        owed = best_shift();
    }
    begin(TICKS);
    part = owed < MOST ? owed : MOST;
    owed -= part;
    return -part * BIN_NS;
}
