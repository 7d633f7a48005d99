/* JSON (RFC 8259), copied as the inside of a JSON string.

   One walk checks the grammar and the UTF-8, and writes. Where it isn't JSON, or is nested
   deeply, redaction in Python takes over; whether there may be a secret in it is asked elsewhere
   (places.c). */

#include "native.h"

#define MOST_DEPTH 64

/* Give the length of the UTF-8 sequence at a place (Unicode, table 3-7); 0 when it is none. */
int utf8_length(const uint8_t *at, const uint8_t *end)
{
    uint8_t first = at[0];
    Py_ssize_t rest = end - at;
    if (first >= 0xC2 && first <= 0xDF)
        return rest >= 2 && (at[1] & 0xC0) == 0x80 ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        if (rest < 3 || (at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80)
            return 0;
        if ((first == 0xE0 && at[1] < 0xA0) || (first == 0xED && at[1] > 0x9F))
            return 0;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (rest < 4 || (at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80 || (at[3] & 0xC0) != 0x80)
            return 0;
        if ((first == 0xF0 && at[1] < 0x90) || (first == 0xF4 && at[1] > 0x8F))
            return 0;
        return 4;
    }
    return 0;
}

int is_utf8(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint64_t eight;
        if (end - at >= 8 && (memcpy(&eight, at, 8), (eight & 0x8080808080808080ULL) == 0)) {
            at += 8;
            continue;
        }
        int length = *at < 0x80 ? 1 : utf8_length(at, end);
        if (length == 0)
            return 0;
        at += length;
    }
    return 1;
}

/* Copy a string up to and with its closing quote; `*at` is behind the opening one. */
static int copy_string(const uint8_t **place, const uint8_t *end, char **to_place)
{
    const uint8_t *at = *place;
    char *to = *to_place;
    while (at < end) {
        size_t plain = plain_size(to, at, (size_t)(end - at), NOT_ASCII);
        at += plain;
        to += plain;
        if (at == end)
            return 0;
        uint8_t c = *at;
        if (c == '"') {
            *to++ = '\\';
            *to++ = '"';
            *place = at + 1;
            *to_place = to;
            return 1;
        }
        if (c == '\\') {
            if (end - at < 2)
                return 0;
            uint8_t escaped = at[1];
            if (escaped == 'u') {
                if (end - at < 6 || !is_hex(at[2]) || !is_hex(at[3]) || !is_hex(at[4]) || !is_hex(at[5]))
                    return 0;
                memcpy(to, "\\\\", 2);
                memcpy(to + 2, at + 1, 5);
                to += 7;
                at += 6;
                continue;
            }
            if (memchr("\"\\/bfnrt", escaped, 8) == NULL)
                return 0;
            at += 2;
            *to++ = '\\';
            *to++ = '\\';
            if (escaped == '"' || escaped == '\\')
                *to++ = '\\';
            *to++ = (char)escaped;
            continue;
        }
        if (c < 0x20)
            return 0;
        int length = utf8_length(at, end);
        if (length == 0)
            return 0;
        memcpy(to, at, (size_t)length);
        to += length;
        at += length;
    }
    return 0;
}

static const uint8_t *skip_digits(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Give the end of the number at a place; NULL when it is none. */
static const uint8_t *number_end(const uint8_t *at, const uint8_t *end)
{
    if (at < end && *at == '-')
        at++;
    if (at == end || *at < '0' || *at > '9')
        return NULL;
    at = *at == '0' ? at + 1 : skip_digits(at, end);
    if (at < end && *at == '.') {
        const uint8_t *digits = ++at;
        at = skip_digits(at, end);
        if (at == digits)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        const uint8_t *digits = at;
        at = skip_digits(at, end);
        if (at == digits)
            return NULL;
    }
    return at;
}

enum state { VALUE, FIRST_VALUE, KEY, FIRST_KEY, COLON, AFTER_VALUE };

/* Copy a text that is JSON; 0 where it isn't, or may not be. */
int copy_json(Out *out, const uint8_t *data, Py_ssize_t size)
{
    if (!out_room(out, (size_t)size * 2 + 32))
        return 0;
    const uint8_t *at = data, *end = data + size;
    char *to = out->at;
    uint64_t in_object = 0; /* a bit for each level, the innermost the lowest */
    int depth = 0;
    enum state state = VALUE;
    for (;;) {
        while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
            if (*at == ' ') {
                *to++ = ' ';
            } else {
                *to++ = '\\';
                *to++ = *at == '\n' ? 'n' : *at == '\r' ? 'r' : 't';
            }
            at++;
        }
        if (at == end)
            break;
        uint8_t c = *at;
        switch (state) {
        case FIRST_KEY:
        case KEY:
            if (c == '"') {
                *to++ = '\\';
                *to++ = '"';
                at++;
                if (!copy_string(&at, end, &to))
                    return 0;
                state = COLON;
                continue;
            }
            if (c != '}' || state != FIRST_KEY)
                return 0;
            break; /* the end of an empty object */
        case COLON:
            if (c != ':')
                return 0;
            *to++ = ':';
            at++;
            state = VALUE;
            continue;
        case AFTER_VALUE:
            if (depth == 0)
                return 0;
            if (c == ',') {
                *to++ = ',';
                at++;
                state = in_object & 1 ? KEY : VALUE;
                continue;
            }
            if (c != (in_object & 1 ? '}' : ']'))
                return 0;
            break;
        case FIRST_VALUE:
            if (c == ']')
                break;
            /* fall through */
        case VALUE:
            if (c == '"') {
                *to++ = '\\';
                *to++ = '"';
                at++;
                if (!copy_string(&at, end, &to))
                    return 0;
            } else if (c == '{' || c == '[') {
                if (depth == MOST_DEPTH)
                    return 0;
                depth++;
                in_object = in_object << 1 | (c == '{');
                *to++ = (char)c;
                at++;
                state = c == '{' ? FIRST_KEY : FIRST_VALUE;
                continue;
            } else {
                const uint8_t *stop;
                if (end - at >= 4 && (memcmp(at, "true", 4) == 0 || memcmp(at, "null", 4) == 0))
                    stop = at + 4;
                else if (end - at >= 5 && memcmp(at, "false", 5) == 0)
                    stop = at + 5;
                else
                    stop = number_end(at, end);
                if (stop == NULL)
                    return 0;
                memcpy(to, at, (size_t)(stop - at));
                to += stop - at;
                at = stop;
            }
            state = AFTER_VALUE;
            continue;
        }
        /* An object or array ends here. */
        *to++ = (char)c;
        at++;
        depth--;
        in_object >>= 1;
        state = AFTER_VALUE;
    }
    if (state != AFTER_VALUE || depth != 0)
        return 0;
    out->at = to;
    return 1;
}
