/* The state of one request, as `capture/observed.py` has it in Python: the same slots, filled
   by the same `begin`. */

#include "native.h"

#include <time.h>

#define ENTRY_BYTES 480

#define OBSERVED_MEMBER(name) \
    {#name, T_OBJECT_EX, offsetof(Observed, field) + F_##name * sizeof(PyObject *), 0, NULL},
static PyMemberDef members[] = {OBSERVED_FIELDS(OBSERVED_MEMBER){NULL}};

static int traverse(Observed *self, visitproc visit, void *arg)
{
    for (int i = 0; i < FIELD_COUNT; i++)
        Py_VISIT(self->field[i]);
    return 0;
}

static int clear(Observed *self)
{
    for (int i = 0; i < FIELD_COUNT; i++)
        Py_CLEAR(self->field[i]);
    return 0;
}

static void dealloc(Observed *self)
{
    PyObject_GC_UnTrack(self);
    clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* Format nanoseconds since the epoch as UTC, RFC 3339, six decimals. */
static PyObject *timestamp(long long time_ns)
{
    static long long known_second = -1;
    static char known[24]; /* YYYY-MM-DDTHH:MM:SS */
    long long second = time_ns / 1000000000, rest = time_ns % 1000000000 / 1000;
    if (second != known_second) {
        time_t seconds = (time_t)second;
        struct tm utc;
        if (gmtime_r(&seconds, &utc) == NULL || utc.tm_year > 8099 || utc.tm_year < 70 ||
            strftime(known, sizeof known, "%Y-%m-%dT%H:%M:%S", &utc) != 19) {
            PyErr_SetString(PyExc_ValueError, "a time outside of the years 1970 to 9999");
            return NULL;
        }
        known_second = second;
    }
    PyObject *text = PyUnicode_New(27, 127);
    if (text == NULL)
        return NULL;
    char *to = (char *)PyUnicode_1BYTE_DATA(text);
    memcpy(to, known, 19);
    to[19] = '.';
    for (int i = 25; i > 19; i--) {
        to[i] = (char)('0' + rest % 10);
        rest /= 10;
    }
    to[26] = 'Z';
    return text;
}

static inline int is_name(const char *at, Py_ssize_t size, const char *name, Py_ssize_t name_size)
{
    return size == name_size && memcmp(at, name, (size_t)name_size) == 0;
}

/* Find the headers that are columns of their own; the last one of a name counts. */
static int read_headers(Observed *self, PyObject *headers)
{
    PyObject *host = NULL, *request_id = NULL, *user_agent = NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++) {
        PyObject *pair = PyList_GET_ITEM(headers, i), *name, *value;
        if (PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2) {
            name = PyTuple_GET_ITEM(pair, 0);
            value = PyTuple_GET_ITEM(pair, 1);
        } else if (PyList_CheckExact(pair) && PyList_GET_SIZE(pair) == 2) {
            name = PyList_GET_ITEM(pair, 0);
            value = PyList_GET_ITEM(pair, 1);
        } else {
            PyErr_SetString(PyExc_TypeError, "a header must be a pair of bytes");
            return -1;
        }
        if (!PyBytes_Check(name) || !PyBytes_Check(value)) {
            PyErr_SetString(PyExc_TypeError, "a header must be a pair of bytes");
            return -1;
        }
        const char *at = PyBytes_AS_STRING(name);
        Py_ssize_t size = PyBytes_GET_SIZE(name);
        switch (size) {
        case 4:
            if (is_name(at, size, "host", 4))
                host = value;
            break;
        case 10:
            if (is_name(at, size, "user-agent", 10))
                user_agent = value;
            break;
        case 11:
            if (is_name(at, size, "traceparent", 11))
                observed_set(self, F_traceparent, value);
            break;
        case 12:
            if (is_name(at, size, "x-request-id", 12))
                request_id = value;
            break;
        case 14:
            if (is_name(at, size, "content-length", 14))
                observed_set(self, F_declared_bytes, value);
            break;
        }
    }
    PyObject *texts[3] = {host, request_id, user_agent};
    int fields[3] = {F_host, F_request_id, F_user_agent};
    for (int i = 0; i < 3; i++) {
        if (texts[i] == NULL)
            continue;
        PyObject *text = PyUnicode_DecodeLatin1(
            PyBytes_AS_STRING(texts[i]), PyBytes_GET_SIZE(texts[i]), NULL);
        if (text == NULL)
            return -1;
        observed_set(self, fields[i], text);
        Py_DECREF(text);
    }
    return 0;
}

/* Tell whether `begin` has filled it; else with an error set. */
int observed_is_begun(Observed *self)
{
    if (self->field[F_constants] == NULL || self->field[F_finished] == NULL)
        PyErr_SetString(PyExc_RuntimeError, "begin comes first");
    return self->field[F_constants] != NULL && self->field[F_finished] != NULL;
}

int observed_set_slot(Observed *self, long at)
{
    PyObject *slot = PyLong_FromLong(at);
    if (slot == NULL)
        return 0;
    observed_set(self, F_slot, slot);
    Py_DECREF(slot);
    return 1;
}

/* Tell whether nothing would be removed from a query, by its names or from its values. */
static int is_plain_query(PyObject *query, const Constants *constants)
{
    Py_ssize_t size;
    const uint8_t *at = (const uint8_t *)utf8_of(query, &size);
    if (at == NULL || memchr(at, '%', (size_t)size) != NULL || memchr(at, '+', (size_t)size) != NULL)
        return 0;
    for (const uint8_t *end = at + size, *next; at < end; at = next + 1) {
        for (next = at; next < end && *next != '&' && *next != ';'; next++)
            ;
        const uint8_t *value = memchr(at, '=', (size_t)(next - at));
        if (value != NULL && !is_safe_name(constants->safe + 1, at, (size_t)(value - at)))
            return 0;
        if (has_places(value == NULL ? at : value + 1, next, constants->safe))
            return 0;
    }
    return 1;
}

/* Tell whether what is noted of the request may stand as it is: there is no place in it, and it
   repeats nothing that a secret header or the query says. */
static int is_plain_entry(Observed *self)
{
    static const int fields[] = {F_path, F_host, F_request_id};
    const Constants *constants = observed_constants(self);
    PyObject *headers = self->field[F_request_headers];
    if (constants == NULL || !constants->entry_plain)
        return 0;
    for (int i = 0; i < 3; i++)
        if (has_places_in_text(self->field[fields[i]], constants->safe))
            return 0;
    if (!is_plain_query(self->field[F_query], constants))
        return 0;
    Known known;
    known.count = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++) {
        PyObject *pair = PyList_GET_ITEM(headers, i), *judged;
        if (!PyTuple_CheckExact(pair))
            return 0;
        PyObject *name = PyTuple_GET_ITEM(pair, 0);
        long kind = judged_header(constants, name, &judged);
        if (kind < 0)
            return 0;
        if (kind == SECRET && !known_add(&known, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name),
                                         PyTuple_GET_ITEM(pair, 1)))
            return 0;
    }
    for (int i = 0; i < 3; i++) {
        Py_ssize_t size;
        const char *text = utf8_of(self->field[fields[i]], &size);
        if (text != NULL && known_repeated(&known, text, (size_t)size))
            return 0;
    }
    return 1;
}

