/* G.711 by table: each of A-law's and mu-law's octets in the other, over the 16-bit sample between
 * them, as decoding and encoding would give it. */
#ifndef VN_LAW_H
#define VN_LAW_H

#include <stddef.h>
#include <stdint.h>

enum vn_law { VN_LAW_KEPT, VN_LAW_MU_TO_A, VN_LAW_A_TO_MU };

/* Copy octets, converted; a law that is none of the above is VN_LAW_KEPT. */
void vn_law_copy(int law, uint8_t *to, const uint8_t *from, size_t size);

#endif
