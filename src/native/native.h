/* What the request path and the writer's reading cost most for, in C.

   Each part has a twin in Python that does the same and is what the tests compare it with:
   where no compiler was at hand when dashcam was installed, the twins run alone. On the request
   path everything holds the GIL from its beginning to its end, so each call is one step for
   every other thread, and no signal handler or finalizer comes between; what only the writer
   calls gives it away where it can (frame.c reading, batch.c, rows.c). */

#ifndef DASHCAM_NATIVE_H
#define DASHCAM_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the journal is little-endian and so is this code; the twins in Python run anywhere"
#endif

/* crc.c */
uint32_t crc32_more(uint32_t crc, const void *data, size_t size);
void crc32_prepare(void);

/* out.c: a buffer that text is written to, never by two at once */
typedef struct {
    char *base, *at, *end;
} Out;

int out_take(Out *out);
void out_give(Out *out);
int out_grow(Out *out, size_t size);
const char *utf8_of(PyObject *text, Py_ssize_t *size);
int out_text(Out *out, PyObject *text);
int out_escaped(Out *out, const char *utf8, Py_ssize_t size);
int out_latin1(Out *out, PyObject *bytes);
void out_integer(Out *out, long long value);
void out_milliseconds(Out *out, long long microseconds);

/* Make room for more bytes; 0 where there is no memory. */
static inline int out_room(Out *out, size_t size)
{
    return __builtin_expect((size_t)(out->end - out->at) >= size, 1) || out_grow(out, size);
}

/* Inline, so that a literal is a few stores and no call. */
static inline void out_raw(Out *out, const char *data, size_t size)
{
    memcpy(out->at, data, size);
    out->at += size;
}
#define OUT(out, literal) out_raw(out, literal, sizeof(literal) - 1)

/* Names that were judged before, beside the dict or set that says the same: a look at it costs
   two cache lines in place of seven. A name that finds its place taken takes it over. */
#define KNOWN_NAMES 256
typedef struct {
    uint8_t size, kind;
    char name[62];
} KnownName;

/* Read a name's ends: all of it where it has 16 letters or fewer. */
static inline void ends_of(const char *name, size_t size, uint64_t *first, uint64_t *last)
{
    *first = *last = 0;
    if (size >= 8) {
        memcpy(first, name, 8);
        memcpy(last, name + size - 8, 8);
    } else if (size >= 4) {
        memcpy(first, name, 4);
        memcpy(last, name + size - 4, 4);
    } else if (size > 0) {
        *first = (uint64_t)(uint8_t)name[0] << 8 | (uint8_t)name[size / 2];
        *last = (uint8_t)name[size - 1];
    }
}

static inline KnownName *known_place(KnownName *table, const char *name, size_t size)
{
    uint64_t first, last;
    ends_of(name, size, &first, &last);
    return table + (((first ^ last << 1 ^ size) * 0x9E3779B97F4A7C15ULL) >> 56);
}

static inline int is_known(const KnownName *place, const char *name, size_t size)
{
    uint64_t first, last, known_first, known_last;
    if (place->size != size || size == 0)
        return 0;
    ends_of(name, size, &first, &last);
    ends_of(place->name, size, &known_first, &known_last);
    return first == known_first && last == known_last &&
           (size <= 16 || memcmp(place->name + 8, name + 8, size - 16) == 0);
}

static inline void know(KnownName *place, const char *name, size_t size, int kind)
{
    if (size == 0 || size > sizeof place->name)
        return;
    place->size = (uint8_t)size;
    place->kind = (uint8_t)kind;
    memcpy(place->name, name, size);
}

/* Tell whether a byte can't be in a JSON string as it is, or is what `more` says. */
enum { NOT_ASCII = 1, DEL = 2 };
static inline int ends_plain(uint8_t c, int more)
{
    return c < 0x20 || c == '"' || c == '\\' || ((more & NOT_ASCII) && c >= 0x80) ||
           ((more & DEL) && c == 0x7F);
}

#ifdef __SSE2__
/* Tell the same of 16 bytes, a bit for each. */
static inline unsigned ends_plain_at(__m128i text, int more)
{
    __m128i low = _mm_set1_epi8(0x1F);
    __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('"')),
                                _mm_cmpeq_epi8(text, _mm_set1_epi8('\\')));
    ends = _mm_or_si128(ends, _mm_cmpeq_epi8(_mm_min_epu8(text, low), text));
    if (more & DEL)
        ends = _mm_or_si128(ends, _mm_cmpeq_epi8(text, _mm_set1_epi8(0x7F)));
    if (more & NOT_ASCII)
        ends = _mm_or_si128(ends, text);
    return (unsigned)_mm_movemask_epi8(ends);
}
#else
/* Tell whether one of 8 bytes may be such; this may also be said of what has none. */
static inline int may_end_plain(uint64_t word, int more)
{
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    uint64_t ends = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
                    ((word - ones * 0x20) & ~word);
    if (more & DEL)
        ends |= word + ones;
    if (more & NOT_ASCII)
        ends |= word;
    return (ends & (ones * 0x80)) != 0;
}
#endif

