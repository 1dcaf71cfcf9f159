/* Reading and writing the RTP payloads of AMR and AMR-WB (RFC 4867 sections 4.3 and 4.4). */
#include "rfc4867.h"

#include <string.h>

enum { MORE_FOLLOW = 0x80, GOOD = 0x04 };

const vn_amr_table vn_amr_narrow = {
    {95, 103, 118, 134, 148, 159, 204, 244, 39, -1, -1, -1, -1, -1, -1, 0},
    160, 8, VN_AMR_NO_DATA << 3, 244,
};
const vn_amr_table vn_amr_wide = {
    {132, 177, 253, 285, 317, 365, 397, 461, 477, 40, -1, -1, -1, -1, 0, 0},
    320, 9, 14 << 3 /* SPEECH_LOST */, 477,
};

static size_t bytes_of(size_t bits) { return (bits + 7) / 8; }

size_t vn_amr_storage_size(const vn_amr_table *table, unsigned type)
{
    return type > 15 || table->bits[type] < 0 ? 0 : 1 + bytes_of((size_t)table->bits[type]);
}

/* Copy bits that begin anywhere to where a byte begins; the last byte is padded with zeros. */
static void take_bits(const uint8_t *data, size_t size, size_t position, size_t bits, uint8_t *out)
{
    const size_t count = bytes_of(bits);
    const unsigned shift = position & 7;
    const uint8_t *from = data + position / 8, *end = data + size;

    for (size_t index = 0; index < count; ++index) {
        unsigned pair = (unsigned)from[index] << 8;
        if (shift && from + index + 1 < end)
            pair |= from[index + 1];
        out[index] = (uint8_t)(pair << shift >> 8);
    }
    if (bits & 7)
        out[count - 1] &= (uint8_t)(0xFF00 >> (bits & 7));
}

/* Add bits that begin with a byte to where zeros are. */
static void put_bits(uint8_t *out, size_t position, const uint8_t *data, size_t bits)
{
    const unsigned shift = position & 7;
    uint8_t *to = out + position / 8;

    for (size_t index = 0; bits; ++index) {
        const size_t taken = bits < 8 ? bits : 8;
        const unsigned byte = data[index] & (0xFF00u >> taken) & 0xFF;
        to[index] |= (uint8_t)(byte >> shift);
        if (shift + taken > 8)
            to[index + 1] |= (uint8_t)(byte << (8 - shift));
        bits -= taken;
    }
}

/* Read the tables of contents of an octet-aligned payload; return how many entries. */
static unsigned aligned_contents(const uint8_t *data, size_t size, uint8_t *contents)
{
    for (unsigned count = 0; count < VN_AMR_MAX_FRAMES && 1 + count < size;) {
        const uint8_t entry = data[1 + count];
        contents[count++] = entry & 0x7C;
        if (!(entry & MORE_FOLLOW))
            return count;
    }
    return 0;
}

/* The same of a bandwidth-efficient one: six bits each, after the four of the mode request. */
static unsigned efficient_contents(const uint8_t *data, size_t size, uint8_t *contents)
{
    size_t position = 4;

    for (unsigned count = 0; count < VN_AMR_MAX_FRAMES && position + 6 <= size * 8;) {
        uint8_t entry;
        take_bits(data, size, position, 6, &entry);
        position += 6;
        contents[count++] = entry & 0x7C;
        if (!(entry & MORE_FOLLOW))
            return count;
    }
    return 0;
}

unsigned vn_amr_read(const vn_amr_table *table, const uint8_t *data, size_t size, int aligned,
                     uint8_t frames[][VN_AMR_STRIDE], unsigned *mode_request)
{
    uint8_t contents[VN_AMR_MAX_FRAMES];
    unsigned count;
    size_t position; /* in bits */

    if (size < 2 || size * 8 > (1 + VN_AMR_MAX_FRAMES) * (size_t)table->max_bits)
        return 0;
    count = (aligned ? aligned_contents : efficient_contents)(data, size, contents);
    position = aligned ? 8 * (1 + (size_t)count) : 4 + 6 * (size_t)count;
    for (unsigned index = 0; index < count; ++index) {
        const int bits = table->bits[contents[index] >> 3 & 15];
        if (bits < 0)
            return 0;
        position += aligned ? 8 * bytes_of((size_t)bits) : (size_t)bits;
    }
    if (!count || bytes_of(position) != size)
        return 0;
    position = aligned ? 8 * (1 + (size_t)count) : 4 + 6 * (size_t)count;
    for (unsigned index = 0; index < count; ++index) {
        const size_t bits = (size_t)table->bits[contents[index] >> 3 & 15];
        frames[index][0] = contents[index];
        if (aligned) {
            memcpy(frames[index] + 1, data + position / 8, bytes_of(bits));
            position += 8 * bytes_of(bits);
        } else if (bits) {
            take_bits(data, size, position, bits, frames[index] + 1);
            position += bits;
        }
    }
    *mode_request = data[0] >> 4;
    return count;
}

size_t vn_amr_write(const vn_amr_table *table, uint8_t frames[][VN_AMR_STRIDE], unsigned count,
                    int aligned, uint8_t *out, size_t room)
{
    size_t position = aligned ? 8 * (1 + (size_t)count) : 4 + 6 * (size_t)count, length = position;

    if (!count || count > VN_AMR_MAX_FRAMES)
        return 0;
    for (unsigned index = 0; index < count; ++index) {
        const int bits = table->bits[frames[index][0] >> 3 & 15];
        if (bits < 0)
            return 0;
        length += aligned ? 8 * bytes_of((size_t)bits) : (size_t)bits;
    }
    length = bytes_of(length);
    if (length > room)
        return 0;
    memset(out, 0, length);
    out[0] = VN_AMR_NO_REQUEST << 4;
    for (unsigned index = 0; index < count; ++index) {
        const size_t bits = (size_t)table->bits[frames[index][0] >> 3 & 15];
        const uint8_t more = index + 1 < count ? MORE_FOLLOW : 0;
        const uint8_t entry = (frames[index][0] & 0x7C) | more;
        if (aligned)
            out[1 + index] = entry;
        else
            put_bits(out, 4 + 6 * (size_t)index, &entry, 6);
        put_bits(out, position, frames[index] + 1, bits);
        position += aligned ? 8 * bytes_of(bits) : bits;
    }
    return length;
}