/* Write what shall be known of the request should the process die; 0 for the long way. */
static int put_entry(Out *out, Observed *self)
{
    static const int fields[] = {F_id, F_request_timestamp, F_method, F_scheme,
                                 F_host, F_path, F_client_ip, F_request_id};
    *out->at++ = '[';
    for (int i = 0; i < 8; i++) {
        if (!out_text(out, self->field[fields[i]]) || !out_room(out, 8))
            return 0;
        *out->at++ = i == 7 ? ']' : ',';
    }
    return out->at - out->base <= ENTRY_BYTES;
}

/* Note the request as in flight; 0 at an error. */
static int take_slot(Observed *self, PyObject *journal)
{
    static PyObject *name_begin, *name_entry;
    if (name_entry == NULL) {
        if ((name_begin = PyUnicode_InternFromString("begin")) == NULL ||
            (name_entry = PyUnicode_InternFromString("_entry")) == NULL)
            return 0;
    }
    Slots *slots = slots_of(journal);
    PyObject *entry = NULL;
    Out out;
    if (out_take(&out)) {
        int is_whole = is_plain_entry(self) && put_entry(&out, self);
        if (is_whole && slots != NULL) {
            long at = slots_begin(slots, out.base, out.at - out.base);
            out_give(&out);
            return observed_set_slot(self, at);
        }
        if (is_whole)
            entry = PyBytes_FromStringAndSize(out.base, out.at - out.base);
        out_give(&out);
    }
    if (entry == NULL && !PyErr_Occurred())
        entry = PyObject_CallMethodNoArgs((PyObject *)self, name_entry);
    if (entry == NULL)
        return 0;
    PyObject *slot = PyObject_CallMethodOneArg(journal, name_begin, entry);
    Py_DECREF(entry);
    if (slot == NULL)
        return 0;
    observed_set(self, F_slot, slot);
    Py_DECREF(slot);
    return 1;
}

