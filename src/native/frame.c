/* Frames: written at a segment's end by a Pen, and read from a block. The format is described
   in `journal/frame.py`, which has the same in Python.

   An append is one step for every other thread, since the GIL is held throughout. Its stores
   are ordered: payload and the rest of the header first, the word that makes it visible last. */

#include "native.h"

#include <limits.h>

#define MAGIC 0x4D414344u
#define HEADER_BYTES 32
#define ALIGNED(n) (((n) + 7) & ~(Py_ssize_t)7)

static PyObject *failpoint;

PyObject *set_failpoint(PyObject *module, PyObject *callable)
{
    (void)module;
    Py_XSETREF(failpoint, callable == Py_None ? NULL : Py_NewRef(callable));
    Py_RETURN_NONE;
}

static int pass(const char *name)
{
    if (failpoint == NULL)
        return 0;
    PyObject *result = PyObject_CallFunction(failpoint, "s", name);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static inline void store32(char *at, uint32_t value) { memcpy(at, &value, 4); }
static inline void store64(char *at, uint64_t value) { memcpy(at, &value, 8); }
static inline uint32_t load32(const char *at) { uint32_t v; memcpy(&v, at, 4); return v; }
static inline uint64_t load64(const char *at) { uint64_t v; memcpy(&v, at, 8); return v; }

static uint32_t frame_crc(uint64_t journal_id, uint32_t segment_id, uint32_t offset,
                          uint32_t length, uint32_t kind, uint64_t sequence, uint64_t accepted,
                          uint32_t payload_crc)
{
    char seed[40];
    store64(seed, journal_id);
    store32(seed + 8, segment_id);
    store32(seed + 12, offset);
    store32(seed + 16, length);
    store32(seed + 20, kind);
    store64(seed + 24, sequence);
    store64(seed + 32, accepted);
    return crc32_more(payload_crc, seed, sizeof seed);
}

static int pen_init(Pen *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"map", "journal_id", "segment_id", "offset", "capacity", NULL};
    PyObject *map;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OKInn", names, &map, &self->journal_id,
                                     &self->segment_id, &self->offset, &self->capacity))
        return -1;
    if (self->open) {
        PyErr_SetString(PyExc_RuntimeError, "a pen is made once");
        return -1;
    }
    if (PyObject_GetBuffer(map, &self->map, PyBUF_WRITABLE) < 0)
        return -1;
    self->open = 1;
    self->sequence = self->accepted = 0;
    self->ring_at = self->wake_at = LLONG_MAX;
    if (self->offset < 0 || self->offset % 8 || self->capacity > self->map.len ||
        self->map.len > UINT32_MAX) {
        PyBuffer_Release(&self->map);
        self->open = 0;
        PyErr_SetString(PyExc_ValueError, "offset and capacity must lie in the map");
        return -1;
    }
    return 0;
}

static PyObject *pen_seal(Pen *self, PyObject *unused)
{
    (void)unused;
    self->capacity = self->offset;
    Py_RETURN_NONE;
}

static PyObject *pen_lift(Pen *self, PyObject *unused)
{
    (void)unused;
    if (self->open) {
        self->open = 0;
        self->capacity = self->offset;
        PyBuffer_Release(&self->map);
    }
    Py_RETURN_NONE;
}

