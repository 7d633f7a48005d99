/* Where a text may hold a secret, as `redaction/places.py` finds it: the table of literals comes
   from there, and the places are the same.

   A place too many costs a moment, and one too few would show a secret. So what is searched as
   bytes (`has_places`) may say yes where the text has none, and never the other way round. */

#include "native.h"

enum { NAME, TAG }; /* as in redaction/places.py; the other kinds come with the table */
enum { ANYTHING, NO_KEY, BLANK, USER }; /* what must follow a literal, as there */
enum { NO_NAME, UNKNOWN, NAMED };
#define KIND_BITS 8
#define NAME_WINDOW 64
#define BACKWARD (NAME_WINDOW + 16)
#define LEAST_LITERAL 3

typedef struct {
    const uint8_t *text;
    uint8_t size, kind, follows;
} Literal;

static PyObject *table; /* keeps the literals' text */
static Literal *literals;
/* By the low five bits of three letters, whether a place may begin with them: a bit for each,
   and all that begin with a separator. 4 KB, so that it stays in the nearest cache. */
static uint32_t triples[32 * 32];
static uint16_t buckets[32 * 32 + 1]; /* by two letters, where their literals begin */
/* The same for a quicker look at every other place: what a literal's first three letters are, or
   the three behind its first. */
static uint64_t samples[(1 << 15) / 64];

static inline unsigned pair_of(const uint8_t *text)
{
    return (text[0] & 31u) << 5 | (text[1] & 31u);
}

static inline unsigned sample_of(uint32_t three)
{
    return (three & 0x1F1F1F) * 0x85EBCA6Bu >> 17;
}

static inline unsigned is_sample(const uint8_t *text)
{
    uint32_t four;
    memcpy(&four, text, 4);
    unsigned place = sample_of(four);
    return samples[place / 64] >> place % 64 & 1;
}

static void add_samples(const Literal *literal)
{
    const uint8_t *text = literal->text;
    for (uint32_t any = 0; any < 32; any++) {
        uint32_t last = literal->size > 3 ? text[3] : any;
        unsigned one = sample_of(text[0] | text[1] << 8 | (uint32_t)text[2] << 16);
        unsigned other = sample_of(text[1] | text[2] << 8 | last << 16);
        samples[one / 64] |= 1ULL << one % 64;
        samples[other / 64] |= 1ULL << other % 64;
    }
}

static int by_pair_and_kind(const void *one, const void *other)
{
    const Literal *a = one, *b = other;
    int order = (int)pair_of(a->text) - (int)pair_of(b->text);
    return order != 0 ? order : (int)a->kind - (int)b->kind;
}