/* Give how long text is plain: up to the first byte that ends it. It is copied where `to` isn't
   NULL; there must be room for all of `size`, since bytes behind the plain ones may be written. */
static inline size_t plain_size(char *to, const uint8_t *from, size_t size, int more)
{
    size_t done = 0;
#ifdef __SSE2__
    for (; size - done >= 16; done += 16) {
        __m128i text = _mm_loadu_si128((const __m128i *)(from + done));
        if (to != NULL)
            _mm_storeu_si128((__m128i *)(to + done), text);
        unsigned ends = ends_plain_at(text, more);
        if (ends != 0)
            return done + (size_t)__builtin_ctz(ends);
    }
    if (size - done >= 8) {
        __m128i text = _mm_loadl_epi64((const __m128i *)(from + done));
        if (to != NULL)
            _mm_storel_epi64((__m128i *)(to + done), text);
        unsigned ends = ends_plain_at(text, more) & 0xFF;
        if (ends != 0)
            return done + (size_t)__builtin_ctz(ends);
        done += 8;
    }
#else
    for (; size - done >= 8; done += 8) {
        uint64_t word;
        memcpy(&word, from + done, 8);
        if (to != NULL)
            memcpy(to + done, &word, 8);
        if (!may_end_plain(word, more))
            continue;
        for (size_t i = done; i < done + 8; i++)
            if (ends_plain(from[i], more))
                return i;
    }
#endif
    for (; done < size && !ends_plain(from[done], more); done++)
        if (to != NULL)
            to[done] = (char)from[done];
    return done;
}

/* json_text.c */
int utf8_length(const uint8_t *at, const uint8_t *end);
int is_utf8(const uint8_t *at, const uint8_t *end);
int copy_json(Out *out, const uint8_t *data, Py_ssize_t size);

static inline int is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* places.c: where a text may hold a secret */
typedef struct {
    PyObject *names; /* a set */
    KnownName *known; /* those that were asked for; may be NULL */
} SafeNames;

