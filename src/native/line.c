/* The line of the common exchange, in one call: redacted and encoded at once.

   Common is: finished without an error, headers that were judged before, and bodies that are
   absent, not kept, or whole JSON or text, all without a place where a secret may be. Everything
   else gives None, and the same line is made by `Redactor` and msgspec; they also judge what is
   new, for the next time. */

#include "native.h"

enum { KEEP_NOTHING, KEEP_JSON, KEEP_TEXT }; /* as in redaction/redactor.py */

#define MOST_REMOVED 32

typedef struct {
    PyObject *name[MOST_REMOVED];
    int count;
} Removed;

/* Note a removed name, in order and once. */
static int add_removed(Removed *removed, PyObject *name)
{
    int at = removed->count;
    if (at == MOST_REMOVED || !PyUnicode_Check(name) || PyUnicode_GET_LENGTH(name) > 100)
        return 0;
    while (at > 0) {
        int order = PyUnicode_Compare(removed->name[at - 1], name);
        if (order == 0)
            return 1;
        if (order < 0)
            break;
        at--;
    }
    memmove(removed->name + at + 1, removed->name + at,
            (size_t)(removed->count - at) * sizeof(PyObject *));
    removed->name[at] = name;
    removed->count++;
    return 1;
}

static int has_places_in(PyObject *bytes, const Constants *constants)
{
    const uint8_t *at = (const uint8_t *)PyBytes_AS_STRING(bytes);
    return has_places(at, at + PyBytes_GET_SIZE(bytes), constants->safe);
}

/* Note what a header's name was judged, where the name is written as it is. */
static void know_header(KnownName *place, PyObject *name, PyObject *prefix, int kind)
{
    size_t size = (size_t)PyBytes_GET_SIZE(name);
    const char *written = PyBytes_AS_STRING(prefix); /* ["name", */
    if ((size_t)PyBytes_GET_SIZE(prefix) == size + 4 && memcmp(written, "[\"", 2) == 0 &&
        memcmp(written + 2, PyBytes_AS_STRING(name), size) == 0)
        know(place, PyBytes_AS_STRING(name), size, kind);
}

/* Tell what a header is by its name; -1 where that wasn't judged before. `judged` is set to the
   (kind, name, JSON, removed names) of it, or to NULL where the name is written as it is. */
long judged_header(const Constants *constants, PyObject *name, PyObject **judged)
{
    *judged = NULL;
    if (!PyBytes_CheckExact(name))
        return -1;
    size_t size = (size_t)PyBytes_GET_SIZE(name);
    KnownName *place = known_place(constants->header_names, PyBytes_AS_STRING(name), size);
    if (is_known(place, PyBytes_AS_STRING(name), size))
        return place->kind;
    *judged = PyDict_GetItemWithError(constants->headers, name);
    if (*judged == NULL) {
        PyErr_Clear();
        return -1;
    }
    long kind = PyLong_AsLong(PyTuple_GET_ITEM(*judged, 0));
    know_header(place, name, PyTuple_GET_ITEM(*judged, 2), (int)kind);
    return kind;
}

/* Write the headers that are kept; note of the others what they are called, and what they say. */
static int put_headers(Out *out, PyObject *headers, const Constants *constants, int removed_at,
                       Removed *removed, Known *known, PyObject **content_type)
{
    *content_type = NULL;
    if (!PyList_Check(headers) || !out_room(out, 8))
        return 0;
    *out->at++ = '[';
    int first = 1;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++) {
        PyObject *pair = PyList_GET_ITEM(headers, i);
        if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2)
            return 0;
        PyObject *name = PyTuple_GET_ITEM(pair, 0), *value = PyTuple_GET_ITEM(pair, 1);
        PyObject *judged;
        switch (judged_header(constants, name, &judged)) {
        case SECRET:
            if (judged == NULL)
                judged = PyDict_GetItemWithError(constants->headers, name);
            if (judged == NULL || !add_removed(removed, PyTuple_GET_ITEM(judged, removed_at)) ||
                !known_add(known, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), value))
                return 0;
            continue;
        case CONTENT_TYPE:
            *content_type = value;
            break;
        case PLAIN:
            break;
        default:
            return 0;
        }
        PyObject *prefix = judged == NULL ? NULL : PyTuple_GET_ITEM(judged, 2);
        size_t size = (size_t)PyBytes_GET_SIZE(prefix == NULL ? name : prefix);
        if (!out_room(out, size + 8))
            return 0;
        if (!first)
            *out->at++ = ',';
        first = 0;
        if (prefix == NULL) {
            OUT(out, "[\"");
            out_raw(out, PyBytes_AS_STRING(name), size);
            OUT(out, "\",");
        } else {
            out_raw(out, PyBytes_AS_STRING(prefix), size);
        }
        if (!out_latin1(out, value) || !out_room(out, 8) || has_places_in(value, constants))
            return 0;
        *out->at++ = ']';
    }
    *out->at++ = ']';
    return 1;
}