static void pen_dealloc(Pen *self)
{
    if (self->open)
        PyBuffer_Release(&self->map);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static void publish(Pen *self, Py_ssize_t at, uint32_t length, uint32_t kind, uint64_t sequence,
                    uint64_t accepted, uint32_t payload_crc)
{
    char *frame = (char *)self->map.buf + at;
    store32(frame + 8, frame_crc(self->journal_id, self->segment_id, (uint32_t)at, length, kind,
                                 sequence, accepted, payload_crc));
    store32(frame + 12, kind);
    store64(frame + 16, sequence);
    store64(frame + 24, accepted);
    __atomic_store_n((uint64_t *)frame, (uint64_t)MAGIC | (uint64_t)length << 32, __ATOMIC_RELEASE);
}

/* Write a frame; give the offset behind it, 0 where it doesn't fit, -1 at an error. */
Py_ssize_t pen_put(Pen *self, const char *line, Py_ssize_t length, uint32_t kind)
{
    if (!self->open || length > self->capacity - self->offset - HEADER_BYTES)
        return 0;
    if (failpoint != NULL && pass("reserve") < 0)
        return -1;
    Py_ssize_t at = self->offset, end = ALIGNED(at + HEADER_BYTES + length);
    if (end > self->capacity)
        return 0;
    /* Reserved from here on: whatever happens, this place is not used again. */
    self->offset = end;
    uint64_t sequence = ++self->sequence;
    uint64_t accepted = self->accepted += kind == RECORD;
    char *payload = (char *)self->map.buf + at + HEADER_BYTES;
    if (failpoint != NULL) {
        memcpy(payload, line, (size_t)length / 2);
        if (pass("mid_copy") < 0)
            goto failed;
    }
    memcpy(payload, line, (size_t)length);
    if (failpoint != NULL && pass("publish") < 0)
        goto failed;
    uint32_t payload_crc = crc32_more(0, line, (size_t)length);
    publish(self, at, (uint32_t)length, kind, sequence, accepted, payload_crc);
    return end;
failed:
    /* A place that could not be filled becomes a frame that says nothing. */
    self->accepted -= kind == RECORD;
    publish(self, at, (uint32_t)length, VOID, sequence, self->accepted, 0);
    return -1;
}

/* write(line, kind) -> the offset behind the frame; 0 where it doesn't fit */
static PyObject *pen_write(Pen *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyBytes_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "write takes bytes and a kind");
        return NULL;
    }
    uint32_t kind = (uint32_t)PyLong_AsUnsignedLongMask(args[1]);
    if (PyErr_Occurred())
        return NULL;
    Py_ssize_t end = pen_put(self, PyBytes_AS_STRING(args[0]), PyBytes_GET_SIZE(args[0]), kind);
    return end < 0 ? NULL : PyLong_FromSsize_t(end);
}

static PyMemberDef pen_members[] = {
    {"segment_id", T_UINT, offsetof(Pen, segment_id), READONLY, NULL},
    {"offset", T_PYSSIZET, offsetof(Pen, offset), 0, NULL},
    {"capacity", T_PYSSIZET, offsetof(Pen, capacity), 0, NULL},
    {"sequence", T_ULONGLONG, offsetof(Pen, sequence), 0, NULL},
    {"accepted", T_ULONGLONG, offsetof(Pen, accepted), 0, NULL},
    {"ring_at", T_LONGLONG, offsetof(Pen, ring_at), 0, NULL},
    {"wake_at", T_LONGLONG, offsetof(Pen, wake_at), 0, NULL},
    {NULL}};

static PyMethodDef pen_methods[] = {
    {"write", (PyCFunction)(void (*)(void))pen_write, METH_FASTCALL, NULL},
    {"seal", (PyCFunction)pen_seal, METH_NOARGS, NULL},
    {"lift", (PyCFunction)pen_lift, METH_NOARGS, NULL},
    {NULL}};

PyTypeObject PenType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "dashcam._native.Pen",
    .tp_basicsize = sizeof(Pen),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)pen_init,
    .tp_dealloc = (destructor)pen_dealloc,
    .tp_members = pen_members,
    .tp_methods = pen_methods,
};

/* Frames at the start of a block, and room for what they hold. */
typedef struct {
    uint64_t journal_id, sequence, accepted, accepted_before;
    uint32_t segment_id;
    long long base, limit, size, end, most, frames;
    char *text, *sizes, *counts; /* where the next line goes */
    const char *stop;
} Run;

