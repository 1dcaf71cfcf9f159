/* The clock's thread. It knows pjmedia by two functions: one reads what has arrived on the sockets
 * of media, one has the bridge mix and all its streams take and send a frame. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "arrival.h"
#include "clock.h"
#include "phase.h"
#include "relay.h"
#include "streams.h"

#define NS_PER_S 1000000000LL
#define FRAME_NS 20000000LL
/* What is missed by less is made up for, at twice the pace; by more it is left out. */
#define MADE_UP_NS (10 * FRAME_NS)
/* Ticks come at multiples of this, with those of other calls: to be woken is a third of what a call
 * costs that is relayed, and less where one interrupt wakes several. The kernel's timer slack would do
 * it for a thread that waits its turn alone. Packets are awaited for longer (MARGIN in phase.c). */
#define GRID_NS 500000LL
#define STACK_BYTES (2u << 20)
#define FRAME_ROOM 8192
/* A poll reads every socket that has something until it is empty, of so many sockets; only where
 * there may be more it is worth another. A flood must not hold a tick. */
#define SOCKETS_A_POLL 16
#define POLLS_PER_TICK 4

enum state { RESTS, READS, MIXES, ENDS };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t settled;  /* on CLOCK_MONOTONIC */
static pthread_t thread;
static int begun;
static pid_t thread_id;  /* once it runs */
static int goes_first;

/* What is wanted, which is changed under the lock, and the thread waits for it as a futex: with a
 * condition each tick would be a system call more. */
static atomic_uint wanted = RESTS;
/* What the thread was last seen to do, under the lock. */
static enum state doing = RESTS;
static long shift_ns;
static struct vn_clock_figures figures;

/* The thread's own, once it runs. */
static pj_ioqueue_t *queue;
static pjmedia_port *bridge;
static size_t frame_bytes;
static unsigned frame_samples;
static uint64_t position;

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
    struct timespec at = { (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };

    return at;
}

static void read_sockets(int64_t due)
{
    const pj_time_val at_once = { 0, 0 };
    int polls;

    vn_arrival_begin(due);
    for (polls = vn_relay_read() ? 0 : POLLS_PER_TICK; polls < POLLS_PER_TICK; polls++)
        if (vn_pj.pj_ioqueue_poll(queue, &at_once) < SOCKETS_A_POLL)
            break;
    vn_arrival_end();
}

static void mix(void)
{
    static int16_t samples[FRAME_ROOM / sizeof(int16_t)];
    pjmedia_frame frame;

    memset(&frame, 0, sizeof(frame));
    frame.type = PJMEDIA_FRAME_TYPE_AUDIO;
    frame.buf = samples;
    frame.size = frame_bytes;
    frame.timestamp.u64 = position;
    position += frame_samples;
    (void)vn_pj.pjmedia_port_get_frame(bridge, &frame);
}

/* Read and mix, or have the relay do that in place of the bridge. */
static void tick(int64_t due, int64_t began, int64_t left_out, int mixes)
{
    if (left_out && mixes) {
        vn_relay_end(); /* what has piled up is of the past */
        vn_streams_left_out(left_out);
    }
    vn_relay_before(began);
    read_sockets(due);
    if (left_out && mixes)
        vn_streams_drop_heard();
    if (mixes && !vn_relay_carries(began))
        mix();
}

/* Wait for another state than this one, or for a time (of CLOCK_MONOTONIC); NULL: for no time. */
static void wait_while(enum state now, const struct timespec *until)
{
    while (atomic_load(&wanted) == now)
        if (syscall(SYS_futex, &wanted, FUTEX_WAIT_BITSET_PRIVATE, now, until, NULL,
                    FUTEX_BITSET_MATCH_ANY) != 0 && errno == ETIMEDOUT)
            break;
}

static void wait_for_tick(int64_t due, enum state now)
{
    const int64_t begin = (due + GRID_NS - 1) / GRID_NS * GRID_NS;
    const struct timespec until = timespec_of(begin);

    if (now_ns() < begin)
        wait_while(now, &until);
}

/* Count a tick that begins, and leave out the frames before it if they are too many, of which `due`
 * was the first; returns the time of those. */
static int64_t leave_out(int64_t *due, int64_t began)
{
    int64_t left_out = 0;

    pthread_mutex_lock(&lock);
    figures.ticks++;
    if (began - *due > FRAME_NS / 2)
        figures.late++;
    if (began - *due > MADE_UP_NS) {
        left_out = (began - *due) / FRAME_NS * FRAME_NS;
        figures.skipped += (uint64_t)(left_out / FRAME_NS);
        *due += left_out;
    }
    pthread_mutex_unlock(&lock);
    return left_out;
}