/* Tell what is kept of a content type's bodies; -1 where that wasn't judged before. */
static long judged_media(const Constants *constants, PyObject *content_type)
{
    if (!PyBytes_Check(content_type))
        return -1;
    const char *text = PyBytes_AS_STRING(content_type);
    size_t size = (size_t)PyBytes_GET_SIZE(content_type);
    KnownName *place = known_place(constants->media_names, text, size);
    if (is_known(place, text, size))
        return place->kind;
    PyObject *judged = PyDict_GetItemWithError(constants->media, content_type);
    if (judged == NULL) {
        PyErr_Clear();
        return -1;
    }
    know(place, text, size, (int)PyLong_AsLong(judged));
    return PyLong_AsLong(judged);
}

/* Tell whether a line of a text may be the boundary of multipart, which is looked for where no
   content type names one. */
static int may_be_multipart(const uint8_t *text, const uint8_t *end)
{
    if (end - text > 4096)
        end = text + 4096;
    for (const uint8_t *at = text; at != NULL && end - at > 2;) {
        int is_boundary = at[0] == '-' && at[1] == '-';
        at = memchr(at, '\n', (size_t)(end - at));
        if (at != NULL && ++at < end && is_boundary && (*at | 0x20) == 'c')
            return 1;
    }
    return 0;
}

/* Tell whether a body of text may be kept as it is. */
static int is_plain_text(PyObject *body, PyObject *content_type, const Constants *constants)
{
    static const char *const events[] = {"data:", "event:", "id:", ":"};
    const uint8_t *text = (const uint8_t *)PyBytes_AS_STRING(body), *end = text + PyBytes_GET_SIZE(body);
    if ((PyBytes_AS_STRING(content_type)[0] | 0x20) != 't')
        return 0; /* a form: its names are judged as those of queries */
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (strncmp((const char *)text, events[i], strlen(events[i])) == 0)
            return 0; /* text may go over several of them */
    return memcmp(text, "\xEF\xBB", 2) != 0 && !may_be_multipart(text, end) && is_utf8(text, end) &&
           !has_places(text, end, constants->safe);
}

/* Write a body with its encoding and sizes, as the keys that begin with `side`. */
static int put_body(Out *out, PyObject *body, PyObject *content_type, const Constants *constants,
                    const char *side, long long bytes)
{
    long kind = KEEP_NOTHING;
    if (body != Py_None) {
        if (!PyBytes_CheckExact(body) || PyBytes_GET_SIZE(body) > constants->limit)
            return 0;
        if (PyBytes_GET_SIZE(body) > 0) {
            /* Without a content type its content decides. */
            kind = content_type == NULL ? -1 : judged_media(constants, content_type);
            if (kind < 0)
                return 0;
        }
    }
    size_t side_size = strlen(side);
    if (!out_room(out, 256))
        return 0;
    OUT(out, ",\"");
    out_raw(out, side, side_size);
    if (kind == KEEP_JSON) {
        OUT(out, "_body\":\"");
        if (has_places_in(body, constants) ||
            !copy_json(out, (const uint8_t *)PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body)) ||
            !out_room(out, 256))
            return 0;
        OUT(out, "\",\"");
    } else if (kind == KEEP_TEXT) {
        OUT(out, "_body\":\"");
        if (!is_plain_text(body, content_type, constants) ||
            !out_escaped(out, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body)) || !out_room(out, 256))
            return 0;
        OUT(out, "\",\"");
    } else if (kind == KEEP_NOTHING) {
        OUT(out, "_body\":null,\"");
    } else {
        return 0;
    }
    out_raw(out, side, side_size);
    if (kind != KEEP_NOTHING)
        OUT(out, "_body_encoding\":\"utf-8\",\"");
    else
        OUT(out, "_body_encoding\":null,\"");
    out_raw(out, side, side_size);
    OUT(out, "_body_bytes\":");
    out_integer(out, bytes);
    OUT(out, ",\"");
    out_raw(out, side, side_size);
    OUT(out, "_body_truncated\":false");
    return 1;
}