/* begin(recorder, began_ns, time_ns, id, method, scheme, path, query, http_version, client_ip,
   headers) */
static PyObject *begin(Observed *self, PyObject *const *args, Py_ssize_t count)
{
    static PyObject *nowhere, *empty, *zero, *none_slot;
    if (nowhere == NULL) {
        empty = PyList_New(0);
        zero = PyLong_FromLong(0);
        none_slot = PyLong_FromLong(-1);
        nowhere = PyUnicode_InternFromString("");
        if (!empty || !zero || !none_slot || !nowhere)
            return NULL;
    }
    if (count != 11 || !PyList_Check(args[10])) {
        PyErr_SetString(PyExc_TypeError, "begin takes 11 arguments, the last one a list");
        return NULL;
    }
    for (int i = 0; i < FIELD_COUNT; i++)
        observed_set(self, i, Py_None);
    observed_set(self, F_recorder, args[0]);
    observed_set(self, F_began_ns, args[1]);
    observed_set(self, F_id, args[3]);
    observed_set(self, F_method, args[4]);
    observed_set(self, F_scheme, args[5]);
    observed_set(self, F_path, args[6]);
    observed_set(self, F_query, args[7]);
    observed_set(self, F_http_version, args[8]);
    observed_set(self, F_client_ip, args[9]);
    observed_set(self, F_request_headers, args[10]);
    observed_set(self, F_response_headers, empty);
    observed_set(self, F_response_bytes, zero);
    observed_set(self, F_response_chunks, zero);
    observed_set(self, F_slot, none_slot);
    observed_set(self, F_request_complete, Py_False);
    observed_set(self, F_disconnected, Py_False);
    observed_set(self, F_finished, Py_False);
    observed_set(self, F_recorded, Py_False);
    observed_set(self, F_root_path, nowhere);
    PyObject *constants = constants_of_recorder(args[0]);
    if (constants == NULL)
        return NULL;
    observed_set(self, F_constants, constants);
    Py_DECREF(constants);
    long long time_ns = PyLong_AsLongLong(args[2]);
    if (time_ns == -1 && PyErr_Occurred())
        return NULL;
    PyObject *text = timestamp(time_ns);
    if (text == NULL)
        return NULL;
    observed_set(self, F_request_timestamp, text);
    Py_DECREF(text);
    if (read_headers(self, args[10]) < 0)
        return NULL;
    PyObject *journal = journal_of(args[0]);
    if (journal == NULL)
        return NULL;
    observed_set(self, F_journal, journal);
    Py_DECREF(journal);
    if (journal == Py_None)
        Py_RETURN_NONE;
    if (!take_slot(self, journal))
        return NULL;
    Py_RETURN_NONE;
}

