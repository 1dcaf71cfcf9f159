/* The tables are made once, by the rules of G.711: 16-bit samples, segments of a doubling step. */
#include "law.h"

#include <pthread.h>
#include <string.h>

static uint8_t tables[3][256];
static int16_t samples[2][256];  /* of A-law, of mu-law */
static pthread_once_t made = PTHREAD_ONCE_INIT;

static int decoded_mu(uint8_t octet)
{
    const int code = ~octet & 0xFF;
    const int magnitude = ((((code & 0x0F) << 3) + 0x84) << (code >> 4 & 7)) - 0x84;

    return code & 0x80 ? -magnitude : magnitude;
}

static int decoded_a(uint8_t octet)
{
    const int code = octet ^ 0x55, segment = code >> 4 & 7;
    int magnitude = ((code & 0x0F) << 4) + 8;

    if (segment)
        magnitude = (magnitude + 0x100) << (segment - 1);
    return code & 0x80 ? magnitude : -magnitude;
}

/* Return the segment of a magnitude whose first ends below `first`; 8 is beyond the last. */
static int segment_of(int magnitude, int first)
{
    const int segment = __builtin_clz((unsigned)first) + 1 - __builtin_clz((unsigned)magnitude | 1);

    return segment < 0 ? 0 : segment > 8 ? 8 : segment;
}

static uint8_t encoded_mu(int sample)
{
    const int sign = sample < 0 ? 0x7F : 0xFF;
    int magnitude = (sample < 0 ? -sample : sample) >> 2, segment;

    magnitude = (magnitude > 8159 ? 8159 : magnitude) + (0x84 >> 2);
    segment = segment_of(magnitude, 0x40);
    if (segment == 8)
        return (uint8_t)(0x7F ^ sign);
    return (uint8_t)((segment << 4 | (magnitude >> (segment + 1) & 0x0F)) ^ sign);
}

static uint8_t encoded_a(int sample)
{
    const int mask = sample < 0 ? 0x55 : 0xD5;
    const int magnitude = (sample < 0 ? -sample : sample) >> 3;
    const int segment = segment_of(magnitude, 0x20);
    const int step = segment < 2 ? 1 : segment;

    if (segment == 8)
        return (uint8_t)(0x7F ^ mask);
    return (uint8_t)((segment << 4 | (magnitude >> step & 0x0F)) ^ mask);
}

static void make(void)
{
    for (unsigned octet = 0; octet < 256; ++octet) {
        samples[0][octet] = (int16_t)decoded_a((uint8_t)octet);
        samples[1][octet] = (int16_t)decoded_mu((uint8_t)octet);
        tables[VN_LAW_KEPT][octet] = (uint8_t)octet;
        tables[VN_LAW_MU_TO_A][octet] = encoded_a(samples[1][octet]);
        tables[VN_LAW_A_TO_MU][octet] = encoded_mu(samples[0][octet]);
    }
}

void vn_law_copy(int law, uint8_t *to, const uint8_t *from, size_t size)
{
    if (law != VN_LAW_MU_TO_A && law != VN_LAW_A_TO_MU) {
        memcpy(to, from, size);
        return;
    }
    (void)pthread_once(&made, make);
    for (size_t index = 0; index < size; ++index)
        to[index] = tables[law][from[index]];
}

void vn_law_decode(int is_mu, int16_t *to, const uint8_t *from, size_t count)
{
    (void)pthread_once(&made, make);
    for (size_t index = 0; index < count; ++index)
        to[index] = samples[!!is_mu][from[index]];
}

void vn_law_encode(int is_mu, uint8_t *to, const int16_t *from, size_t count)
{
    for (size_t index = 0; index < count; ++index) {
        const int sample = from[index] & ~3;  /* of 14 bits, as pjmedia's table has them */

        to[index] = is_mu ? encoded_mu(sample) : encoded_a(sample);
    }
}
