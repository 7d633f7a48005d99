/* The slots of the table of requests in flight; `journal/open_table.py` has the same in Python.

   The word in front of an entry (length and CRC) is stored last and at once. */

#include "native.h"

static int init(Slots *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"map", "first_at", "slot_bytes", "slots", NULL};
    PyObject *map;
    Py_ssize_t first_at;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Onnn", names, &map, &first_at,
                                     &self->slot_bytes, &self->slots))
        return -1;
    if (self->open || PyObject_GetBuffer(map, &self->map, PyBUF_WRITABLE) < 0) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_RuntimeError, "slots are made once");
        return -1;
    }
    self->open = 1;
    if (first_at % 8 || self->slot_bytes % 8 || self->slots < 0 ||
        first_at + self->slots * self->slot_bytes > self->map.len) {
        PyErr_SetString(PyExc_ValueError, "the slots must lie in the map");
        return -1;
    }
    self->free = PyMem_Calloc((size_t)self->slots + 1, sizeof(uint32_t));
    if (self->free == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < self->slots; i++)
        self->free[i] = (uint32_t)(first_at + (self->slots - 1 - i) * self->slot_bytes);
    self->free_count = self->slots;
    return 0;
}

static PyObject *close_slots(Slots *self, PyObject *unused)
{
    (void)unused;
    if (self->open) {
        self->open = 0;
        self->free_count = self->slots;
        PyBuffer_Release(&self->map);
    }
    Py_RETURN_NONE;
}

static void dealloc(Slots *self)
{
    if (self->open)
        PyBuffer_Release(&self->map);
    PyMem_Free(self->free);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* Take a slot; give it, or -1 when there is none, or the entry is too long. */
long slots_begin(Slots *self, const char *entry, Py_ssize_t size)
{
    if (!self->open)
        return -1;
    if (size > self->slot_bytes - 8 || self->free_count == 0) {
        self->overflows++;
        return -1;
    }
    uint32_t at = self->free[--self->free_count];
    char *slot = (char *)self->map.buf + at;
    memcpy(slot + 8, entry, (size_t)size);
    uint64_t word = (uint64_t)size | (uint64_t)crc32_more(0, entry, (size_t)size) << 32;
    __atomic_store_n((uint64_t *)slot, word, __ATOMIC_RELEASE);
    return (long)at;
}

void slots_end(Slots *self, long at)
{
    if (at >= 0 && self->open && self->free_count < self->slots && at + 8 <= self->map.len) {
        __atomic_store_n((uint64_t *)((char *)self->map.buf + at), 0, __ATOMIC_RELEASE);
        self->free[self->free_count++] = (uint32_t)at;
    }
}

/* begin(entry) -> the slot taken, or -1 */
static PyObject *begin(Slots *self, PyObject *entry)
{
    if (!PyBytes_Check(entry)) {
        PyErr_SetString(PyExc_TypeError, "an entry is bytes");
        return NULL;
    }
    return PyLong_FromLong(slots_begin(self, PyBytes_AS_STRING(entry), PyBytes_GET_SIZE(entry)));
}

/* end(slot): free it */
static PyObject *end(Slots *self, PyObject *slot)
{
    long at = PyLong_AsLong(slot);
    if (at == -1 && PyErr_Occurred())
        return NULL;
    slots_end(self, at);
    Py_RETURN_NONE;
}

static PyObject *taken(Slots *self, void *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(self->slots - self->free_count);
}

static PyMemberDef members[] = {
    {"overflows", T_ULONGLONG, offsetof(Slots, overflows), READONLY, NULL}, {NULL}};

static PyGetSetDef getters[] = {{"taken", (getter)taken, NULL, NULL, NULL}, {NULL}};

static PyMethodDef methods[] = {{"begin", (PyCFunction)begin, METH_O, NULL},
                                {"end", (PyCFunction)end, METH_O, NULL},
                                {"close", (PyCFunction)close_slots, METH_NOARGS, NULL},
                                {NULL}};

PyTypeObject SlotsType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "dashcam._native.Slots",
    .tp_basicsize = sizeof(Slots),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)init,
    .tp_dealloc = (destructor)dealloc,
    .tp_members = members,
    .tp_getset = getters,
    .tp_methods = methods,
};