#define FIELD(key, value)                                                                      \
    do {                                                                                       \
        if (!out_room(&out, sizeof(key) + 4))                                                  \
            goto done;                                                                         \
        OUT(&out, ",\"" key "\":");                                                            \
        if (!out_text(&out, value))                                                            \
            goto done;                                                                         \
    } while (0)

static long long integer(PyObject *value, long long missing)
{
    if (value == Py_None)
        return missing;
    long long result = PyLong_Check(value) ? PyLong_AsLongLong(value) : -1;
    if (result == -1 && PyErr_Occurred())
        PyErr_Clear();
    return result;
}

/* What a line tells beside what was observed. */
typedef struct {
    PyObject *outcome, *route, *query, *user_id, *api_key_id, *trace_id, *span_id, *model,
        *input_tokens, *output_tokens;
} Told;

/* Write a line; 0 for the long way (or with an error set). */
static int put_line(Out *to, Observed *observed, const Told *told, const Constants *constants)
{
    PyObject **field = observed->field;
    long long began_ns = integer(field[F_began_ns], -1), ended_ns = integer(field[F_duration_ns], -1);
    long long ttfb_ns = integer(field[F_ttfb_ns], began_ns);
    long long status_code = integer(field[F_status_code], -1);
    long long response_bytes = integer(field[F_response_bytes], -1);
    long long chunks = integer(field[F_response_chunks], -1);
    PyObject *request_body = field[F_request_body];
    long long request_bytes = PyBytes_Check(request_body) ? PyBytes_GET_SIZE(request_body) : 0;
    if (began_ns < 0 || ended_ns < began_ns || ttfb_ns < began_ns || status_code < 0 ||
        response_bytes < 0 || chunks < 0 || chunks > 1)
        return 0;
    if (field[F_request_complete] != Py_True && field[F_declared_bytes] != Py_None)
        return 0; /* the client's own word may be the better size */
    Removed removed;
    Known known;
    removed.count = known.count = 0;
    if (has_places_in_text(field[F_path], constants->safe) ||
        has_places_in_text(field[F_host], constants->safe) ||
        has_places_in_text(field[F_user_agent], constants->safe) ||
        has_places_in_text(field[F_request_id], constants->safe))
        return 0;
    Out out = *to;
    int done_well = 0;
    PyObject *request_type, *response_type;
    PyObject *tokens[2] = {told->input_tokens, told->output_tokens};
    OUT(&out, "{\"id\":");
    if (!out_text(&out, field[F_id]))
        goto done;
    OUT(&out, ",\"revision\":1");
    FIELD("request_timestamp", field[F_request_timestamp]);
    FIELD("outcome", told->outcome);
    if (!out_room(&out, 256))
        goto done;
    OUT(&out, ",\"duration_ms\":");
    out_milliseconds(&out, (ended_ns - began_ns) / 1000);
    if (field[F_ttfb_ns] == Py_None) {
        OUT(&out, ",\"ttfb_ms\":null");
    } else {
        OUT(&out, ",\"ttfb_ms\":");
        out_milliseconds(&out, (ttfb_ns - began_ns) / 1000);
    }
    ptrdiff_t told_at = out.at - out.base; /* what precedes comes from nobody */
    FIELD("method", field[F_method]);
    FIELD("scheme", field[F_scheme]);
    FIELD("host", field[F_host]);
    FIELD("path", field[F_path]);
    FIELD("route", told->route);
    FIELD("query", told->query);
    FIELD("http_version", field[F_http_version]);
    if (!out_room(&out, 64))
        goto done;
    OUT(&out, ",\"status_code\":");
    out_integer(&out, status_code);
    FIELD("client_ip", field[F_client_ip]);
    FIELD("user_agent", field[F_user_agent]);
    FIELD("user_id", told->user_id);
    FIELD("api_key_id", told->api_key_id);
    FIELD("request_id", field[F_request_id] != Py_None ? field[F_request_id]
                        : told->trace_id != Py_None    ? told->trace_id
                                                       : field[F_id]);
    FIELD("trace_id", told->trace_id);
    FIELD("span_id", told->span_id);
    if (!out_room(&out, 64))
        goto done;
    OUT(&out, ",\"request_headers\":");
    if (!put_headers(&out, field[F_request_headers], constants, 3, &removed, &known, &request_type) ||
        !out_room(&out, 64))
        goto done;
    OUT(&out, ",\"response_headers\":");
    if (!put_headers(&out, field[F_response_headers], constants, 4, &removed, &known, &response_type) ||
        !out_room(&out, 64))
        goto done;
    OUT(&out, ",\"redacted\":[");
    for (int i = 0; i < removed.count; i++) {
        if (!out_text(&out, removed.name[i]) || !out_room(&out, 8))
            goto done;
        if (i + 1 < removed.count)
            *out.at++ = ',';
    }
    *out.at++ = ']';
    if (!put_body(&out, request_body, request_type, constants, "request", request_bytes) ||
        !put_body(&out, field[F_response_body], response_type, constants, "response",
                  response_bytes) ||
        !out_room(&out, 256))
        goto done;
    OUT(&out, ",\"response_chunks\":");
    out_integer(&out, chunks);
    OUT(&out, ",\"response_timeline\":null");
    FIELD("model", told->model);
    for (int i = 0; i < 2; i++) {
        if (!out_room(&out, 64))
            goto done;
        if (i == 0)
            OUT(&out, ",\"input_tokens\":");
        else
            OUT(&out, ",\"output_tokens\":");
        if (tokens[i] == Py_None)
            OUT(&out, "null");
        else if (PyLong_CheckExact(tokens[i]))
            out_integer(&out, integer(tokens[i], 0));
        else
            goto done;
    }
    if (known_repeated(&known, out.base + told_at, (size_t)(out.at - out.base - told_at)))
        goto done;
    size_t end_size = (size_t)PyBytes_GET_SIZE(constants->line_end);
    if (!out_room(&out, end_size))
        goto done;
    out_raw(&out, PyBytes_AS_STRING(constants->line_end), end_size);
    done_well = 1;
done:
    *to = out; /* it may have moved as it grew */
    return done_well;
}

