/* CRC-32 (ISO 3309), the one of zlib, without its tables' weight in the caches.

   Long runs are folded by carry-less multiplication where the processor has it, as described in
   V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction",
   Intel, 2009 (bit-reflected form); the rest goes byte by byte. */

#include "native.h"

static uint32_t table[256];
static uint32_t (*fold)(uint32_t crc, const uint8_t *data, size_t size);

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("pclmul,sse4.1")))

static inline TARGET __m128i folded(__m128i value, __m128i by, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(value, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(value, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* `size` is a multiple of 16, and not 0; `crc` is inverted, before and after. */
static TARGET uint32_t fold_pclmul(uint32_t crc, const uint8_t *data, size_t size)
{
    /* x^(4*128+32), x^(4*128-32); x^(128+32), x^(128-32); x^64; P and its inverse, reflected */
    const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const __m128i by_64 = _mm_set_epi64x(0, 0x163cd6124);
    const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
    const __m128i low_words = _mm_set_epi32(0, -1, 0, -1);
    const __m128i *at = (const __m128i *)data;
    __m128i value = _mm_xor_si128(_mm_loadu_si128(at++), _mm_cvtsi32_si128((int)crc));
    size -= 16;
    if (size >= 48) {
        __m128i lane[4] = {value};
        for (int i = 1; i < 4; i++)
            lane[i] = _mm_loadu_si128(at++);
        size -= 48;
        for (; size >= 64; size -= 64)
            for (int i = 0; i < 4; i++)
                lane[i] = folded(lane[i], by_512, _mm_loadu_si128(at++));
        value = lane[0];
        for (int i = 1; i < 4; i++)
            value = folded(value, by_128, lane[i]);
    }
    for (; size >= 16; size -= 16)
        value = folded(value, by_128, _mm_loadu_si128(at++));
    value = _mm_xor_si128(_mm_srli_si128(value, 8), _mm_clmulepi64_si128(value, by_128, 0x10));
    value = _mm_xor_si128(_mm_srli_si128(value, 4),
                          _mm_clmulepi64_si128(_mm_and_si128(value, low_words), by_64, 0x00));
    __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(value, low_words), barrett, 0x10);
    quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_words), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(value, quotient), 1);
}
#endif

void crc32_prepare(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1)));
        table[i] = crc;
    }
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"))
        fold = fold_pclmul;
#endif
}

uint32_t crc32_more(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *at = data;
    crc = ~crc;
    if (fold != NULL && size >= 16) {
        size_t folded_bytes = size & ~(size_t)15;
        crc = fold(crc, at, folded_bytes);
        at += folded_bytes;
        size -= folded_bytes;
    }
    while (size--)
        crc = (crc >> 8) ^ table[(crc ^ *at++) & 0xFF];
    return ~crc;
}
