/* Bases of the recorder and of the journal: what a request needs of them, where it is read without
   a look-up by name. */

#include "native.h"

static PyMemberDef recorder_members[] = {
    {"constants", T_OBJECT_EX, offsetof(RecorderBase, constants), 0, NULL},
    {"journal", T_OBJECT_EX, offsetof(RecorderBase, journal), 0, NULL},
    {"identify", T_OBJECT_EX, offsetof(RecorderBase, identify), 0, NULL},
    {NULL}};

static PyMemberDef journal_members[] = {
    {"pen", T_OBJECT_EX, offsetof(JournalBase, pen), 0, NULL},
    {"slots", T_OBJECT_EX, offsetof(JournalBase, slots), 0, NULL},
    {NULL}};

static int recorder_traverse(RecorderBase *self, visitproc visit, void *arg)
{
    Py_VISIT(self->constants);
    Py_VISIT(self->journal);
    Py_VISIT(self->identify);
    return 0;
}

static int recorder_clear(RecorderBase *self)
{
    Py_CLEAR(self->constants);
    Py_CLEAR(self->journal);
    Py_CLEAR(self->identify);
    return 0;
}

static int journal_traverse(JournalBase *self, visitproc visit, void *arg)
{
    Py_VISIT(self->pen);
    Py_VISIT(self->slots);
    return 0;
}

static int journal_clear(JournalBase *self)
{
    Py_CLEAR(self->pen);
    Py_CLEAR(self->slots);
    return 0;
}

static void recorder_dealloc(RecorderBase *self)
{
    PyObject_GC_UnTrack(self);
    recorder_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static void journal_dealloc(JournalBase *self)
{
    PyObject_GC_UnTrack(self);
    journal_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

PyTypeObject RecorderBaseType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "dashcam._native.RecorderBase",
    .tp_basicsize = sizeof(RecorderBase),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_traverse = (traverseproc)recorder_traverse,
    .tp_clear = (inquiry)recorder_clear,
    .tp_dealloc = (destructor)recorder_dealloc,
    .tp_members = recorder_members,
};

PyTypeObject JournalBaseType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "dashcam._native.JournalBase",
    .tp_basicsize = sizeof(JournalBase),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_traverse = (traverseproc)journal_traverse,
    .tp_clear = (inquiry)journal_clear,
    .tp_dealloc = (destructor)journal_dealloc,
    .tp_members = journal_members,
};

/* Tell whether an object has one of these bases; the common one has it right above its type. */
static int is_one(PyObject *object, PyTypeObject *base)
{
    return Py_TYPE(object)->tp_base == base || PyObject_TypeCheck(object, base);
}

/* Give one of the recorder's attributes: a new reference, NULL with an error set. */
static PyObject *attribute(PyObject *recorder, size_t offset, PyObject **name, const char *text)
{
    if (is_one(recorder, &RecorderBaseType)) {
        PyObject *value = *(PyObject **)((char *)recorder + offset);
        if (value != NULL)
            return Py_NewRef(value);
    }
    if (*name == NULL && (*name = PyUnicode_InternFromString(text)) == NULL)
        return NULL;
    return PyObject_GetAttr(recorder, *name);
}

PyObject *journal_of(PyObject *recorder)
{
    static PyObject *name;
    return attribute(recorder, offsetof(RecorderBase, journal), &name, "journal");
}

PyObject *constants_of_recorder(PyObject *recorder)
{
    static PyObject *name;
    return attribute(recorder, offsetof(RecorderBase, constants), &name, "constants");
}

PyObject *identify_of(PyObject *recorder)
{
    static PyObject *name;
    return attribute(recorder, offsetof(RecorderBase, identify), &name, "identify");
}

/* Give the journal's pen, borrowed; NULL, without an error, where it has no compiled one. */
Pen *pen_of(PyObject *journal)
{
    if (!is_one(journal, &JournalBaseType))
        return NULL;
    PyObject *pen = ((JournalBase *)journal)->pen;
    return pen != NULL && Py_IS_TYPE(pen, &PenType) ? (Pen *)pen : NULL;
}

/* Give its slots in the same way. */
Slots *slots_of(PyObject *journal)
{
    if (!is_one(journal, &JournalBaseType))
        return NULL;
    PyObject *slots = ((JournalBase *)journal)->slots;
    return slots != NULL && Py_IS_TYPE(slots, &SlotsType) ? (Slots *)slots : NULL;
}
