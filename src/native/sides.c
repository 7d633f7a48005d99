/* `receive` and `send`: what the app is given.

   Each is called like the coroutine function that is its twin, and whoever looks at it sees that
   one: `inspect.iscoroutinefunction`, which frameworks and asgiref ask, reads its `__code__`. */

#include "native.h"

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    Observed *observed;
    int sends;
} Side;

static PyObject *twins[2];

/* set_twins(receive, send): the functions in Python */
PyObject *set_twins(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "set_twins takes two functions");
        return NULL;
    }
    for (int i = 0; i < 2; i++)
        Py_XSETREF(twins[i], Py_NewRef(args[i]));
    Py_RETURN_NONE;
}

static PyObject *call(Side *self, PyObject *const *args, size_t flags, PyObject *names)
{
    Py_ssize_t count = PyVectorcall_NARGS(flags);
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    if (self->observed == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the request is gone");
        return NULL;
    }
    if (!self->sends && count + named == 0)
        return pass_receive(self->observed);
    if (self->sends && count + named == 1 &&
        (count == 1 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "message") == 0))
        return pass_send(self->observed, args[0]);
    PyErr_SetString(PyExc_TypeError, self->sends ? "send() takes a message" : "receive() takes nothing");
    return NULL;
}

static PyObject *getattro(PyObject *self, PyObject *name)
{
    PyObject *value = PyObject_GenericGetAttr(self, name);
    PyObject *twin = twins[((Side *)self)->sends];
    if (value != NULL || twin == NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return value;
    PyErr_Clear();
    return PyObject_GetAttr(twin, name);
}

static PyObject *make(Observed *observed, int sends)
{
    Side *self = PyObject_GC_New(Side, &SideType);
    if (self == NULL)
        return NULL;
    self->call = (vectorcallfunc)call;
    self->observed = (Observed *)Py_NewRef(observed);
    self->sends = sends;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

PyObject *receive_side(Observed *self, void *unused)
{
    (void)unused;
    return make(self, 0);
}

PyObject *send_side(Observed *self, void *unused)
{
    (void)unused;
    return make(self, 1);
}

static int traverse(Side *self, visitproc visit, void *arg)
{
    Py_VISIT(self->observed);
    return 0;
}

static int clear(Side *self)
{
    Py_CLEAR(self->observed);
    return 0;
}

static void dealloc(Side *self)
{
    PyObject_GC_UnTrack(self);
    clear(self);
    PyObject_GC_Del(self);
}

PyTypeObject SideType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "dashcam._native.Side",
    .tp_basicsize = sizeof(Side),
    .tp_vectorcall_offset = offsetof(Side, call),
    .tp_call = PyVectorcall_Call,
    .tp_getattro = getattro,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_traverse = (traverseproc)traverse,
    .tp_clear = (inquiry)clear,
    .tp_dealloc = (destructor)dealloc,
};