PyObject *set_places(PyObject *module, PyObject *table);
PyObject *find_places(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *has_places_of(PyObject *module, PyObject *const *args, Py_ssize_t count);
int has_places_in_text(PyObject *text, const SafeNames safe[2]);
int is_safe_name(const SafeNames *safe, const uint8_t *name, size_t size);
int has_places(const uint8_t *at, const uint8_t *end, const SafeNames safe[2]);

/* known.c: what secret headers say, in pieces that are looked for in the rest */
#define KNOWN_PIECE 40
#define KNOWN_PIECES 64
typedef struct {
    uint8_t size;
    char text[KNOWN_PIECE];
} KnownPiece;

typedef struct {
    int count;
    KnownPiece piece[KNOWN_PIECES];
} Known;

int known_add(Known *known, const char *name, Py_ssize_t name_size, PyObject *value);
int known_repeated(const Known *known, const char *text, size_t size);

/* budget.c: what all requests of a recorder have in common */
typedef struct {
    PyObject_HEAD
    long long limit, taken;
} Budget;

typedef struct {
    PyObject_HEAD
    PyObject *headers, *media; /* judged headers by raw name, judged content types */
    SafeNames safe[2];         /* names that are no secret: of fields, and behind ? & # ; */
    PyObject *line_end;        /* a line's end from `cost` on */
    PyObject *llm_paths;       /* a frozenset; None where it takes more to tell */
    Budget *budget;
    KnownName *header_names, *media_names;
    long long limit; /* max_body_bytes */
    int plain;       /* whether nothing is asked before a record is made */
    int entry_plain; /* whether a request in flight may be noted as it is */
} Constants;

long long budget_take(Budget *budget, long long size);
extern PyTypeObject BudgetType;
extern PyTypeObject ConstantsType;

/* observed.c: the state of one request, a Python object whose slots are read here */
#define OBSERVED_FIELDS(X)                                                                     \
    X(recorder) X(journal) X(slot) X(began_ns) X(id) X(request_timestamp) X(method) X(scheme)  \
    X(host) X(path) X(query) X(http_version) X(client_ip) X(user_agent) X(request_id)          \
    X(traceparent) X(declared_bytes) X(request_headers) X(request_body) X(request_complete)    \
    X(status_code) X(response_headers) X(content_length) X(response_body) X(response_bytes)    \
    X(response_chunks) X(timeline) X(ttfb_ns) X(duration_ns) X(said) X(identity)               \
    X(disconnected) X(finished) X(recorded) X(constants) X(scope) X(root_path)                 \
    X(server_receive) X(server_send) X(send_error)

#define OBSERVED_ENUM(name) F_##name,
enum { OBSERVED_FIELDS(OBSERVED_ENUM) FIELD_COUNT };

typedef struct {
    PyObject_HEAD
    PyObject *field[FIELD_COUNT];
} Observed;

extern PyTypeObject ObservedType;

static inline void observed_set(Observed *self, int field, PyObject *value)
{
    PyObject *old = self->field[field];
    self->field[field] = Py_NewRef(value);
    Py_XDECREF(old);
}

/* Give what its recorder's requests have in common; NULL where there is none. */
static inline Constants *observed_constants(Observed *self)
{
    PyObject *constants = self->field[F_constants];
    return constants != NULL && Py_IS_TYPE(constants, &ConstantsType) ? (Constants *)constants : NULL;
}

int observed_is_begun(Observed *self);
int observed_set_slot(Observed *self, long at);
int observed_respond(Observed *self, PyObject *status_code, PyObject *headers);

/* module.c: names of attributes and keys, made once */
typedef struct {
    PyObject **place;
    const char *text;
} Name;
int intern_names(const Name *names, size_t count);

/* clock.c */
long long monotonic_ns(void);
PyObject *make_uuid7(long long time_ns);
PyObject *uuid7(PyObject *module, PyObject *time_ns);
int clock_prepare(void);

/* messages.c: what is noticed of an ASGI message */
enum { PASS, COMPLETE, CHUNK, OTHER }; /* as in capture/observed.py */
int notice_received(Observed *self, PyObject *message);
int notice_sending(Observed *self, PyObject *message, PyObject *at_ns);
PyObject *observed_received(Observed *self, PyObject *message);
PyObject *observed_sending(Observed *self, PyObject *const *args, Py_ssize_t count);

/* passing.c: the messages' way through */
PyObject *pass_receive(Observed *self);
PyObject *pass_send(Observed *self, PyObject *message);
extern PyTypeObject PassingType;

/* sides.c: the two callables that the app is given */
PyObject *receive_side(Observed *self, void *unused);
PyObject *send_side(Observed *self, void *unused);
PyObject *set_twins(PyObject *module, PyObject *const *args, Py_ssize_t count);
extern PyTypeObject SideType;

/* finish.c: the record of a finished exchange */
int append_plain(Observed *self);
PyObject *observed_append_plain(Observed *self, PyObject *unused);
int finish_quickly(Observed *self);
PyObject *observed_is_over(Observed *self, PyObject *unused);

/* frame.c */
enum { RECORD = 1, AMENDED, VOID, GAP }; /* as in journal/frame.py */
typedef struct {
    PyObject_HEAD
    Py_buffer map;
    int open;
    unsigned long long journal_id, sequence, accepted;
    unsigned int segment_id;
    Py_ssize_t offset, capacity;
    long long ring_at, wake_at; /* an offset and a count at which the journal takes notice */
} Pen;
Py_ssize_t pen_put(Pen *self, const char *line, Py_ssize_t length, uint32_t kind);
extern PyTypeObject PenType;

/* slots.c */
typedef struct {
    PyObject_HEAD
    Py_buffer map;
    int open;
    Py_ssize_t slot_bytes, free_count, slots;
    unsigned long long overflows;
    uint32_t *free; /* byte offsets; the lowest are used first, so that few pages are touched */
} Slots;
long slots_begin(Slots *self, const char *entry, Py_ssize_t size);
void slots_end(Slots *self, long at);
extern PyTypeObject SlotsType;

/* bases.c */
typedef struct {
    PyObject_HEAD
    PyObject *constants, *journal, *identify;
} RecorderBase;
typedef struct {
    PyObject_HEAD
    PyObject *pen, *slots;
} JournalBase;
extern PyTypeObject RecorderBaseType;
extern PyTypeObject JournalBaseType;
PyObject *journal_of(PyObject *recorder);
PyObject *constants_of_recorder(PyObject *recorder);
PyObject *identify_of(PyObject *recorder);
Pen *pen_of(PyObject *journal);
Slots *slots_of(PyObject *journal);

/* batch.c, line.c, rows.c */
enum { PLAIN, CONTENT_TYPE, CONTENT_ENCODING, SECRET }; /* as in redaction/redactor.py */
long judged_header(const Constants *constants, PyObject *name, PyObject **judged);
PyObject *is_plain_batch(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *bind_rows(PyObject *module, PyObject *const *args, Py_ssize_t count);
int put_plain_line(Out *out, Observed *observed);
PyObject *plain_line(PyObject *module, PyObject *observed);
PyObject *encode_line(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *read_lines(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *set_failpoint(PyObject *module, PyObject *callable);

#endif