/* Give back the buffer; give what was written, None where it isn't whole, NULL at an error. */
static PyObject *as_bytes(Out *out, int whole)
{
    PyObject *line = NULL;
    if (whole)
        line = PyBytes_FromStringAndSize(out->base, out->at - out->base);
    else if (!PyErr_Occurred())
        line = Py_NewRef(Py_None);
    out_give(out);
    return line;
}

/* encode_line(observed, outcome, route, query, user_id, api_key_id, trace_id, span_id, model,
   input_tokens, output_tokens) -> bytes | None */
PyObject *encode_line(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 11 || !PyObject_TypeCheck(args[0], &ObservedType)) {
        PyErr_SetString(PyExc_TypeError, "encode_line takes an Observed and 10 more arguments");
        return NULL;
    }
    const Constants *constants = observed_constants((Observed *)args[0]);
    if (constants == NULL)
        Py_RETURN_NONE;
    Told told = {args[1], args[2], args[3], args[4], args[5], args[6],
                 args[7], args[8], args[9], args[10]};
    Out out;
    if (!out_take(&out))
        Py_RETURN_NONE;
    return as_bytes(&out, put_line(&out, (Observed *)args[0], &told, constants));
}

/* Find the route's template as `capture/route.py` does in its common case; 0 for the long way.
   The template is a new reference. */