/* set_places(table): build the search from ((literal in lower case, kind, what must follow), …) */
PyObject *set_places(PyObject *module, PyObject *argument)
{
    (void)module;
    if (!PyTuple_CheckExact(argument) || PyTuple_GET_SIZE(argument) > UINT16_MAX) {
        PyErr_SetString(PyExc_TypeError, "set_places takes a tuple of literals and kinds");
        return NULL;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(argument);
    Literal *all = PyMem_Calloc((size_t)count + 1, sizeof *all);
    if (all == NULL)
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *row = PyTuple_GET_ITEM(argument, i);
        if (!PyTuple_CheckExact(row) || PyTuple_GET_SIZE(row) != 3 ||
            !PyBytes_CheckExact(PyTuple_GET_ITEM(row, 0)) || !PyLong_Check(PyTuple_GET_ITEM(row, 1)) ||
            !PyLong_Check(PyTuple_GET_ITEM(row, 2))) {
            PyErr_SetString(PyExc_TypeError, "a row is a literal, a kind and what must follow");
            goto failed;
        }
        const char *text = PyBytes_AS_STRING(PyTuple_GET_ITEM(row, 0));
        Py_ssize_t size = PyBytes_GET_SIZE(PyTuple_GET_ITEM(row, 0));
        long kind = PyLong_AsLong(PyTuple_GET_ITEM(row, 1));
        long follows = PyLong_AsLong(PyTuple_GET_ITEM(row, 2));
        if (PyErr_Occurred())
            goto failed;
        int is_lower = size >= LEAST_LITERAL && size <= UINT8_MAX && kind >= 0 && kind <= UINT8_MAX &&
                       follows >= ANYTHING && follows <= USER;
        for (Py_ssize_t k = 0; is_lower && k < size; k++)
            is_lower = (text[k] & 0x80) == 0 && !(text[k] >= 'A' && text[k] <= 'Z');
        if (!is_lower) {
            PyErr_SetString(PyExc_ValueError,
                            "a literal has 3 to 255 letters of ASCII, in lower case; a kind is a byte; "
                            "what follows is one of four");
            goto failed;
        }
        all[i] = (Literal){(const uint8_t *)text, (uint8_t)size, (uint8_t)kind, (uint8_t)follows};
    }
    qsort(all, (size_t)count, sizeof *all, by_pair_and_kind);
    memset(triples, 0, sizeof triples);
    memset(samples, 0, sizeof samples);
    for (const char *sign = "=:<"; *sign; sign++)
        memset(triples + (*sign & 31) * 32, 0xFF, 32 * sizeof *triples);
    size_t next = 0;
    for (unsigned pair = 0; pair < 32 * 32; pair++) {
        buckets[pair] = (uint16_t)next;
        for (; next < (size_t)count && pair_of(all[next].text) == pair; next++)
            triples[pair] |= 1u << (all[next].text[2] & 31);
    }
    for (Py_ssize_t i = 0; i < count; i++)
        add_samples(all + i);
    buckets[32 * 32] = (uint16_t)next;
    PyMem_Free(literals);
    Py_XDECREF(table);
    literals = all;
    table = Py_NewRef(argument);
    Py_RETURN_NONE;
failed:
    PyMem_Free(all);
    return NULL;
}

/* Signs of a name that stands without quotes; so is all that isn't ASCII. */
static const uint8_t in_name[128] = {
    ['0' ... '9'] = 1, ['A' ... 'Z'] = 2, ['a' ... 'z'] = 2, ['_'] = 1, ['.'] = 1, ['-'] = 1,
    ['['] = 1, [']'] = 1, ['$'] = 1, ['@'] = 1, ['%'] = 5, ['+'] = 1};
#define IN_WORD 6 /* a letter, or what may hide one */

#define READ(at) PyUnicode_READ(kind, data, at)
#define INLINE static inline __attribute__((always_inline))

/* Give how long an entity for a quote is that ends at a place. */
INLINE Py_ssize_t entity_size(int kind, const void *data, Py_ssize_t floor, Py_ssize_t end)
{
    static const char *const entities[] = {"&quot;", "&#34;", "&#39;", "&apos;", "&#x27;", "&#x22;"};
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        Py_ssize_t size = (Py_ssize_t)strlen(entities[i]), k = 0;
        if (end - floor < size)
            continue;
        while (k < size && READ(end - size + k) == (Py_UCS4)entities[i][k])
            k++;
        if (k == size)
            return size;
    }
    return 0;
}

INLINE int is_space(Py_UCS4 sign)
{
    return sign == ' ' || sign == '\t' || sign == '\r' || sign == '\n';
}