/* Verify frames, and copy what they hold. */
static void take_frames(Run *run, const char *block)
{
    long long at = 0;
    for (;;) {
        if (run->frames >= run->most) { run->stop = "full"; break; }
        if (run->base + at + HEADER_BYTES > run->limit) { run->stop = "end"; break; }
        if (at + HEADER_BYTES > run->size) { run->stop = "more"; break; }
        const char *frame = block + at;
        uint32_t magic = load32(frame), length = load32(frame + 4), kind = load32(frame + 12);
        uint64_t sequence = load64(frame + 16), accepted = load64(frame + 24);
        if (magic != MAGIC) { run->stop = magic == 0 && length == 0 ? "end" : "bad"; break; }
        long long end = at + HEADER_BYTES + (long long)length;
        if (run->base + end > run->limit) { run->stop = "bad"; break; } /* before it is read */
        if (end > run->size) { run->stop = "more"; break; }
        uint32_t payload_bytes = kind == VOID ? 0 : length;
        uint32_t crc = frame_crc(run->journal_id, run->segment_id, (uint32_t)(run->base + at),
                                 length, kind, sequence, accepted,
                                 crc32_more(0, frame + HEADER_BYTES, payload_bytes));
        if (crc != load32(frame + 8) || kind < RECORD || kind > GAP) { run->stop = "bad"; break; }
        if (run->frames++ == 0)
            run->accepted_before = accepted - (kind == RECORD);
        if (kind != VOID) {
            memcpy(run->text, frame + HEADER_BYTES, length);
            run->text += length;
            store32(run->sizes, length);
            run->sizes += 4;
            *run->counts++ = kind == RECORD;
        }
        run->sequence = sequence;
        run->accepted = accepted;
        at = ALIGNED(end);
    }
    run->end = run->base + at;
}

/* read_lines(block, base, limit, journal_id, segment_id, max_frames)
   -> (text, sizes, counts, frames, accepted_before, end, sequence, accepted, stop)
   Frames are looked at and copied without the GIL. */
PyObject *read_lines(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 6 || !PyBytes_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "read_lines takes bytes and five integers");
        return NULL;
    }
    const char *block = PyBytes_AS_STRING(args[0]);
    Run run = {.size = PyBytes_GET_SIZE(args[0]),
               .base = PyLong_AsLongLong(args[1]),
               .limit = PyLong_AsLongLong(args[2]),
               .journal_id = PyLong_AsUnsignedLongLongMask(args[3]),
               .segment_id = (uint32_t)PyLong_AsUnsignedLongMask(args[4]),
               .most = PyLong_AsLongLong(args[5])};
    if (PyErr_Occurred())
        return NULL;
    /* Room for the most that there can be; what isn't used is given back. */
    Py_ssize_t most = run.size / HEADER_BYTES < run.most ? run.size / HEADER_BYTES : run.most;
    PyObject *text = PyBytes_FromStringAndSize(NULL, run.size);
    PyObject *sizes = PyBytes_FromStringAndSize(NULL, most < 0 ? 0 : most * 4);
    PyObject *counts = PyBytes_FromStringAndSize(NULL, most < 0 ? 0 : most);
    if (text == NULL || sizes == NULL || counts == NULL)
        goto failed;
    run.text = PyBytes_AS_STRING(text);
    run.sizes = PyBytes_AS_STRING(sizes);
    run.counts = PyBytes_AS_STRING(counts);
    Py_BEGIN_ALLOW_THREADS
    take_frames(&run, block);
    Py_END_ALLOW_THREADS
    if (_PyBytes_Resize(&text, run.text - PyBytes_AS_STRING(text)) < 0 ||
        _PyBytes_Resize(&sizes, run.sizes - PyBytes_AS_STRING(sizes)) < 0 ||
        _PyBytes_Resize(&counts, run.counts - PyBytes_AS_STRING(counts)) < 0)
        goto failed;
    return Py_BuildValue("NNNLKLKKs", text, sizes, counts, run.frames,
                         (unsigned long long)run.accepted_before, run.end,
                         (unsigned long long)run.sequence, (unsigned long long)run.accepted,
                         run.stop);
failed:
    Py_XDECREF(text);
    Py_XDECREF(sizes);
    Py_XDECREF(counts);
    return NULL;
}
