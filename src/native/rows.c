/* From lines to what is bound in a statement, for an engine that takes rows; its twin in Python
   is in `store/binding.py`.

   Lines are what `Recorder` has encoded: all keys in the order of the columns, no white space.
   They are taken apart and checked without the GIL, beside the event loop; with it only the
   objects are made, each value that the row before has, too, once. Whatever isn't just so (a
   surrogate, NUL, an exponent, a key in another place) is left to the twin. */

#include "native.h"

#define MOST_COLUMNS 64
#define MOST_DEPTH 32
#define MOST_DIGITS 17

enum { ABSENT, ASCII, WIDE, INTEGER, FLOAT, YES, NO };

typedef struct {
    const char *at;
    uint32_t size;
    uint32_t form;
} Slice;

typedef struct {
    int columns;
    const char *key[MOST_COLUMNS];
    Py_ssize_t key_size[MOST_COLUMNS];
    const char *kinds;
    int outcomes;
    const char *outcome[16];
    Py_ssize_t outcome_size[16];
} Plan;

/* Find a string's closing quote; 0 at what no string has. */
static const char *text_end(const char *at, const char *end, int *is_escaped, int *is_wide)
{
    for (;;) {
        if (at < end)
            at += plain_size(NULL, (const uint8_t *)at, (size_t)(end - at), NOT_ASCII);
        if (at >= end)
            return NULL;
        unsigned char c = (unsigned char)*at;
        if (c == '"')
            return at;
        if (c < 0x20)
            return NULL;
        if (c == '\\') {
            *is_escaped = 1;
            at++; /* what follows is looked at by `unescape` */
        } else if (c >= 0x80) {
            *is_wide = 1;
        }
        at++;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Write a string without its escapes; give where it ends, NULL at what the twin shall judge. */
static char *unescape(const char *at, const char *end, char *to, int *is_wide)
{
    for (;;) {
        const char *next = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((next == NULL ? end : next) - at);
        memcpy(to, at, plain);
        to += plain;
        if (next == NULL)
            return to;
        at = next + 2;
        switch (at > end ? 0 : next[1]) {
        case '"': *to++ = '"'; break;
        case '\\': *to++ = '\\'; break;
        case '/': *to++ = '/'; break;
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'n': *to++ = '\n'; break;
        case 'r': *to++ = '\r'; break;
        case 't': *to++ = '\t'; break;
        case 'u': {
            int point = 0;
            if (end - at < 4)
                return NULL;
            for (int i = 0; i < 4; i++) {
                int digit = hex_digit(*at++);
                if (digit < 0)
                    return NULL;
                point = point << 4 | digit;
            }
            if (point == 0 || (point >= 0xD800 && point <= 0xDFFF))
                return NULL;
            if (point < 0x80) {
                *to++ = (char)point;
                break;
            }
            *is_wide = 1;
            if (point < 0x800) {
                *to++ = (char)(0xC0 | point >> 6);
            } else {
                *to++ = (char)(0xE0 | point >> 12);
                *to++ = (char)(0x80 | (point >> 6 & 0x3F));
            }
            *to++ = (char)(0x80 | (point & 0x3F));
            break;
        }
        default:
            return NULL;
        }
    }
}

/* Take a string, whose opening quote is passed; its text may go into the arena. */
static const char *take_text(const char *at, const char *end, Slice *slice, char **arena)
{
    int is_escaped = 0, is_wide = 0;
    const char *close = text_end(at, end, &is_escaped, &is_wide);
    if (close == NULL)
        return NULL;
    slice->at = at;
    slice->size = (uint32_t)(close - at);
    if (is_escaped) {
        char *behind = unescape(at, close, *arena, &is_wide);
        if (behind == NULL)
            return NULL;
        slice->at = *arena;
        slice->size = (uint32_t)(behind - *arena);
        *arena = behind;
    }
    slice->form = is_wide ? WIDE : ASCII;
    return close + 1;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Take a number without an exponent, of few digits. */
static const char *take_number(const char *at, const char *end, Slice *slice)
{
    slice->at = at;
    slice->form = INTEGER;
    if (at < end && *at == '-')
        at++;
    const char *first = at;
    at = skip_digits(at, end);
    if (at == first || (*first == '0' && (at - first > 1 || slice->at != first)))
        return NULL;
    if (at < end && *at == '.') {
        const char *fraction = ++at;
        at = skip_digits(at, end);
        if (at == fraction)
            return NULL;
        slice->form = FLOAT;
    }
    slice->size = (uint32_t)(at - slice->at);
    if (slice->size > MOST_DIGITS || (at < end && (*at == 'e' || *at == 'E')))
        return NULL;
    return at;
}

static int begins(const char *at, const char *end, const char *word, Py_ssize_t size)
{
    return end - at >= size && memcmp(at, word, (size_t)size) == 0;
}

/* Step over one JSON value without white space; NULL where it is none. */
static const char *skip_json(const char *at, const char *end, char *arena, int depth, int *is_wide)
{
    Slice ignored;
    if (at >= end || depth > MOST_DEPTH)
        return NULL;
    char open = *at;
    switch (open) {
    case '"': {
        const char *behind = take_text(at + 1, end, &ignored, &arena);
        /* An escape stays as it is in the text of the value; only its own bytes make it wide. */
        for (const char *byte = at; behind != NULL && byte < behind; byte++)
            *is_wide |= (unsigned char)*byte >= 0x80;
        return behind;
    }
    case 't':
        return begins(at, end, "true", 4) ? at + 4 : NULL;
    case 'f':
        return begins(at, end, "false", 5) ? at + 5 : NULL;
    case 'n':
        return begins(at, end, "null", 4) ? at + 4 : NULL;
    case '[':
    case '{': {
        char close = open == '[' ? ']' : '}';
        if (++at < end && *at == close)
            return at + 1;
        for (;;) {
            if (open == '{') {
                if (at >= end || *at != '"')
                    return NULL;
                at = skip_json(at, end, arena, depth + 1, is_wide);
                if (at == NULL || at >= end || *at++ != ':')
                    return NULL;
            }
            at = skip_json(at, end, arena, depth + 1, is_wide);
            if (at == NULL || at >= end)
                return NULL;
            if (*at == close)
                return at + 1;
            if (*at++ != ',')
                return NULL;
        }
    }
    default:
        return take_number(at, end, &ignored);
    }
}

/* Take one value of a column; NULL at what the twin shall judge. */
static const char *take_value(const Plan *plan, char kind, const char *at, const char *end,
                              Slice *slice, char **arena)
{
    if (at >= end)
        return NULL;
    if (*at == 'n') {
        slice->at = at;
        slice->size = 0;
        slice->form = ABSENT;
        return strchr("tifj", kind) != NULL && begins(at, end, "null", 4) ? at + 4 : NULL;
    }
    switch (kind) {
    case 't':
    case '6':
    case '7':
    case 'o': {
        if (*at != '"' || (at = take_text(at + 1, end, slice, arena)) == NULL)
            return NULL;
        if (kind == 't')
            return at;
        if (slice->form != ASCII)
            return NULL;
        if (kind != 'o')
            return slice->size == (kind == '6' ? 36 : 27) ? at : NULL;
        for (int i = 0; i < plan->outcomes; i++)
            if (slice->size == plan->outcome_size[i] &&
                memcmp(slice->at, plan->outcome[i], slice->size) == 0)
                return at;
        return NULL;
    }
    case 'i':
    case 'I':
        at = take_number(at, end, slice);
        return at != NULL && slice->form == INTEGER ? at : NULL;
    case 'f':
        at = take_number(at, end, slice);
        slice->form = FLOAT;
        return at;
    case 'b':
        slice->at = at;
        slice->size = 0;
        slice->form = *at == 't' ? YES : NO;
        if (*at == 't')
            return begins(at, end, "true", 4) ? at + 4 : NULL;
        return begins(at, end, "false", 5) ? at + 5 : NULL;
    case 'j': {
        int is_wide = 0;
        if (*at != '[' && *at != '{')
            return NULL;
        const char *behind = skip_json(at, end, *arena, 0, &is_wide);
        if (behind == NULL)
            return NULL;
        slice->at = at;
        slice->size = (uint32_t)(behind - at);
        slice->form = is_wide ? WIDE : ASCII;
        return behind;
    }
    }
    return NULL;
}

static int is_same(const Slice *one, const Slice *other)
{
    return one->form == other->form && one->size == other->size &&
           memcmp(one->at, other->at, one->size) == 0;
}

/* Take all lines apart, and see which columns are the same in all; 0 where the twin shall. */
static int take_apart(const Plan *plan, const char *at, const char *end, Slice *slices,
                      Py_ssize_t rows, char *arena, char *varies)
{
    int columns = plan->columns;
    memset(varies, 0, (size_t)columns);
    for (Py_ssize_t row = 0; row < rows; row++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        Slice *slice = slices + row * columns;
        if (line_end == NULL)
            return 0;
        for (int column = 0; column < columns; column++) {
            if (!begins(at, line_end, plan->key[column], plan->key_size[column]))
                return 0;
            at = take_value(plan, plan->kinds[column], at + plan->key_size[column], line_end,
                            slice + column, &arena);
            if (at == NULL)
                return 0;
            varies[column] |= !is_same(slices + column, slice + column);
        }
        if (line_end - at != 1 || *at != '}')
            return 0;
        at = line_end + 1;
    }
    return at == end;
}

static PyObject *value_of(const Slice *slice)
{
    switch (slice->form) {
    case ABSENT:
        return Py_NewRef(Py_None);
    case YES:
        return PyLong_FromLong(1);
    case NO:
        return PyLong_FromLong(0);
    case INTEGER: {
        long long value = 0;
        int is_negative = *slice->at == '-';
        for (uint32_t i = (uint32_t)is_negative; i < slice->size; i++)
            value = value * 10 + (slice->at[i] - '0');
        return PyLong_FromLongLong(is_negative ? -value : value);
    }
    case FLOAT: {
        char text[MOST_DIGITS + 1];
        memcpy(text, slice->at, slice->size);
        text[slice->size] = 0;
        double value = PyOS_string_to_double(text, NULL, NULL);
        return value == -1.0 && PyErr_Occurred() ? NULL : PyFloat_FromDouble(value);
    }
    case ASCII: {
        PyObject *text = PyUnicode_New(slice->size, 127);
        if (text != NULL && slice->size > 0)
            memcpy(PyUnicode_1BYTE_DATA(text), slice->at, slice->size);
        return text;
    }
    default:
        return PyUnicode_DecodeUTF8(slice->at, slice->size, NULL);
    }
}

/* Make what is bound: first the values that all rows share, then the others, row by row. */
static PyObject *make_values(const Plan *plan, const Slice *slices, Py_ssize_t rows,
                             const char *varies, PyObject *first)
{
    int columns = plan->columns, varying = 0;
    PyObject *shared_columns = PyList_New(0), *varying_columns = PyList_New(0), *values = NULL;
    Py_ssize_t shared = 0;
    if (shared_columns == NULL || varying_columns == NULL)
        goto failed;
    for (int column = 0; column < columns; column++) {
        if (!varies[column] && slices[column].form == ABSENT)
            continue;
        PyObject *number = PyLong_FromLong(column);
        int well = number != NULL &&
                   PyList_Append(varies[column] ? varying_columns : shared_columns, number) == 0;
        Py_XDECREF(number);
        if (!well)
            goto failed;
        varies[column] ? varying++ : shared++;
    }
    values = PyTuple_New(1 + shared + rows * varying);
    if (values == NULL)
        goto failed;
    Py_ssize_t place = 0;
    PyTuple_SET_ITEM(values, place++, Py_NewRef(first));
    for (int column = 0; column < columns; column++)
        if (!varies[column] && slices[column].form != ABSENT) {
            PyObject *value = value_of(slices + column);
            if (value == NULL)
                goto failed;
            PyTuple_SET_ITEM(values, place++, value);
        }
    for (Py_ssize_t row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            if (!varies[column])
                continue;
            const Slice *slice = slices + row * columns + column;
            PyObject *value = row > 0 && is_same(slice, slice - columns)
                                  ? Py_NewRef(PyTuple_GET_ITEM(values, place - varying))
                                  : value_of(slice);
            if (value == NULL)
                goto failed;
            PyTuple_SET_ITEM(values, place++, value);
        }
    return Py_BuildValue("nNNN", rows, shared_columns, varying_columns, values);
failed:
    Py_XDECREF(shared_columns);
    Py_XDECREF(varying_columns);
    Py_XDECREF(values);
    return NULL;
}

static int read_plan(Plan *plan, PyObject *keys, PyObject *kinds, PyObject *outcomes)
{
    plan->columns = (int)PyTuple_GET_SIZE(keys);
    plan->outcomes = (int)PyTuple_GET_SIZE(outcomes);
    if (plan->columns < 1 || plan->columns > MOST_COLUMNS || plan->outcomes > 16 ||
        PyBytes_GET_SIZE(kinds) != plan->columns)
        return 0;
    plan->kinds = PyBytes_AS_STRING(kinds);
    for (int i = 0; i < plan->columns; i++) {
        PyObject *key = PyTuple_GET_ITEM(keys, i);
        if (!PyBytes_Check(key))
            return 0;
        plan->key[i] = PyBytes_AS_STRING(key);
        plan->key_size[i] = PyBytes_GET_SIZE(key);
    }
    for (int i = 0; i < plan->outcomes; i++) {
        PyObject *outcome = PyTuple_GET_ITEM(outcomes, i);
        if (!PyBytes_Check(outcome))
            return 0;
        plan->outcome[i] = PyBytes_AS_STRING(outcome);
        plan->outcome_size[i] = PyBytes_GET_SIZE(outcome);
    }
    return 1;
}

/* Count the lines of a text. */
static Py_ssize_t count_lines(const char *at, const char *end)
{
    Py_ssize_t lines = 0;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        lines++;
    }
    return lines;
}

/* bind_rows(lines, most rows, first, keys, kinds, outcomes) -> (rows, columns that are the same in
   all rows and not null, columns that vary, values: `first`, those shared, then the varying ones
   row by row); None where the twin shall do it */
PyObject *bind_rows(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    Plan plan;
    if (count != 6 || !PyBytes_Check(args[0]) || !PyTuple_Check(args[3]) ||
        !PyBytes_Check(args[4]) || !PyTuple_Check(args[5]) ||
        !read_plan(&plan, args[3], args[4], args[5])) {
        PyErr_SetString(PyExc_TypeError, "bind_rows takes lines, most rows, first, keys, kinds, outcomes");
        return NULL;
    }
    const char *lines = PyBytes_AS_STRING(args[0]);
    Py_ssize_t size = PyBytes_GET_SIZE(args[0]), most = PyLong_AsSsize_t(args[1]), rows;
    if (most == -1 && PyErr_Occurred())
        return NULL;
    if (size > UINT32_MAX)
        Py_RETURN_NONE;
    char varies[MOST_COLUMNS];
    Slice *slices = NULL;
    char *arena = NULL;
    PyObject *result = NULL;
    int has_memory = 1, well = 0;
    Py_BEGIN_ALLOW_THREADS
    rows = count_lines(lines, lines + size);
    if (rows >= 1 && rows <= most) {
        slices = PyMem_RawMalloc((size_t)rows * (size_t)plan.columns * sizeof(Slice));
        arena = PyMem_RawMalloc((size_t)size);
        has_memory = slices != NULL && arena != NULL;
        well = has_memory && take_apart(&plan, lines, lines + size, slices, rows, arena, varies);
    }
    Py_END_ALLOW_THREADS
    if (!has_memory) {
        PyErr_NoMemory();
    } else {
        if (well) {
            result = make_values(&plan, slices, rows, varies, args[2]);
            if (result == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
                PyErr_Clear();
                well = 0;
            }
        }
        if (!well)
            result = Py_NewRef(Py_None);
    }
    PyMem_RawFree(slices);
    PyMem_RawFree(arena);
    return result;
}