/* Find the name that stands before a separator; `name_before` has the same steps. */
INLINE int name_before(int kind, const void *data, Py_ssize_t at, Py_ssize_t *from, Py_ssize_t *to)
{
    Py_ssize_t floor = at > BACKWARD ? at - BACKWARD : 0, end = at;
    Py_UCS4 last = 0;
    for (int i = 0; i < 8; i++) {
        while (end > floor && is_space(last = READ(end - 1)))
            end--;
        if (end - floor >= 2 && (last == 'n' || last == 'r' || last == 't') && READ(end - 2) == '\\')
            for (end -= 2; end > floor && READ(end - 1) == '\\';)
                end--; /* white space, as JSON in a string has it, at any depth */
        else
            break;
    }
    if (end == floor)
        return NO_NAME;
    last = READ(end - 1);
    if (last == ')') {
        end--;
        if (end == floor)
            return NO_NAME;
        last = READ(end - 1);
    }
    if (last == '"' || last == '\'' || last == '`') {
        Py_ssize_t inner = end - 1, opening = inner - 1;
        while (opening >= floor && READ(opening) != last)
            opening--;
        if (opening < floor)
            return UNKNOWN;
        int closes_escaped = READ(inner - 1) == '\\';
        int opens_escaped = opening > 0 && READ(opening - 1) == '\\';
        if (closes_escaped != opens_escaped)
            return UNKNOWN;
        while (inner > opening + 1 && READ(inner - 1) == '\\')
            inner--;
        *from = opening + 1;
        *to = inner;
        return inner > opening + 1 ? NAMED : NO_NAME;
    }
    if (last == ';')
        end -= entity_size(kind, data, floor, end);
    Py_ssize_t least = end - NAME_WINDOW > floor ? end - NAME_WINDOW : floor, begin = end;
    int is_word = 0;
    for (; begin > least; begin--) {
        Py_UCS4 sign = READ(begin - 1);
        int what = sign >= 0x80 ? IN_WORD : in_name[sign];
        if (what == 0)
            break;
        is_word |= what & IN_WORD;
    }
    if (end - begin == NAME_WINDOW)
        return UNKNOWN;
    if (end > begin && begin > 0 && READ(begin - 1) == '\\') {
        Py_UCS4 first = READ(begin);
        if (first == 'n' || first == 'r' || first == 't' || first == 'b' || first == 'f') {
            begin++; /* a letter that is an escape's */
            is_word = 0;
            for (Py_ssize_t i = begin; i < end && !is_word; i++)
                is_word = READ(i) >= 0x80 || in_name[READ(i)] & IN_WORD;
        }
    }
    *from = begin;
    *to = end;
    return is_word ? NAMED : NO_NAME;
}

/* Tell whether a separator is one that a name may stand before. */
INLINE int separates(int kind, const void *data, Py_ssize_t size, Py_ssize_t at, Py_UCS4 sign)
{
    Py_UCS4 after = at + 1 < size ? READ(at + 1) : 0, before = at > 0 ? READ(at - 1) : 0;
    if (sign == ':')
        return after != ':' && before != ':' && !(after == '/' && at + 2 < size && READ(at + 2) == '/');
    return after != '=' && before != '=' && before != '!' && before != '<' && before != '>' &&
           before != ':';
}

/* Give how long the name of a tag is; 0 where none begins. */
INLINE Py_ssize_t tag_size(int kind, const void *data, Py_ssize_t size, Py_ssize_t at)
{
    Py_ssize_t begin = at + 1, end = begin;
    if (begin >= size || READ(begin) >= 0x80 || !(in_name[READ(begin)] & 2 || READ(begin) == '_'))
        return 0;
    while (end < size && end - begin < NAME_WINDOW) {
        Py_UCS4 sign = READ(end);
        if (sign < 0x80 && !(sign == ':' || (in_name[sign] && memchr("[]$@%+", (int)sign, 6) == NULL)))
            break;
        end++;
    }
    return end - begin;
}

INLINE int is_behind(Py_UCS4 sign)
{
    return sign == '?' || sign == '&' || sign == '#' || sign == ';';
}

INLINE int begins(int kind, const void *data, Py_ssize_t size, Py_ssize_t at, const Literal *literal)
{
    if (size - at < literal->size)
        return 0;
    for (int k = 0; k < literal->size; k++) {
        Py_UCS4 sign = READ(at + k);
        sign += sign >= 'A' && sign <= 'Z' ? 32 : 0;
        if (sign != literal->text[k])
            return 0;
    }
    return 1;
}

/* Tell whether what follows a word is the rest of a longer one, or ends a key: a separator tells
   of those. */
