/* `dashcam._native`: see native.h. */

#include "native.h"

static PyMethodDef functions[] = {
    {"encode_line", (PyCFunction)(void (*)(void))encode_line, METH_FASTCALL, NULL},
    {"parse_frames", (PyCFunction)(void (*)(void))parse_frames, METH_FASTCALL, NULL},
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
    crc32_make_tables();
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    if (PyModule_AddType(module, &ObservedType) < 0 || PyModule_AddType(module, &PenType) < 0 ||
        PyModule_AddType(module, &SlotsType) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
