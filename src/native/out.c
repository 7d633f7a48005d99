/* A buffer to write JSON to. There is one, taken for the time of one call: whoever finds it
   taken (a finalizer that records a request) goes the long way, through Python. */

#include "native.h"

#define KEPT_BYTES (1u << 20)

static char *buffer;
static size_t buffer_bytes;
static int taken;

int out_take(Out *out)
{
    if (taken)
        return 0;
    if (buffer == NULL) {
        buffer = PyMem_RawMalloc(1 << 14);
        if (buffer == NULL)
            return 0;
        buffer_bytes = 1 << 14;
    }
    taken = 1;
    out->base = out->at = buffer;
    out->end = buffer + buffer_bytes;
    return 1;
}

void out_give(Out *out)
{
    buffer = out->base;
    buffer_bytes = (size_t)(out->end - out->base);
    if (buffer_bytes > KEPT_BYTES) {
        PyMem_RawFree(buffer);
        buffer = NULL;
        buffer_bytes = 0;
    }
    taken = 0;
}

/* Take more memory, so that there is room for more bytes; 0 where there is none. */
int out_grow(Out *out, size_t size)
{
    size_t used = (size_t)(out->at - out->base);
    size_t capacity = (size_t)(out->end - out->base);
    while (capacity - used < size)
        capacity *= 2;
    char *larger = PyMem_RawRealloc(out->base, capacity);
    if (larger == NULL)
        return 0;
    out->base = larger;
    out->at = larger + used;
    out->end = larger + capacity;
    return 1;
}

/* Write valid UTF-8 as the inside of a JSON string; 0 at a NUL, which no engine takes. */
int out_escaped(Out *out, const char *utf8, Py_ssize_t size)
{
    static const char digits[] = "0123456789abcdef";
    if (!out_room(out, (size_t)size * 6 + 16))
        return 0;
    char *to = out->at;
    for (Py_ssize_t i = 0;; i++) {
        size_t plain = plain_size(to, (const uint8_t *)utf8 + i, (size_t)(size - i), 0);
        to += plain;
        i += (Py_ssize_t)plain;
        if (i == size)
            break;
        unsigned char c = (unsigned char)utf8[i];
        if (c == 0)
            return 0;
        *to++ = '\\';
        switch (c) {
        case '"': case '\\': *to++ = (char)c; break;
        case '\n': *to++ = 'n'; break;
        case '\r': *to++ = 'r'; break;
        case '\t': *to++ = 't'; break;
        case '\b': *to++ = 'b'; break;
        case '\f': *to++ = 'f'; break;
        default:
            memcpy(to, "u00", 3);
            to[3] = digits[c >> 4];
            to[4] = digits[c & 15];
            to += 5;
        }
    }
    out->at = to;
    return 1;
}

/* Give a str as UTF-8; NULL, without an error, for a lone surrogate or what is no str. */
const char *utf8_of(PyObject *text, Py_ssize_t *size)
{
    if (text == NULL || !PyUnicode_Check(text))
        return NULL;
    if (PyUnicode_IS_COMPACT_ASCII(text)) { /* as nearly all are */
        *size = PyUnicode_GET_LENGTH(text);
        return (const char *)PyUnicode_1BYTE_DATA(text);
    }
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, size);
    if (utf8 == NULL)
        PyErr_Clear();
    return utf8;
}

/* Write a str as a JSON string, None as null; 0 for what needs a closer look. */
int out_text(Out *out, PyObject *text)
{
    if (text == Py_None) {
        if (!out_room(out, 8))
            return 0;
        OUT(out, "null");
        return 1;
    }
    Py_ssize_t size;
    const char *utf8 = utf8_of(text, &size);
    if (utf8 == NULL || !out_room(out, 2))
        return 0;
    *out->at++ = '"';
    if (!out_escaped(out, utf8, size) || !out_room(out, 8))
        return 0;
    *out->at++ = '"';
    return 1;
}

/* Write bytes that are Latin-1 as a JSON string; 0 for what isn't plain printable ASCII. */
int out_latin1(Out *out, PyObject *bytes)
{
    if (bytes == NULL || !PyBytes_Check(bytes))
        return 0;
    const unsigned char *at = (const unsigned char *)PyBytes_AS_STRING(bytes);
    Py_ssize_t size = PyBytes_GET_SIZE(bytes);
    if (!out_room(out, (size_t)size * 2 + 16))
        return 0;
    char *to = out->at;
    *to++ = '"';
    for (Py_ssize_t i = 0;; i++) {
        size_t plain = plain_size(to, at + i, (size_t)(size - i), NOT_ASCII | DEL);
        to += plain;
        i += (Py_ssize_t)plain;
        if (i == size)
            break;
        if (at[i] != '"' && at[i] != '\\')
            return 0;
        *to++ = '\\';
        *to++ = (char)at[i];
    }
    *to++ = '"';
    out->at = to;
    return 1;
}

void out_integer(Out *out, long long value)
{
    char digits[24];
    int count = 0;
    unsigned long long rest = value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        *out->at++ = '-';
    while (count)
        *out->at++ = digits[--count];
}

/* Write microseconds (not negative) as milliseconds, the shortest way: 1.5, 2.0, 0.001. */
void out_milliseconds(Out *out, long long microseconds)
{
    out_integer(out, microseconds / 1000);
    int rest = (int)(microseconds % 1000);
    *out->at++ = '.';
    *out->at++ = (char)('0' + rest / 100);
    if (rest % 100) {
        *out->at++ = (char)('0' + rest / 10 % 10);
        if (rest % 10)
            *out->at++ = (char)('0' + rest % 10);
    }
}