INLINE int ends_key(int kind, const void *data, Py_ssize_t size, Py_ssize_t at)
{
    if (at < size && (READ(at) | 0x20) == 's')
        at++;
    Py_UCS4 next = at < size ? READ(at) : 0;
    if (next < 0x80 && (next == '_' || (in_name[next] & 2) || (next >= '0' && next <= '9')))
        return 1;
    for (Py_ssize_t most = at + 15; at < most && at < size && READ(at) == '\\';)
        at++;
    if (at == size || !(READ(at) == '"' || READ(at) == '\'' || READ(at) == '`'))
        return 0;
    at++;
    for (Py_ssize_t most = at + 8; at < most && at < size && (READ(at) == ' ' || READ(at) == '\t');)
        at++;
    return at < size && READ(at) == ':';
}

INLINE int is_blank(int kind, const void *data, Py_ssize_t size, Py_ssize_t at)
{
    if (at == size)
        return 1; /* it may follow where a text is cut */
    Py_UCS4 sign = READ(at);
    return sign == ' ' || sign == '\t' || sign == '\\' || sign == '%' || sign == '+' || sign == '&';
}

/* Of a URL: where its run of signs ends, and where its user may end. */
typedef struct {
    Py_ssize_t end, user_end;
} Run;

INLINE int has_user(int kind, const void *data, Py_ssize_t size, Py_ssize_t at, Run *run)
{
    if (at >= run->end) {
        Py_ssize_t end = at;
        for (; end < size; end++) {
            Py_UCS4 sign = READ(end);
            if (is_space(sign) || sign == '"' || sign == '\'' || sign == '<' || sign == '>')
                break;
        }
        run->end = end;
        run->user_end = -1;
    }
    if (run->user_end < at) {
        Py_ssize_t end = at;
        for (; end < run->end; end++) {
            Py_UCS4 sign = READ(end);
            if (sign == '@' || (sign == '&' && end + 1 < run->end && READ(end + 1) == '#') ||
                (sign == '%' && end + 2 < run->end && READ(end + 1) == '4' && READ(end + 2) == '0'))
                break;
        }
        run->user_end = end;
    }
    if (run->user_end < run->end)
        return 1;
    if (run->end < size)
        return 0;
    /* Where the text is cut, it may be cut before the end of the user. */
    while (at < size && READ(at) != ':')
        at++;
    if (at == size)
        return 0;
    for (at++; at < size && READ(at) >= '0' && READ(at) <= '9';)
        at++;
    return at < size && READ(at) != '/';
}

INLINE int is_followed(int kind, const void *data, Py_ssize_t size, Py_ssize_t end, int follows,
                       Run *run)
{
    return follows == ANYTHING ||
           (follows == NO_KEY  ? !ends_key(kind, data, size, end)
            : follows == BLANK ? is_blank(kind, data, size, end)
                               : has_user(kind, data, size, end, run));
}

INLINE unsigned triple_at(int kind, const void *data, Py_ssize_t size, Py_ssize_t at)
{
    unsigned triple = 0;
    for (Py_ssize_t i = at; i < at + 3; i++)
        triple = triple << 5 | (i < size ? READ(i) & 31 : 0);
    return triple;
}

typedef struct {
    PyObject *text, *safe, *query_safe, *found;
    Py_ssize_t most;
} Search;

/* Note a place; 1: there are enough; -1: an error. */
static int add_place(Search *search, Py_ssize_t at, int what)
{
    PyObject *place = PyLong_FromSsize_t(at << KIND_BITS | what);
    int failed = place == NULL || PyList_Append(search->found, place) < 0;
    Py_XDECREF(place);
    return failed ? -1 : PyList_GET_SIZE(search->found) >= search->most;
}

static int is_in(PyObject *text, Py_ssize_t from, Py_ssize_t to, PyObject *names)
{
    PyObject *name = PyUnicode_Substring(text, from, to);
    int found = name == NULL ? -1 : PySet_Contains(names, name);
    Py_XDECREF(name);
    return found;
}