/* begin_asgi(recorder, scope, began_ns, time_ns, id) */
static PyObject *begin_asgi(Observed *self, PyObject *const *args, Py_ssize_t count)
{
    enum { METHOD, SCHEME, PATH, QUERY_STRING, HTTP_VERSION, CLIENT, HEADERS, ROOT_PATH, KEYS };
    static const char *const names[KEYS] = {"method", "scheme", "path", "query_string",
                                            "http_version", "client", "headers", "root_path"};
    static PyObject *key[KEYS], *http, *nothing;
    if (nothing == NULL) {
        for (int i = 0; i < KEYS; i++)
            if ((key[i] = PyUnicode_InternFromString(names[i])) == NULL)
                return NULL;
        if ((http = PyUnicode_InternFromString("http")) == NULL ||
            (nothing = PyUnicode_InternFromString("")) == NULL)
            return NULL;
    }
    if (count != 5) {
        PyErr_SetString(PyExc_TypeError, "begin_asgi takes 5 arguments");
        return NULL;
    }
    PyObject *value[KEYS];
    for (int i = 0; i < KEYS; i++) {
        /* A scope is a dict but for exotic servers; a subclass may have its own look-up. */
        value[i] = PyDict_CheckExact(args[1]) ? Py_XNewRef(PyDict_GetItemWithError(args[1], key[i]))
                                              : PyObject_GetItem(args[1], key[i]);
        if (value[i] == NULL && PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_KeyError))
            PyErr_Clear();
        if (value[i] == NULL && !PyErr_Occurred()) {
            if (i == METHOD || i == PATH)
                PyErr_SetObject(PyExc_KeyError, key[i]);
            else if (i == HEADERS)
                value[i] = PyList_New(0);
            else
                value[i] = Py_NewRef(i == SCHEME ? http : i == CLIENT ? Py_None : nothing);
        }
        if (value[i] == NULL) {
            while (i--)
                Py_DECREF(value[i]);
            return NULL;
        }
    }
    PyObject *result = NULL, *query = NULL, *address = NULL;
    if (PyBytes_Check(value[QUERY_STRING]))
        query = PyUnicode_DecodeLatin1(PyBytes_AS_STRING(value[QUERY_STRING]),
                                       PyBytes_GET_SIZE(value[QUERY_STRING]), NULL);
    else
        query = Py_NewRef(value[QUERY_STRING]);
    int has_client = PyObject_IsTrue(value[CLIENT]);
    if (has_client >= 0)
        address = has_client ? PySequence_GetItem(value[CLIENT], 0) : Py_NewRef(Py_None);
    if (query != NULL && address != NULL) {
        PyObject *all[11] = {args[0],      args[2],       args[3], args[4],
                             value[METHOD], value[SCHEME], value[PATH], query,
                             value[HTTP_VERSION], address, value[HEADERS]};
        result = begin(self, all, 11);
        observed_set(self, F_scope, args[1]);
        observed_set(self, F_root_path, value[ROOT_PATH]);
    }
    Py_XDECREF(query);
    Py_XDECREF(address);
    for (int i = 0; i < KEYS; i++)
        Py_DECREF(value[i]);
    return result;
}

/* Observed.open(recorder, scope, receive, send) -> a new one, begun */
static PyObject *open_asgi(PyTypeObject *type, PyObject *const *args, Py_ssize_t count)
{
    static PyObject *key_headers;
    if (key_headers == NULL && (key_headers = PyUnicode_InternFromString("headers")) == NULL)
        return NULL;
    if (count != 4) {
        PyErr_SetString(PyExc_TypeError, "open takes 4 arguments");
        return NULL;
    }
    PyObject *scope = args[1];
    PyObject *headers = PyDict_Check(scope) ? Py_XNewRef(PyDict_GetItemWithError(scope, key_headers))
                                            : PyObject_GetItem(scope, key_headers);
    if (headers == NULL && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_KeyError))
            return NULL;
        PyErr_Clear();
    }
    if (headers != NULL && !PyList_CheckExact(headers)) {
        /* Any iterable is allowed, and one that can be read only once must be left whole. */
        PyObject *all = PySequence_List(headers);
        int well = all != NULL && PyObject_SetItem(scope, key_headers, all) == 0;
        Py_XDECREF(all);
        if (!well) {
            Py_DECREF(headers);
            return NULL;
        }
    }
    Py_XDECREF(headers);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    long long now_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
    PyObject *began = PyLong_FromLongLong(monotonic_ns()), *time_ns = PyLong_FromLongLong(now_ns);
    PyObject *id = make_uuid7(now_ns), *result = NULL;
    Observed *self = (Observed *)type->tp_alloc(type, 0);
    if (began != NULL && time_ns != NULL && id != NULL && self != NULL) {
        PyObject *all[5] = {args[0], scope, began, time_ns, id};
        result = begin_asgi(self, all, 5);
    }
    Py_XDECREF(began);
    Py_XDECREF(time_ns);
    Py_XDECREF(id);
    if (result == NULL) {
        Py_XDECREF(self);
        return NULL;
    }
    Py_DECREF(result);
    observed_set(self, F_server_receive, args[2]);
    observed_set(self, F_server_send, args[3]);
    return (PyObject *)self;
}

