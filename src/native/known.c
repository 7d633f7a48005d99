/* What a secret header says must not be repeated elsewhere in the line: `redaction/known.py`
   removes it there, as it is and as JSON, HTML and URLs write it. Here it is only looked for, by a
   piece that stands in all of these forms; where one is found, the long way follows. */

#include "native.h"

#define LEAST 6 /* as in redaction/known.py */
#define LEAST_COOKIE 8
#define LEAST_PART 12
#define MOST_CHARACTERS 4096
#define MOST_SPACES 20

/* Signs that JSON, HTML, Python's repr and URLs write as they are. */
static const uint8_t stays[256] = {['0' ... '9'] = 1, ['A' ... 'Z'] = 2, ['a' ... 'z'] = 2,
                                   ['_'] = 4,         ['.'] = 4,         ['~'] = 4, ['-'] = 4};

/* Note the longest run of signs that stay in a value; 0 where it is too short to be looked for.
   Behind a percent sign stands an escape, which another form has without. */
static int add_value(Known *known, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *run = at, *longest = at;
    size_t size = 0;
    for (; at <= end; at++) {
        if (at < end && stays[*at])
            continue;
        if ((size_t)(at - run) > size) {
            longest = run;
            size = (size_t)(at - run);
        }
        if (end - at > 2 && *at == '%' && is_hex(at[1]) && is_hex(at[2]))
            at += 2;
        run = at + 1;
    }
    if (size < LEAST || known->count == KNOWN_PIECES)
        return 0;
    /* Of a long one its end, which is the random part where there is another. */
    unsigned kept = size > KNOWN_PIECE ? KNOWN_PIECE : (unsigned)size;
    KnownPiece *piece = known->piece + known->count++;
    piece->size = (uint8_t)kept;
    memcpy(piece->text, longest + size - kept, kept);
    return 1;
}

/* Tell whether a text has letters only, or digits only. */
static int is_word(const uint8_t *at, const uint8_t *end)
{
    unsigned all = at < end ? 7 : 0;
    for (; at < end; at++)
        all &= stays[*at];
    return (all & 3) != 0;
}

static void trim(const uint8_t **at, const uint8_t **end, uint8_t sign)
{
    while (*at < *end && **at == sign)
        ++*at;
    while (*end > *at && (*end)[-1] == sign)
        --*end;
}

static int add_cookies(Known *known, const uint8_t *at, const uint8_t *stop, int first_only)
{
    while (at < stop) {
        const uint8_t *end = memchr(at, ';', (size_t)(stop - at));
        end = end == NULL ? stop : end;
        const uint8_t *value = memchr(at, '=', (size_t)(end - at)), *next = end + 1;
        if (value != NULL) {
            value++;
            trim(&value, &end, ' ');
            trim(&value, &end, '"');
            if (end - value >= LEAST_COOKIE && !is_word(value, end) && !add_value(known, value, end))
                return 0;
        }
        if (first_only)
            break; /* what follows in Set-Cookie says how it is kept */
        at = next;
    }
    return 1;
}

/* Give where a scheme's credentials begin; NULL where there is no scheme. */
static const uint8_t *behind_scheme(const uint8_t *at, const uint8_t *end)
{
    static const char *const schemes[] = {"bearer", "token", "apikey", "digest", "negotiate", "basic"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        Py_ssize_t size = (Py_ssize_t)strlen(schemes[i]);
        if (end - at > size && at[size] == ' ' &&
            PyOS_strnicmp((const char *)at, schemes[i], size) == 0) {
            const uint8_t *value = at + size;
            while (value < end && *value == ' ')
                value++;
            return value - at - size <= MOST_SPACES ? value : NULL;
        }
    }
    return NULL;
}

static int is_between(uint8_t sign) { return sign == ' ' || sign == ',' || sign == ';'; }

