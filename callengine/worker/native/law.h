/* G.711: each of A-law's and mu-law's octets in the other, over the 16-bit sample between
 * them, as decoding and encoding would give it, and those samples. */
#ifndef VN_LAW_H
#define VN_LAW_H

#include <stddef.h>
#include <stdint.h>

enum vn_law {
    VN_LAW_KEPT, VN_LAW_MU_TO_A, VN_LAW_A_TO_MU,
    VN_LAW_MU_TO_G722, VN_LAW_A_TO_G722, VN_LAW_G722_TO_MU, VN_LAW_G722_TO_A, /* coding.h */
    VN_LAWS
};

static inline int vn_law_is_coded(int law) { return law >= VN_LAW_MU_TO_G722 && law < VN_LAWS; }

/* Copy octets, converted; a law that no table says is VN_LAW_KEPT. */
void vn_law_copy(int law, uint8_t *to, const uint8_t *from, size_t size);

/* Octets of mu-law, or else of A-law, as 16-bit samples, and these as such octets. */
void vn_law_decode(int is_mu, int16_t *to, const uint8_t *from, size_t count);
void vn_law_encode(int is_mu, uint8_t *to, const int16_t *from, size_t count);

#endif
