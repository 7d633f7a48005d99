/* Whether a batch can go to the store as it is; what makes it so in Python is in
   `writer/batch.py`. Looked at without the GIL. */

#include "native.h"

#define ID_AT 7
#define ID_BYTES 36
#define REVISION_AT 43
#define DIGIT_AT 56
#define BEGAN_AT 58
#define BEGAN_BYTES 27

static const char prefix[] = "{\"id\":\"", revision[] = "\",\"revision\":",
                  began[] = "\"request_timestamp\":\"";

/* Tell whether a line begins as dashcam writes it, not before a time. */
static int is_fresh(const char *line, uint32_t size, const char *before, Py_ssize_t before_bytes)
{
    const char *at = line + BEGAN_AT + sizeof began - 1;
    return size > BEGAN_AT + sizeof began - 1 + BEGAN_BYTES &&
           memcmp(line, prefix, sizeof prefix - 1) == 0 &&
           memcmp(line + REVISION_AT, revision, sizeof revision - 1) == 0 &&
           line[DIGIT_AT] >= '0' && line[DIGIT_AT] <= '9' && line[DIGIT_AT + 1] == ',' &&
           memcmp(line + BEGAN_AT, began, sizeof began - 1) == 0 &&
           (before_bytes == 0 || memcmp(at, before, BEGAN_BYTES) >= 0);
}

static uint32_t place_of(const char *id, uint32_t mask)
{
    uint64_t first, last;
    memcpy(&first, id + ID_BYTES - 16, 8);
    memcpy(&last, id + ID_BYTES - 8, 8);
    return (uint32_t)(((first ^ last << 3) * 0x9E3779B97F4A7C15ULL) >> 32) & mask;
}

/* Tell whether all lines are fresh and no id is there twice; `seen` has room for offsets of twice
   as many lines, and is zero. */
static int is_plain(const char *text, const char *sizes, Py_ssize_t lines, const char *before,
                    Py_ssize_t before_bytes, uint32_t *seen, uint32_t mask)
{
    uint32_t at = 0;
    for (Py_ssize_t i = 0; i < lines; i++) {
        uint32_t size;
        memcpy(&size, sizes + i * 4, 4);
        const char *line = text + at;
        if (!is_fresh(line, size, before, before_bytes))
            return 0;
        uint32_t place = place_of(line + ID_AT, mask);
        for (; seen[place] != 0; place = (place + 1) & mask)
            if (memcmp(text + seen[place] - 1 + ID_AT, line + ID_AT, ID_BYTES) == 0)
                return 0;
        seen[place] = at + 1;
        at += size;
    }
    return 1;
}

/* is_plain_batch(text, sizes, before) -> whether each line begins as dashcam writes it, at or after
   a time (none where it is empty), and no id is there twice */
PyObject *is_plain_batch(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 3 || !PyBytes_Check(args[0]) || !PyBytes_Check(args[1]) ||
        !PyBytes_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "is_plain_batch takes text, sizes and a time");
        return NULL;
    }
    const char *text = PyBytes_AS_STRING(args[0]), *sizes = PyBytes_AS_STRING(args[1]);
    Py_ssize_t lines = PyBytes_GET_SIZE(args[1]) / 4, bytes = 0;
    Py_ssize_t before_bytes = PyBytes_GET_SIZE(args[2]);
    for (Py_ssize_t i = 0; i < lines; i++) {
        uint32_t size;
        memcpy(&size, sizes + i * 4, 4);
        bytes += size;
    }
    if (bytes != PyBytes_GET_SIZE(args[0]) || bytes >= UINT32_MAX || lines > UINT32_MAX / 8 ||
        (before_bytes != 0 && before_bytes != BEGAN_BYTES))
        Py_RETURN_FALSE;
    uint32_t places = 2;
    while (places < 2 * (size_t)lines)
        places *= 2;
    uint32_t *seen = PyMem_RawCalloc(places, sizeof *seen);
    if (seen == NULL)
        return PyErr_NoMemory();
    int plain;
    Py_BEGIN_ALLOW_THREADS
    plain = is_plain(text, sizes, lines, PyBytes_AS_STRING(args[2]), before_bytes, seen, places - 1);
    Py_END_ALLOW_THREADS
    PyMem_RawFree(seen);
    return PyBool_FromLong(plain);
}