/* Note what a secret header says; 0 where only the long way can tell what to look for. */
int known_add(Known *known, const char *name, Py_ssize_t name_size, PyObject *header)
{
    if (!PyBytes_CheckExact(header) || PyBytes_GET_SIZE(header) > MOST_CHARACTERS)
        return 0;
    const uint8_t *at = (const uint8_t *)PyBytes_AS_STRING(header), *end = at + PyBytes_GET_SIZE(header);
    if (plain_size(NULL, at, (size_t)(end - at), NOT_ASCII | DEL) < (size_t)(end - at))
        for (const uint8_t *sign = at; sign < end; sign++)
            if (*sign < 0x20 || *sign >= 0x7F)
                return 0;
    if ((name_size >= 6 && PyOS_strnicmp(name + name_size - 6, "cookie", 6) == 0) ||
        (name_size >= 7 && PyOS_strnicmp(name + name_size - 7, "cookie2", 7) == 0))
        return add_cookies(known, at, end, PyOS_strnicmp(name, "set-", 4) == 0);
    trim(&at, &end, ' ');
    if (end - at < LEAST)
        return 1;
    const uint8_t *value = behind_scheme(at, end);
    if (value != NULL)
        return PyOS_strnicmp((const char *)at, "basic", 5) != 0 && add_value(known, value, end);
    int count = known->count;
    for (const uint8_t *piece = at; piece < end; piece++) {
        const uint8_t *stop = piece;
        while (stop < end && !is_between(*stop))
            stop++;
        const uint8_t *part = memchr(piece, '=', (size_t)(stop - piece)), *part_end = stop;
        piece = stop;
        if (part == NULL)
            continue;
        part++;
        trim(&part, &part_end, '"');
        if (part_end - part >= LEAST_PART && !is_word(part, part_end) &&
            !add_value(known, part, part_end))
            return 0;
    }
    return known->count > count || add_value(known, at, end);
}

static inline uint32_t gram_at(const char *text)
{
    uint32_t gram;
    memcpy(&gram, text, 4);
    return gram;
}

#define FILTER_BITS 12

static inline unsigned place_of(uint32_t gram)
{
    return gram * 0x9E3779B1u >> (32 - FILTER_BITS);
}

/* Tell whether a piece stands so that its four letters `from` to `from + stride` begin here. */
static int is_piece_at(const Known *known, const char *text, size_t size, size_t at, unsigned stride)
{
    uint32_t gram = gram_at(text + at);
    for (int i = 0; i < known->count; i++) {
        const KnownPiece *piece = known->piece + i;
        for (unsigned from = 0; from < stride; from++)
            if (gram_at(piece->text + from) == gram && at >= from && size - (at - from) >= piece->size &&
                memcmp(text + at - from, piece->text, piece->size) == 0)
                return 1;
    }
    return 0;
}

/* Tell whether a text has one of the pieces. Wherever it stands, four letters of it are met that
   begin at a multiple of `stride`: so the text is looked at there only. */
int known_repeated(const Known *known, const char *text, size_t size)
{
    unsigned stride = KNOWN_PIECE;
    size_t shortest = SIZE_MAX;
    for (int i = 0; i < known->count; i++)
        if (known->piece[i].size < shortest)
            shortest = known->piece[i].size;
    if (size < shortest)
        return 0; /* also where there are none */
    if (shortest - 3 < stride)
        stride = (unsigned)shortest - 3;
    uint64_t filter[(1 << FILTER_BITS) / 64] = {0};
    for (int i = 0; i < known->count; i++)
        for (unsigned from = 0; from < stride; from++) {
            unsigned place = place_of(gram_at(known->piece[i].text + from));
            filter[place / 64] |= 1ULL << place % 64;
        }
    for (size_t at = 0; at + 4 <= size; at += stride) {
        unsigned place = place_of(gram_at(text + at));
        if ((filter[place / 64] >> place % 64 & 1) && is_piece_at(known, text, size, at, stride))
            return 1;
    }
    return 0;
}
