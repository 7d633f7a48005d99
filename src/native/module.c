/* `dashcam._native`: see native.h. */

#define _GNU_SOURCE
#include "native.h"

int intern_names(const Name *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((*names[i].place = PyUnicode_InternFromString(names[i].text)) == NULL)
            return 0;
    return 1;
}

static PyObject *crc32_of(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 2 || !PyBytes_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "crc32 takes bytes and the CRC of what precedes them");
        return NULL;
    }
    uint32_t crc = (uint32_t)PyLong_AsUnsignedLongMask(args[1]);
    if (PyErr_Occurred())
        return NULL;
    crc = crc32_more(crc, PyBytes_AS_STRING(args[0]), (size_t)PyBytes_GET_SIZE(args[0]));
    return PyLong_FromUnsignedLong(crc);
}

static PyObject *contains(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 2 || !PyBytes_Check(args[0]) || !PyBytes_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "contains takes bytes and the bytes looked for");
        return NULL;
    }
    return PyBool_FromLong(memmem(PyBytes_AS_STRING(args[0]), (size_t)PyBytes_GET_SIZE(args[0]),
                                  PyBytes_AS_STRING(args[1]),
                                  (size_t)PyBytes_GET_SIZE(args[1])) != NULL);
}

static PyMethodDef functions[] = {
    {"contains", (PyCFunction)(void (*)(void))contains, METH_FASTCALL, NULL},
    {"uuid7", uuid7, METH_O, NULL},
    {"crc32", (PyCFunction)(void (*)(void))crc32_of, METH_FASTCALL, NULL},
    {"plain_line", plain_line, METH_O, NULL},
    {"encode_line", (PyCFunction)(void (*)(void))encode_line, METH_FASTCALL, NULL},
    {"set_places", set_places, METH_O, NULL},
    {"find_places", (PyCFunction)(void (*)(void))find_places, METH_FASTCALL, NULL},
    {"has_places", (PyCFunction)(void (*)(void))has_places_of, METH_FASTCALL, NULL},
    {"set_twins", (PyCFunction)(void (*)(void))set_twins, METH_FASTCALL, NULL},
    {"bind_rows", (PyCFunction)(void (*)(void))bind_rows, METH_FASTCALL, NULL},
    {"is_plain_batch", (PyCFunction)(void (*)(void))is_plain_batch, METH_FASTCALL, NULL},
    {"read_lines", (PyCFunction)(void (*)(void))read_lines, METH_FASTCALL, NULL},
    {"set_failpoint", set_failpoint, METH_O, NULL},
    {NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "dashcam._native",
    .m_doc = "The request path in C; each part has a twin in Python.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__native(void)
{
    crc32_prepare();
    if (!clock_prepare())
        return PyErr_SetFromErrno(PyExc_OSError);
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    if (PyModule_AddType(module, &ObservedType) < 0 ||
        PyModule_AddType(module, &PassingType) < 0 || PyModule_AddType(module, &SideType) < 0 ||
        PyModule_AddType(module, &RecorderBaseType) < 0 ||
        PyModule_AddType(module, &JournalBaseType) < 0 || PyModule_AddType(module, &PenType) < 0 ||
        PyModule_AddType(module, &SlotsType) < 0 || PyModule_AddType(module, &BudgetType) < 0 ||
        PyModule_AddType(module, &ConstantsType) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