/* Return when the tick after one that was due at `due` is to begin; `due` moves on by a frame. */
static int64_t next_begin(int64_t *due, int64_t began)
{
    *due += FRAME_NS + shift_ns + (doing == MIXES ? vn_phase_shift() : 0);
    shift_ns = 0;
    return *due > began + FRAME_NS / 2 ? *due : began + FRAME_NS / 2;
}

/* Go before all that is ordinary, and what else this process does, in turns with other calls' clocks.
 * A call whose tick waits for whatever else runs is heard with gaps: on a busy machine each has but its
 * share of the processors, and is behind all that woke before it. */
static int go_first(void)
{
    struct sched_param own = { 0 };

    (void)sched_getparam(0, &own);
    if (own.sched_priority < sched_get_priority_max(SCHED_RR))
        own.sched_priority++;
    return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &own) == 0;
}

static void *run(void *unused)
{
    static long description[64];  /* a pj_thread_desc: pjlib keeps its notes in it for good */
    pj_thread_t *registered;
    int64_t due = 0, begin = 0;

    (void)unused;
    (void)prctl(PR_SET_NAME, "clock", 0, 0, 0);
    if (!vn_pj.pj_thread_is_registered())
        (void)vn_pj.pj_thread_register("clock", description, &registered);
    pthread_mutex_lock(&lock);
    thread_id = gettid();
    goes_first = go_first();
    pthread_cond_broadcast(&settled);
    while (atomic_load(&wanted) != ENDS) {
        enum state now = atomic_load(&wanted);
        int64_t began, left_out;

        if (doing != now) {
            if (doing == RESTS)
                due = begin = now_ns();
            vn_phase_reset();
            doing = now;
            pthread_cond_broadcast(&settled);
        }
        pthread_mutex_unlock(&lock);
        if (now == RESTS)
            wait_while(RESTS, NULL);
        else
            wait_for_tick(begin, now);
        began = now_ns();
        if (now == RESTS || atomic_load(&wanted) != now) {
            pthread_mutex_lock(&lock);
            continue;
        }
        left_out = leave_out(&due, began);
        tick(due, began, left_out, now == MIXES);
        pthread_mutex_lock(&lock);
        begin = next_begin(&due, began);
    }
    doing = ENDS;
    pthread_cond_broadcast(&settled);
    pthread_mutex_unlock(&lock);
    return NULL;
}

int vn_clock_begin(pj_ioqueue_t *media, pjmedia_port *port, size_t bytes, unsigned samples)
{
    pthread_condattr_t monotonic;
    pthread_attr_t attributes;
    sigset_t all, before;
    int error;

    if (begun || media == NULL || port == NULL || bytes == 0 || bytes > FRAME_ROOM)
        return EINVAL;
    queue = media;
    bridge = port;
    frame_bytes = bytes;
    frame_samples = samples;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&settled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  /* signals are for Python's thread */
    error = pthread_create(&thread, &attributes, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    begun = error == 0;
    pthread_mutex_lock(&lock);
    while (begun && thread_id == 0)
        pthread_cond_wait(&settled, &lock);
    pthread_mutex_unlock(&lock);
    return error;
}

int32_t vn_clock_waits(void)
{
    return goes_first ? 0 : thread_id;
}

/* Ask for a state; wait until the thread has it. What a tick calls may not wait for its own end. */
static int ask(enum state state, int wait_ms)
{
    struct timespec until = timespec_of(now_ns() + wait_ms * 1000000LL);
    int done;

    if (!begun)
        return 1;
    pthread_mutex_lock(&lock);
    atomic_store(&wanted, state);
    (void)syscall(SYS_futex, &wanted, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    while (doing != state && wait_ms > 0 && !pthread_equal(pthread_self(), thread))
        if (pthread_cond_timedwait(&settled, &lock, &until) == ETIMEDOUT)
            break;
    done = doing == state;
    pthread_mutex_unlock(&lock);
    return done;
}

void vn_clock_run(int mixes)
{
    (void)ask(mixes ? MIXES : READS, 0);
}

int vn_clock_rest(int wait_ms)
{
    return ask(RESTS, wait_ms);
}

int vn_clock_end(int wait_ms)
{
    if (!ask(ENDS, wait_ms))
        return 0;
    if (begun)
        (void)pthread_join(thread, NULL);
    begun = 0;
    thread_id = 0;
    atomic_store(&wanted, RESTS);
    doing = RESTS;
    return 1;
}

void vn_clock_shift(long ns)
{
    pthread_mutex_lock(&lock);
    if (ns > -FRAME_NS && ns < FRAME_NS)
        shift_ns = ns;
    pthread_mutex_unlock(&lock);
}

void vn_clock_figures(struct vn_clock_figures *out)
{
    pthread_mutex_lock(&lock);
    *out = figures;
    pthread_mutex_unlock(&lock);
}
