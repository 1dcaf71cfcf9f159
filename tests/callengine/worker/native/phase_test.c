/* The tick among packets made up here: ends with status 0, or says what does not hold. */
#include <stdio.h>
#include <stdlib.h>

#include "phase.h"

#define MS 1000000LL
#define HOLDS(what) do { if (!(what)) { \
    fprintf(stderr, "line %d: %s does not hold\n", __LINE__, #what); exit(1); } } while (0)

static unsigned long seed = 1;

static int64_t spread_of(int64_t range)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return range ? (int64_t)(seed >> 33) % range : 0;
}

/* Let packets come, at these phases of a frame; follow the ticks; return where they end up. */
static int64_t followed(const int64_t *phases, int count, int64_t tick, int64_t jitter, int *moves)
{
    *moves = 0;
    for (int frame = 0; frame < 2000; ++frame) {
        for (int index = 0; index < count; ++index)
            vn_phase_note(index, tick - phases[index] - spread_of(jitter) + 20 * MS * (frame % 3));
        const int64_t shift = vn_phase_shift();
        HOLDS(shift > -10 * MS && shift <= 0);
        *moves += shift != 0;
        tick += shift;
    }
    return tick;
}

static int64_t wait_of(int64_t tick, int64_t phase)
{
    return ((tick - phase) % (20 * MS) + 20 * MS) % (20 * MS);
}

int main(void)
{
    int moves;

    /* One party, wherever its packets come: they wait 1 to 2.5 ms, after one move, of at most three ticks. */
    for (int64_t phase = 0; phase < 20 * MS; phase += MS / 3) {
        vn_phase_reset();
        const int64_t tick = followed(&phase, 1, 7 * MS, 0, &moves);
        HOLDS(moves <= 3);
        HOLDS(wait_of(tick, phase) >= MS && wait_of(tick, phase) < 4 * MS);
    }
    /* Two: together they wait as long as they are apart, the shorter way round. */
    for (int64_t apart = 0; apart < 20 * MS; apart += MS / 2) {
        const int64_t phases[] = {3 * MS, 3 * MS + apart};
        const int64_t near = apart < 10 * MS ? apart : 20 * MS - apart;
        vn_phase_reset();
        const int64_t tick = followed(phases, 2, 0, 0, &moves);
        HOLDS(moves <= 3);
        HOLDS(wait_of(tick, phases[0]) + wait_of(tick, phases[1]) < near + 6 * MS);
    }
    /* Packets that come at any time say nothing, and the tick is not moved about. */
    const int64_t phase = 0;
    vn_phase_reset();
    (void)followed(&phase, 1, 5 * MS, 20 * MS, &moves);
    HOLDS(moves <= 9);
    /* Without a packet nothing moves; more sockets than there is room for do no harm. */
    vn_phase_reset();
    (void)followed(&phase, 0, 5 * MS, 0, &moves);
    HOLDS(moves == 0);
    for (int sock = 0; sock < 100; ++sock)
        vn_phase_note(sock, INT64_MIN + sock);
    (void)vn_phase_shift();
    return 0;
}
