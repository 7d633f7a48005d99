/* Where free text may hold a secret of a known shape, and lines that hold none.

   These only find places: what is there `redaction/scrub.py` decides by its patterns. So a place
   too many costs a moment, and one too few would show a secret. */

#include "native.h"

typedef struct {
    const void *data;
    int kind;
    Py_ssize_t size;
} Text;

/* Give a character in lower case, as IGNORECASE takes it: also those that only fold to ASCII. */
static inline Py_UCS4 lower(const Text *text, Py_ssize_t at)
{
    if (at >= text->size)
        return 0;
    Py_UCS4 c = PyUnicode_READ(text->kind, text->data, at);
    if (c < 128)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return c == 0x17F ? 's' : c == 0x212A ? 'k' : c == 0x130 || c == 0x131 ? 'i' : c;
}

static int follows(const Text *text, Py_ssize_t at, const char *word)
{
    for (; *word; word++, at++)
        if (lower(text, at) != (Py_UCS4)(unsigned char)*word)
            return 0;
    return 1;
}

static inline int is_dash(Py_UCS4 c) { return c == '-' || c == '_'; }

/* Tell what may begin at a place: the words of each shape, by their first letter. */
static int shape_at(const Text *text, Py_ssize_t at, Py_UCS4 first)
{
    switch (first) {
    case ':':
        return follows(text, at + 1, "//") ? URL : 0;
    case 'a': {
        int found = follows(text, at, "akia") || follows(text, at, "asia") ||
                    follows(text, at, "aiza") ? TOKEN : 0;
        Py_ssize_t next = at + (follows(text, at, "api") ? 3 : follows(text, at, "access") ? 6 : 0);
        if (next > at && follows(text, next + is_dash(lower(text, next)), "key"))
            found |= NAMED;
        return found;
    }
    case 'b':
        return follows(text, at, "bearer") || follows(text, at, "basic") ? SCHEME : 0;
    case 'c':
        return follows(text, at, "credential") ? NAMED : 0;
    case 'd':
        return follows(text, at, "digest") ? SCHEME : follows(text, at, "dc_") ? TOKEN : 0;
    case 'e':
        return follows(text, at, "eyj") ? TOKEN : 0;
    case 'g':
        return (follows(text, at, "gh") && lower(text, at + 3) == '_') ||
               follows(text, at, "github_pat_") || follows(text, at, "glpat-") ? TOKEN : 0;
    case 'h':
        return follows(text, at, "hf_") ? TOKEN : 0;
    case 'n':
        return follows(text, at, "negotiate") ? SCHEME : follows(text, at, "npm_") ? TOKEN : 0;
    case 'p': {
        if (lower(text, at + 1) == 'k' && is_dash(lower(text, at + 2)))
            return TOKEN;
        if (follows(text, at, "pypi-"))
            return TOKEN;
        if (follows(text, at, "pass"))
            return follows(text, at + 4, "word") || follows(text, at + 4, "wd") ||
                   follows(text, at + 4, "phrase") ? NAMED : 0;
        if (follows(text, at, "private"))
            return follows(text, at + 7 + is_dash(lower(text, at + 7)), "key") ? NAMED : 0;
        return 0;
    }
    case 'r':
        return lower(text, at + 1) == 'k' && is_dash(lower(text, at + 2)) ? TOKEN : 0;
    case 's':
        if (lower(text, at + 1) == 'k' && is_dash(lower(text, at + 2)))
            return TOKEN;
        return follows(text, at, "secret") ? NAMED : follows(text, at, "sg.") ? TOKEN : 0;
    case 't':
        return follows(text, at, "token") ? SCHEME | NAMED : 0;
    case 'x':
        return follows(text, at, "xox") ? TOKEN : 0;
    case 'y':
        return follows(text, at, "ya29.") ? TOKEN : 0;
    default:
        return 0;
    }
}

/* The first two letters of each shape: by the low five bits of the first, a bit for the second. */
static uint32_t pairs[32];

void shapes_prepare(void)
{
    static const char words[] = "akasaiapacbebacrdidceyghgiglhfnenppkpypaprrksksesgtoxoya:/";
    for (const char *word = words; *word; word += 2)
        pairs[word[0] & 31] |= 1u << (word[1] & 31);
}

static inline int may_begin(uint32_t first, uint32_t second)
{
    return pairs[first & 31] >> (second & 31) & 1;
}

