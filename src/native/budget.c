/* What all requests of a recorder have in common: the budget of their bodies, and the constants
   that a line is made with. */

#include "native.h"

static int budget_init(Budget *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"limit", NULL};
    return PyArg_ParseTupleAndKeywords(args, kwargs, "L", names, &self->limit) ? 0 : -1;
}

long long budget_take(Budget *self, long long size)
{
    long long granted = self->limit - self->taken;
    granted = size < granted ? size : granted;
    if (granted <= 0)
        return 0;
    self->taken += granted;
    return granted;
}

static PyObject *take(Budget *self, PyObject *argument)
{
    long long size = PyLong_AsLongLong(argument);
    if (size == -1 && PyErr_Occurred())
        return NULL;
    return PyLong_FromLongLong(budget_take(self, size));
}

static PyObject *give(Budget *self, PyObject *argument)
{
    long long size = PyLong_AsLongLong(argument);
    if (size == -1 && PyErr_Occurred())
        return NULL;
    self->taken -= size;
    Py_RETURN_NONE;
}

static PyMemberDef budget_members[] = {
    {"limit", T_LONGLONG, offsetof(Budget, limit), READONLY, NULL},
    {"taken", T_LONGLONG, offsetof(Budget, taken), READONLY, NULL},
    {NULL}};

static PyMethodDef budget_methods[] = {{"take", (PyCFunction)take, METH_O, NULL},
                                       {"give", (PyCFunction)give, METH_O, NULL},
                                       {NULL}};

PyTypeObject BudgetType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "dashcam._native.Budget",
    .tp_basicsize = sizeof(Budget),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)budget_init,
    .tp_members = budget_members,
    .tp_methods = budget_methods,
};

/* Constants(headers, media, safe, query_safe, line_end, llm_paths, budget, max_body_bytes, plain,
   entry_plain) */
static int constants_init(Constants *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"headers",   "media",  "safe",           "query_safe", "line_end",
                            "llm_paths", "budget", "max_body_bytes", "plain",      "entry_plain", NULL};
    PyObject *headers, *media, *safe, *query_safe, *line_end, *llm_paths, *budget;
    if (self->headers != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "constants are made once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O!O!SOO!Lp|p", names, &PyDict_Type, &headers,
                                     &PyDict_Type, &media, &PySet_Type, &safe, &PySet_Type,
                                     &query_safe, &line_end, &llm_paths, &BudgetType, &budget,
                                     &self->limit, &self->plain, &self->entry_plain))
        return -1;
    self->headers = Py_NewRef(headers);
    self->media = Py_NewRef(media);
    self->safe[0].names = Py_NewRef(safe);
    self->safe[1].names = Py_NewRef(query_safe);
    self->line_end = Py_NewRef(line_end);
    self->llm_paths = Py_NewRef(llm_paths);
    self->budget = (Budget *)Py_NewRef(budget);
    self->header_names = PyMem_Calloc(4 * KNOWN_NAMES, sizeof(KnownName));
    if (self->header_names == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->safe[0].known = self->header_names + KNOWN_NAMES;
    self->safe[1].known = self->safe[0].known + KNOWN_NAMES;
    self->media_names = self->safe[1].known + KNOWN_NAMES;
    return 0;
}

/* It holds containers of bytes and str only, so no cycle goes through it. */
static void constants_dealloc(Constants *self)
{
    Py_XDECREF(self->headers);
    Py_XDECREF(self->media);
    Py_XDECREF(self->safe[0].names);
    Py_XDECREF(self->safe[1].names);
    Py_XDECREF(self->line_end);
    Py_XDECREF(self->llm_paths);
    Py_XDECREF(self->budget);
    PyMem_Free(self->header_names);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

PyTypeObject ConstantsType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "dashcam._native.Constants",
    .tp_basicsize = sizeof(Constants),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)constants_init,
    .tp_dealloc = (destructor)constants_dealloc,
};
