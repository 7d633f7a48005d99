/* ASGI messages as they pass by: what is noticed of the common ones. The rest is left to
   `capture/asgi.py`, which is told so. */

#include "native.h"

static PyObject *key_type, *key_body, *key_more_body, *key_status, *key_headers;
static PyObject *request, *disconnect, *start, *response_body, *head;

static int prepare(void)
{
    static const Name all[] = {{&key_type, "type"}, {&key_body, "body"}, {&key_more_body, "more_body"},
               {&key_status, "status"}, {&key_headers, "headers"}, {&request, "http.request"},
               {&disconnect, "http.disconnect"}, {&start, "http.response.start"},
               {&response_body, "http.response.body"}, {&head, "HEAD"}};
    return intern_names(all, sizeof all / sizeof *all);
}

static inline int is_text(PyObject *value, PyObject *text)
{
    return value == text || (PyUnicode_Check(value) && PyUnicode_Compare(value, text) == 0);
}

/* Tell whether `more_body` is set; -1 at an error. */
static int has_more(PyObject *message)
{
    PyObject *more = PyDict_GetItemWithError(message, key_more_body);
    if (more == NULL)
        return PyErr_Occurred() ? -1 : 0;
    return more == Py_True ? 1 : more == Py_False ? 0 : PyObject_IsTrue(more);
}

/* Take notice of a message that the app was given; 0: look at it in Python; -1: an error. */
int notice_received(Observed *self, PyObject *message)
{
    if (head == NULL && !prepare())
        return -1;
    if (!PyDict_CheckExact(message))
        return 0;
    PyObject *kind = PyDict_GetItemWithError(message, key_type);
    if (kind == NULL)
        return PyErr_Occurred() ? -1 : 0;
    if (is_text(kind, disconnect)) {
        if (self->field[F_finished] == Py_False)
            observed_set(self, F_disconnected, Py_True);
        return 1;
    }
    if (!is_text(kind, request))
        return 1;
    int more = has_more(message);
    if (more < 0)
        return -1;
    PyObject *body = PyDict_GetItemWithError(message, key_body);
    if (body == NULL && PyErr_Occurred())
        return -1;
    if (body != NULL && PyBytes_CheckExact(body)) {
        long long size = PyBytes_GET_SIZE(body);
        PyObject *known = self->field[F_constants];
        Constants *constants = Py_IS_TYPE(known, &ConstantsType) ? (Constants *)known : NULL;
        if (size > 0) {
            if (more || constants == NULL || self->field[F_request_body] != Py_None ||
                size > constants->limit)
                return 0;
            long long granted = budget_take(constants->budget, size);
            if (granted < size) {
                constants->budget->taken -= granted;
                return 0;
            }
            observed_set(self, F_request_body, body); /* the whole body: no buffer is needed */
        }
    } else if (body != NULL) {
        return 0;
    }
    if (!more)
        observed_set(self, F_request_complete, Py_True);
    return 1;
}

/* received(message) -> whether it was understood; False: look at it in Python */
PyObject *observed_received(Observed *self, PyObject *message)
{
    if (!observed_is_begun(self))
        return NULL;
    int understood = notice_received(self, message);
    return understood < 0 ? NULL : PyBool_FromLong(understood);
}

static long long integer_of(PyObject *value)
{
    long long result = PyLong_Check(value) ? PyLong_AsLongLong(value) : -1;
    if (result == -1)
        PyErr_Clear();
    return result;
}

/* Take notice of a message that the app sends: PASS: nothing more to do; COMPLETE: noticed, and
   it completes the response; CHUNK: a piece of a longer body; OTHER: look at it in Python; -1 at
   an error. */
int notice_sending(Observed *self, PyObject *message, PyObject *at_ns)
{
    if (head == NULL && !prepare())
        return -1;
    if (!PyDict_CheckExact(message))
        return OTHER;
    PyObject *kind = PyDict_GetItemWithError(message, key_type);
    if (kind == NULL)
        return PyErr_Occurred() ? -1 : OTHER;
    if (is_text(kind, response_body)) {
        PyObject *body = PyDict_GetItemWithError(message, key_body);
        int more = has_more(message);
        if (more < 0 || (body == NULL && PyErr_Occurred()))
            return -1;
        long long chunks = integer_of(self->field[F_response_chunks]);
        if (body != NULL && !PyBytes_CheckExact(body))
            return OTHER;
        long long size = body == NULL ? 0 : PyBytes_GET_SIZE(body);
        if (more) {
            PyObject *length = self->field[F_content_length];
            if (length == Py_None)
                return CHUNK;
            long long sent = integer_of(self->field[F_response_bytes]), whole = integer_of(length);
            if (whole < 0 || sent < 0 || sent + size >= whole)
                return OTHER;
            return CHUNK;
        }
        if (chunks != 0)
            return OTHER;
        PyObject *one = PyLong_FromLong(1), *bytes = PyLong_FromLongLong(size);
        if (one == NULL || bytes == NULL) {
            Py_XDECREF(one);
            Py_XDECREF(bytes);
            return -1;
        }
        observed_set(self, F_response_chunks, one);
        observed_set(self, F_response_bytes, bytes);
        Py_DECREF(one);
        Py_DECREF(bytes);
        if (size > 0) {
            observed_set(self, F_ttfb_ns, at_ns);
            observed_set(self, F_response_body, body); /* the whole body: no buffer is needed */
        }
        return COMPLETE;
    }
    if (is_text(kind, start)) {
        PyObject *status = PyDict_GetItemWithError(message, key_status);
        PyObject *headers = PyDict_GetItemWithError(message, key_headers);
        if (status == NULL || !PyLong_CheckExact(status) || headers == NULL || !PyList_CheckExact(headers))
            return PyErr_Occurred() ? -1 : OTHER;
        if (!observed_respond(self, status, headers))
            return -1;
        long long code = integer_of(status);
        PyObject *length = self->field[F_content_length];
        int empty = code == 204 || code == 304 || is_text(self->field[F_method], head) ||
                    (length != Py_None && integer_of(length) == 0);
        return empty ? COMPLETE : PASS;
    }
    return OTHER;
}

/* sending(message, at_ns) -> PASS, COMPLETE, CHUNK or OTHER */
PyObject *observed_sending(Observed *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "sending takes a message and a time");
        return NULL;
    }
    if (!observed_is_begun(self))
        return NULL;
    int what = notice_sending(self, args[0], args[1]);
    return what < 0 ? NULL : PyLong_FromLong(what);
}