/* find_shapes(text) -> [place << 4 | what may be there, …], ascending */
PyObject *find_shapes(PyObject *module, PyObject *argument)
{
    (void)module;
    if (!PyUnicode_Check(argument)) {
        PyErr_SetString(PyExc_TypeError, "find_shapes takes a str");
        return NULL;
    }
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(argument) < 0)
        return NULL;
#endif
    Text text = {PyUnicode_DATA(argument), (int)PyUnicode_KIND(argument), PyUnicode_GET_LENGTH(argument)};
    PyObject *found = PyList_New(0);
    if (found == NULL)
        return NULL;
    Py_UCS4 first, second = lower(&text, 0);
    for (Py_ssize_t at = 0; at < text.size; at++) {
        first = second;
        second = lower(&text, at + 1);
        if (first >= 128 || second >= 128 || !may_begin(first, second))
            continue;
        int shape = shape_at(&text, at, first);
        if (shape == 0)
            continue;
        PyObject *place = PyLong_FromSsize_t(at << 4 | shape);
        if (place == NULL || PyList_Append(found, place) < 0) {
            Py_XDECREF(place);
            Py_DECREF(found);
            return NULL;
        }
        Py_DECREF(place);
    }
    return found;
}

/* Tell whether a text is UTF-8 that has no shape but ignored ones, and no character that only
   folds to a letter of one. */
int is_shapeless(const uint8_t *at, const uint8_t *end, int ignored)
{
    Text text = {at, PyUnicode_1BYTE_KIND, end - at};
    for (Py_ssize_t i = 0; i < text.size; i++) {
        if (at[i] >= 0x80) {
            int length = utf8_length(at + i, end);
            if (length == 0 || memcmp(at + i, "\xC5\xBF", 2) == 0 ||
                memcmp(at + i, "\xC4\xB0", 2) == 0 || memcmp(at + i, "\xC4\xB1", 2) == 0 ||
                (length == 3 && memcmp(at + i, "\xE2\x84\xAA", 3) == 0))
                return 0;
            i += length - 1;
        } else if (i + 1 < text.size && may_begin(at[i], at[i + 1]) &&
                   shape_at(&text, i, lower(&text, i)) & ~ignored) {
            return 0;
        }
    }
    return 1;
}

static const uint8_t *skip_space(const uint8_t *at, const uint8_t *end, int events)
{
    while (at < end && (*at == ' ' || *at == '\t' || (*at == '\r' && !events)))
        at++;
    return at;
}

/* plain_lines(text, safe keys, events) -> whether no line holds, or may hold, a secret

   With `events` the text is server-sent events: a `data:` line that is JSON is all the data of
   its event. Otherwise each line is JSON. False where it can't be told. */
PyObject *plain_lines(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 3 || !PyUnicode_Check(args[0]) || !PyAnySet_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "plain_lines takes a str, a set and a bool");
        return NULL;
    }
    Py_ssize_t size;
    const uint8_t *at = (const uint8_t *)PyUnicode_AsUTF8AndSize(args[0], &size);
    if (at == NULL) {
        PyErr_Clear(); /* a lone surrogate */
        Py_RETURN_FALSE;
    }
    int events = args[2] == Py_True;
    Out out;
    if (!out_take(&out))
        Py_RETURN_FALSE;
    const uint8_t *end = at + size;
    int after_json = 0, plain = 1;
    while (at < end && plain) {
        const uint8_t *stop = at;
        while (stop < end && *stop != '\n' && !(events && *stop == '\r'))
            stop++;
        int is_data = events && stop - at >= 5 && memcmp(at, "data:", 5) == 0;
        const uint8_t *value = skip_space(is_data ? at + 5 : at, stop, events);
        int is_json = !events || (is_data && value < stop && (*value == '{' || *value == '[') &&
                                  !(stop - value >= 6 && memcmp(value, "[DONE]", 6) == 0));
        if (is_data && after_json)
            plain = 0; /* data that goes on */
        else if (value == stop)
            after_json = 0; /* blank */
        else if (is_json) {
            out.at = out.base;
            plain = copy_plain_json(&out, value, stop - value, args[1], NULL);
            after_json = events;
        } else
            plain = is_shapeless(at, stop, 0);
        at = stop + (end - stop >= 2 && stop[0] == '\r' && stop[1] == '\n') + (stop < end);
    }
    out_give(&out);
    return PyBool_FromLong(plain);
}
