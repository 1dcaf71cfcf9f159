/* The threads that read and write packets append to one buffer, the call's own thread empties it a
 * few times a second: no file is touched where media waits for it. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "capture.h"

#define NS_PER_S 1000000000LL
#define RTP_HEADER 12u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int is_on;  /* read without the lock, at a packet's price */
static int keeps_whole;
static unsigned but_port;
static unsigned char buffer[VN_CAPTURE_ROOM];  /* of pages that cost nothing until they are used */
static unsigned used, lost;

void vn_capture_begin(int whole, unsigned but)
{
    pthread_mutex_lock(&lock);
    keeps_whole = whole;
    but_port = but;
    used = lost = 0;
    __atomic_store_n(&is_on, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
}

void vn_capture_end(void)
{
    __atomic_store_n(&is_on, 0, __ATOMIC_RELEASE);
}

int vn_capture_is_on(void)
{
    return __atomic_load_n(&is_on, __ATOMIC_ACQUIRE);
}

/* Whether it is RTCP, on whatever port (RFC 5761 section 4). A peer may number its payloads 64 to 95
 * all the same: with the marker they look alike, but for the length, which is a sequence number. */
static int is_rtcp(const unsigned char *data, size_t size)
{
    return size >= 8 && (data[0] & 0xC0) == 0x80 && data[1] >= 192 && data[1] <= 223 &&
           4u * (1u + ((unsigned)data[2] << 8 | data[3])) <= size;
}

/* How much stands before the payload (RFC 3550 section 5.1); of what is no RTP, no more than that
 * much either. */
static size_t header_of(const unsigned char *data, size_t size)
{
    size_t header = RTP_HEADER;

    if (is_rtcp(data, size))
        return size;
    if (size < RTP_HEADER || (data[0] & 0xC0) != 0x80)
        return size < RTP_HEADER ? size : RTP_HEADER;
    header += 4u * (data[0] & 0x0F);
    if ((data[0] & 0x10) && size >= header + 4)
        header += 4 + 4u * (((size_t)data[header + 2] << 8) | data[header + 3]);
    return header < size ? header : size;
}

static uint16_t sum_of(const unsigned char *data, size_t size)
{
    uint64_t sum = 0;
    size_t at;

    for (at = 0; at + 1 < size; at += 2)
        sum += (uint64_t)data[at] << 8 | data[at + 1];
    if (at < size)
        sum += (uint64_t)data[at] << 8;
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)sum;
}

static unsigned port_of(const struct sockaddr_storage *at)
{
    if (at->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)at)->sin_port);
    if (at->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)at)->sin6_port);
    return 0;
}

/* Take the peer's address, an IPv4 one that is written as IPv6 for what it is; 0 if it is none. */
static int note_peer(struct vn_captured *packet, const struct sockaddr *peer)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)peer;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;

    if (peer->sa_family == AF_INET) {
        packet->family = 4;
        packet->theirs = ntohs(four->sin_port);
        memcpy(packet->peer, &four->sin_addr, 4);
    } else if (peer->sa_family == AF_INET6) {
        packet->family = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) ? 4 : 6;
        packet->theirs = ntohs(six->sin6_port);
        if (packet->family == 4)
            memcpy(packet->peer, &six->sin6_addr.s6_addr[12], 4);
        else
            memcpy(packet->peer, &six->sin6_addr, 16);
    }
    return packet->family;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

void vn_capture_packet(int sock, int direction, const void *data, size_t size,
                       const void *peer, int64_t at_ns)
{
    struct vn_captured packet = { 0 };
    struct sockaddr_storage here = { 0 };
    socklen_t length = sizeof(here);

    if (!vn_capture_is_on() || peer == NULL || size > UINT16_MAX || !note_peer(&packet, peer))
        return;
    if (getsockname(sock, (struct sockaddr *)&here, &length) != 0)
        return;
    packet.ours = (uint16_t)port_of(&here);
    if (packet.ours == 0 || packet.ours == but_port)
        return;
    packet.at_ns = at_ns ? at_ns : now_ns();
    packet.size = (uint32_t)size;
    packet.sum = sum_of(data, size);
    packet.direction = (uint8_t)direction;
    pthread_mutex_lock(&lock);
    packet.kept = (uint32_t)(keeps_whole ? size : header_of(data, size));
    if (used + sizeof(packet) + packet.kept > sizeof(buffer)) {
        ++lost;
    } else {
        memcpy(buffer + used, &packet, sizeof(packet));
        memcpy(buffer + used + sizeof(packet), data, packet.kept);
        used += (unsigned)sizeof(packet) + packet.kept;
    }
    pthread_mutex_unlock(&lock);
}

unsigned vn_capture_take(void *into, unsigned *lost_so_far)
{
    unsigned taken;

    pthread_mutex_lock(&lock);
    taken = used;
    memcpy(into, buffer, taken);
    used = 0;
    *lost_so_far = lost;
    pthread_mutex_unlock(&lock);
    return taken;
}