/* Find all places of a text; 0 at an error. */
INLINE int search_text(int kind, const void *data, Py_ssize_t size, Search *search)
{
    Run run = {0, -1};
    for (Py_ssize_t at = 0; at < size; at++) {
        unsigned triple = triple_at(kind, data, size, at);
        if (!(triples[triple >> 5] >> (triple & 31) & 1))
            continue;
        Py_UCS4 sign = READ(at);
        int what = -1, is_safe = 0, enough = 0;
        Py_ssize_t from = 0, to = 0;
        if (sign == ':' || sign == '=') {
            if (separates(kind, data, size, at, sign)) {
                int found = name_before(kind, data, at, &from, &to);
                if (found == NAMED)
                    is_safe = is_in(search->text, from, to,
                                    from > 0 && is_behind(READ(from - 1)) ? search->query_safe
                                                                          : search->safe);
                what = found == NO_NAME || is_safe > 0 ? -1 : NAME;
            }
        } else if (sign == '<') {
            Py_ssize_t name_size = tag_size(kind, data, size, at);
            if (name_size == NAME_WINDOW)
                what = TAG;
            else if (name_size > 0 &&
                     (is_safe = is_in(search->text, at + 1, at + 1 + name_size, search->safe)) == 0)
                what = TAG;
        }
        if (is_safe < 0)
            return 0;
        if (what >= 0)
            enough = add_place(search, at, what);
        for (unsigned i = buckets[triple >> 5]; i < buckets[(triple >> 5) + 1] && enough == 0; i++)
            if (begins(kind, data, size, at, literals + i) &&
                is_followed(kind, data, size, at + literals[i].size, literals[i].follows, &run))
                enough = add_place(search, at, literals[i].kind);
        if (enough != 0)
            return enough > 0;
    }
    return 1;
}

/* find_places(text, safe, query_safe, most) -> [position << KIND_BITS | kind, …], ascending */
PyObject *find_places(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 4 || !PyUnicode_Check(args[0]) || !PyAnySet_Check(args[1]) || !PyAnySet_Check(args[2]) ||
        !PyLong_Check(args[3])) {
        PyErr_SetString(PyExc_TypeError, "find_places takes a str, two sets and an int");
        return NULL;
    }
    if (table == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "set_places comes first");
        return NULL;
    }
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(args[0]) < 0)
        return NULL;
#endif
    Search search = {args[0], args[1], args[2], NULL, PyLong_AsSsize_t(args[3])};
    if (search.most == -1 && PyErr_Occurred())
        return NULL;
    search.found = PyList_New(0);
    if (search.found == NULL || search.most <= 0)
        return search.found;
    const void *data = PyUnicode_DATA(args[0]);
    Py_ssize_t size = PyUnicode_GET_LENGTH(args[0]);
    int well = PyUnicode_KIND(args[0]) == PyUnicode_1BYTE_KIND
                   ? search_text(PyUnicode_1BYTE_KIND, data, size, &search)
               : PyUnicode_KIND(args[0]) == PyUnicode_2BYTE_KIND
                   ? search_text(PyUnicode_2BYTE_KIND, data, size, &search)
                   : search_text(PyUnicode_4BYTE_KIND, data, size, &search);
    if (!well)
        Py_CLEAR(search.found);
    return search.found;
}

/* Tell whether a name, as UTF-8, is known to be safe. */
int is_safe_name(const SafeNames *safe, const uint8_t *name, size_t size)
{
    KnownName *place = NULL;
    if (safe->known != NULL) {
        place = known_place(safe->known, (const char *)name, size);
        if (is_known(place, (const char *)name, size))
            return 1;
    }
    PyObject *text = PyUnicode_DecodeUTF8((const char *)name, (Py_ssize_t)size, NULL);
    int found = text == NULL ? -1 : PySet_Contains(safe->names, text);
    Py_XDECREF(text);
    if (found < 0)
        PyErr_Clear();
    if (found > 0 && place != NULL)
        know(place, (const char *)name, size, 0);
    return found > 0;
}

/* Tell whether there is one at a separator. Windows are bytes here: where a name reaches the
   end of one, it may be longer than it seems. */