/* Read a Content-Length; None where it isn't one. */
static PyObject *length_of(const char *digits, Py_ssize_t size)
{
    long long length = 0;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            Py_RETURN_NONE;
        if (i < 18)
            length = length * 10 + (digits[i] - '0');
    }
    if (size == 0)
        Py_RETURN_NONE;
    return size <= 18 ? PyLong_FromLongLong(length) : PyLong_FromString(digits, NULL, 10);
}

/* Take notice of the response's status, headers and content length; 0 with an error set. */
int observed_respond(Observed *self, PyObject *status_code, PyObject *raw)
{
    observed_set(self, F_status_code, status_code);
    observed_set(self, F_response_headers, raw);
    PyObject *headers = PySequence_Fast(raw, "headers must be a sequence");
    if (headers == NULL)
        return 0;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(headers); i++) {
        PyObject *pair = PySequence_Fast(PySequence_Fast_GET_ITEM(headers, i), "a header is a pair");
        if (pair == NULL)
            goto failed;
        if (PySequence_Fast_GET_SIZE(pair) != 2) {
            Py_DECREF(pair);
            PyErr_SetString(PyExc_ValueError, "a header is a pair");
            goto failed;
        }
        PyObject *name = PySequence_Fast_GET_ITEM(pair, 0), *value = PySequence_Fast_GET_ITEM(pair, 1);
        if (PyBytes_Check(name) && PyBytes_Check(value) && PyBytes_GET_SIZE(name) == 14 &&
            PyOS_strnicmp(PyBytes_AS_STRING(name), "content-length", 14) == 0) {
            PyObject *length = length_of(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
            if (length == NULL) {
                Py_DECREF(pair);
                goto failed;
            }
            observed_set(self, F_content_length, length);
            Py_DECREF(length);
        }
        Py_DECREF(pair);
    }
    Py_DECREF(headers);
    return 1;
failed:
    Py_DECREF(headers);
    return 0;
}

/* respond(status_code, headers) */
static PyObject *respond(Observed *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "respond takes 2 arguments");
        return NULL;
    }
    if (!observed_respond(self, args[0], args[1]))
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"open", (PyCFunction)(void (*)(void))open_asgi, METH_FASTCALL | METH_CLASS, NULL},
    {"begin", (PyCFunction)(void (*)(void))begin, METH_FASTCALL, NULL},
    {"begin_asgi", (PyCFunction)(void (*)(void))begin_asgi, METH_FASTCALL, NULL},
    {"respond", (PyCFunction)(void (*)(void))respond, METH_FASTCALL, NULL},
    {"received", (PyCFunction)observed_received, METH_O, NULL},
    {"sending", (PyCFunction)(void (*)(void))observed_sending, METH_FASTCALL, NULL},
    {"append_plain", (PyCFunction)observed_append_plain, METH_NOARGS, NULL},
    {"is_over", (PyCFunction)observed_is_over, METH_NOARGS, NULL},
    {NULL}};

static PyGetSetDef sides[] = {{"receive", (getter)receive_side, NULL, NULL, NULL},
                              {"send", (getter)send_side, NULL, NULL, NULL},
                              {NULL}};

PyTypeObject ObservedType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "dashcam._native.Observed",
    .tp_basicsize = sizeof(Observed),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_traverse = (traverseproc)traverse,
    .tp_clear = (inquiry)clear,
    .tp_dealloc = (destructor)dealloc,
    .tp_members = members,
    .tp_methods = methods,
    .tp_getset = sides,
};