static int find_route(PyObject *scope, PyObject *root_path, PyObject **template)
{
    static PyObject *key_template, *key_route, *key_root, *key_fastapi, *key_format, *django;
    if (django == NULL) {
        key_template = PyUnicode_InternFromString("path_template");
        key_route = PyUnicode_InternFromString("route");
        key_root = PyUnicode_InternFromString("root_path");
        key_fastapi = PyUnicode_InternFromString("fastapi");
        key_format = PyUnicode_InternFromString("path_format");
        django = PyUnicode_InternFromString("django.core.handlers.asgi");
    }
    PyObject *found = PyDict_GetItemWithError(scope, key_template);
    if (found != NULL) {
        if (!PyUnicode_CheckExact(found))
            return 0;
        *template = Py_NewRef(found);
        return 1;
    }
    PyObject *route = PyDict_GetItemWithError(scope, key_route);
    if (route == NULL || route == Py_None) {
        if (PyErr_Occurred() || PyDict_GetItemWithError(PyImport_GetModuleDict(), django) != NULL)
            return 0;
        *template = Py_NewRef(Py_None);
        return 1;
    }
    PyObject *now = PyDict_GetItemWithError(scope, key_root);
    if (now != NULL && now != root_path &&
        (!PyUnicode_Check(now) || !PyUnicode_Check(root_path) || PyUnicode_Compare(now, root_path) != 0))
        return 0;
    if (PyDict_GetItemWithError(scope, key_fastapi) != NULL || PyErr_Occurred())
        return 0;
    found = PyObject_GetAttr(route, key_format);
    if (found == NULL || !PyUnicode_CheckExact(found)) {
        Py_XDECREF(found);
        return 0;
    }
    *template = found;
    return 1;
}

/* Write the line of an exchange of an ASGI app that nobody has said anything about; 0 for the
   long way. */
int put_plain_line(Out *out, Observed *observed)
{
    static PyObject *key_state, *key_user_id, *key_api_key_id, *key_user, *completed;
    if (completed == NULL) {
        key_state = PyUnicode_InternFromString("state");
        key_user_id = PyUnicode_InternFromString("user_id");
        key_api_key_id = PyUnicode_InternFromString("api_key_id");
        key_user = PyUnicode_InternFromString("user");
        completed = PyUnicode_InternFromString("completed");
    }
    PyObject **field = observed->field, *route = NULL;
    const Constants *constants = observed_constants(observed);
    if (constants == NULL || !constants->plain || constants->llm_paths == Py_None ||
        field[F_said] != Py_None || field[F_identity] != Py_None ||
        field[F_disconnected] != Py_False || field[F_traceparent] != Py_None ||
        field[F_recorded] != Py_False || !PyDict_CheckExact(field[F_scope]) ||
        !PyUnicode_Check(field[F_query]) || PyUnicode_GET_LENGTH(field[F_query]) != 0 ||
        PySet_Contains(constants->llm_paths, field[F_path]) != 0)
        goto long_way;
    PyObject *scope = field[F_scope], *user_id = Py_None, *api_key_id = Py_None;
    if (!find_route(scope, field[F_root_path], &route))
        goto long_way; /* first, since it may run other code; the rest is borrowed */
    PyObject *state = PyDict_GetItemWithError(scope, key_state);
    if (state != NULL && state != Py_None) {
        if (!PyDict_CheckExact(state))
            goto long_way;
        PyObject *value = PyDict_GetItemWithError(state, key_user_id);
        if (value != NULL)
            user_id = value;
        value = PyDict_GetItemWithError(state, key_api_key_id);
        if (value != NULL)
            api_key_id = value;
        if ((user_id != Py_None && !PyUnicode_CheckExact(user_id)) ||
            (api_key_id != Py_None && !PyUnicode_CheckExact(api_key_id)))
            goto long_way;
    }
    if ((user_id == Py_None && PyDict_GetItemWithError(scope, key_user) != NULL) || PyErr_Occurred())
        goto long_way;
    Told told = {completed, route,   Py_None, user_id, api_key_id,
                 Py_None,   Py_None, Py_None, Py_None, Py_None};
    int whole = put_line(out, observed, &told, constants);
    Py_DECREF(route);
    return whole;
long_way:
    Py_XDECREF(route);
    PyErr_Clear();
    return 0;
}

/* plain_line(observed) -> bytes | None: the same, as an object */
PyObject *plain_line(PyObject *module, PyObject *observed)
{
    (void)module;
    if (!PyObject_TypeCheck(observed, &ObservedType)) {
        PyErr_SetString(PyExc_TypeError, "plain_line takes an Observed");
        return NULL;
    }
    Out out;
    if (!out_take(&out))
        Py_RETURN_NONE;
    return as_bytes(&out, put_plain_line(&out, (Observed *)observed));
}