static int has_place_at(const uint8_t *data, Py_ssize_t size, Py_ssize_t at, const SafeNames safe[2])
{
    Py_ssize_t from = 0, to = 0;
    if (data[at] == '<') {
        Py_ssize_t name_size = tag_size(PyUnicode_1BYTE_KIND, data, size, at);
        return name_size == NAME_WINDOW ||
               (name_size > 0 && !is_safe_name(safe, data + at + 1, (size_t)name_size));
    }
    if (!separates(PyUnicode_1BYTE_KIND, data, size, at, data[at]))
        return 0;
    int found = name_before(PyUnicode_1BYTE_KIND, data, at, &from, &to);
    if (found != NAMED)
        return found == UNKNOWN;
    int in_query = from > 0 && is_behind(data[from - 1]);
    return from + BACKWARD == at || !is_safe_name(safe + in_query, data + from, (size_t)(to - from));
}

/* Tell whether a literal stands at one of some places. */
static int has_literal(const uint8_t *data, Py_ssize_t size, Py_ssize_t at, Py_ssize_t stop,
                       Run *run)
{
    for (; at < stop && size - at >= LEAST_LITERAL; at++) {
        unsigned pair = pair_of(data + at);
        if (!(triples[pair] >> (data[at + 2] & 31) & 1))
            continue;
        for (unsigned i = buckets[pair]; i < buckets[pair + 1]; i++)
            if (begins(PyUnicode_1BYTE_KIND, data, size, at, literals + i) &&
                is_followed(PyUnicode_1BYTE_KIND, data, size, at + literals[i].size,
                            literals[i].follows, run))
                return 1;
    }
    return 0;
}

/* Tell whether the text that these bytes are in UTF-8 has places, or whether it can't be told. */
int has_places(const uint8_t *data, const uint8_t *stop, const SafeNames safe[2])
{
    Py_ssize_t size = stop - data, at = 0;
    Run run = {0, -1};
    if (table == NULL)
        return 1;
#ifdef __SSE2__
    const __m128i colon = _mm_set1_epi8(':'), equals = _mm_set1_epi8('='), less = _mm_set1_epi8('<');
    for (; size - at >= 16; at += 16) {
        __m128i text = _mm_loadu_si128((const __m128i *)(data + at));
        __m128i signs = _mm_or_si128(_mm_cmpeq_epi8(text, colon), _mm_cmpeq_epi8(text, equals));
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_or_si128(signs, _mm_cmpeq_epi8(text, less)));
        for (; found != 0; found &= found - 1)
            if (has_place_at(data, size, at + __builtin_ctz(found), safe))
                return 1;
    }
#endif
    for (; at < size; at++)
        if ((data[at] == ':' || data[at] == '=' || data[at] == '<') &&
            has_place_at(data, size, at, safe))
            return 1;
    for (at = 0; size - at >= 10; at += 8) {
        unsigned found = is_sample(data + at) | is_sample(data + at + 2) << 2 |
                         is_sample(data + at + 4) << 4 | is_sample(data + at + 6) << 6;
        for (; __builtin_expect(found != 0, 0); found &= found - 1) {
            Py_ssize_t place = at + __builtin_ctz(found);
            if (has_literal(data, size, place > 0 ? place - 1 : 0, place + 1, &run))
                return 1;
        }
    }
    return has_literal(data, size, at > 0 ? at - 1 : 0, size, &run);
}

/* Tell the same of a str; None has none. */
int has_places_in_text(PyObject *text, const SafeNames safe[2])
{
    if (text == Py_None)
        return 0;
    Py_ssize_t size;
    const uint8_t *utf8 = (const uint8_t *)utf8_of(text, &size);
    return utf8 == NULL || has_places(utf8, utf8 + size, safe);
}

/* has_places(utf8, safe, query_safe) -> bool: for tests */
PyObject *has_places_of(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 3 || !PyBytes_Check(args[0]) || !PyAnySet_Check(args[1]) || !PyAnySet_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "has_places takes bytes and two sets");
        return NULL;
    }
    SafeNames safe[2] = {{args[1], NULL}, {args[2], NULL}};
    const uint8_t *data = (const uint8_t *)PyBytes_AS_STRING(args[0]);
    return PyBool_FromLong(has_places(data, data + PyBytes_GET_SIZE(args[0]), safe));
}
