/* The record of a finished exchange: its line goes from the buffer into the journal's map, with
   no object in between. */

#include "native.h"

static PyObject *name_notice, *name_drop, *name_append, *name_refused,
    *name_longest, *name_record, *name_end, *name_release;

static int prepare(void)
{
    static const Name all[] = {{&name_notice, "notice"},
               {&name_drop, "drop"}, {&name_append, "append"}, {&name_refused, "refused_by"},
               {&name_longest, "max_line_bytes"}, {&name_record, "_record"}, {&name_end, "end"},
               {&name_release, "_release"}};
    return intern_names(all, sizeof all / sizeof *all);
}

/* Drop what a call has given; tell whether it went well. */
static int went_well(PyObject *result)
{
    Py_XDECREF(result);
    return result != NULL;
}

/* Append in the journal's own way, which also goes on to the next segment. */
static int append_object(PyObject *recorder, PyObject *journal, PyObject *line)
{
    PyObject *longest = PyObject_GetAttr(journal, name_longest);
    if (longest == NULL)
        return -1;
    long long limit = PyLong_AsLongLong(longest);
    Py_DECREF(longest);
    if (limit == -1 && PyErr_Occurred())
        return -1;
    if (PyBytes_GET_SIZE(line) > limit)
        return 0;
    PyObject *taken = PyObject_CallMethodOneArg(journal, name_append, line);
    int is_there = taken == NULL ? -1 : PyObject_IsTrue(taken);
    Py_XDECREF(taken);
    if (is_there < 0)
        return -1;
    if (!is_there && !went_well(PyObject_CallMethodOneArg(recorder, name_refused, journal)))
        return -1;
    return 1;
}

/* Append to a journal what is in the buffer, and give the buffer back. */
static int append_to(Observed *self, PyObject *journal, Out *out)
{
    Pen *pen = pen_of(journal);
    Py_ssize_t end = 0;
    if (pen != NULL) {
        Py_INCREF(pen);
        end = pen_put(pen, out->base, out->at - out->base, RECORD);
        int is_due = end >= pen->ring_at || (long long)pen->accepted >= pen->wake_at;
        Py_DECREF(pen);
        if (end > 0) {
            observed_set(self, F_recorded, Py_True);
            out_give(out); /* before any Python code runs: another thread may want it */
            if (!is_due)
                return 1;
            PyObject *offset = PyLong_FromSsize_t(end);
            if (offset == NULL)
                return -1;
            int well = went_well(PyObject_CallMethodOneArg(journal, name_notice, offset));
            Py_DECREF(offset);
            return well ? 1 : -1;
        }
    }
    if (end < 0) {
        out_give(out);
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        if (!went_well(PyObject_CallMethodNoArgs(journal, name_drop)))
            PyErr_Clear();
        PyErr_Restore(type, value, traceback);
        return -1;
    }
    PyObject *line = PyBytes_FromStringAndSize(out->base, out->at - out->base);
    out_give(out);
    if (line == NULL)
        return -1;
    int appended = append_object(self->field[F_recorder], journal, line);
    Py_DECREF(line);
    if (appended > 0)
        observed_set(self, F_recorded, Py_True);
    return appended;
}

/* Append the common exchange's line; 0: nothing was done, go the long way; -1: an error. */
int append_plain(Observed *self)
{
    if (name_release == NULL && !prepare())
        return -1;
    Out out;
    if (!out_take(&out))
        return 0;
    if (!put_plain_line(&out, self)) {
        out_give(&out);
        return PyErr_Occurred() ? -1 : 0;
    }
    /* The recorder's own, which may have been closed or replaced since the request began. */
    PyObject *journal = journal_of(self->field[F_recorder]);
    if (journal == NULL || journal == Py_None) {
        out_give(&out);
        Py_XDECREF(journal);
        return journal == NULL ? -1 : 0;
    }
    int appended = append_to(self, journal, &out);
    Py_DECREF(journal);
    return appended;
}

/* append_plain() -> whether it was done */
PyObject *observed_append_plain(Observed *self, PyObject *unused)
{
    (void)unused;
    int appended = append_plain(self);
    return appended < 0 ? NULL : PyBool_FromLong(appended);
}

/* Say that the request is no more in flight; 0 at an error. One that is set already stays. */
static int leave_slot(Observed *self)
{
    PyObject *journal = self->field[F_journal], *slot = self->field[F_slot];
    long at = PyLong_AsLong(slot);
    if (journal == Py_None || at < 0)
        return 1;
    Slots *slots = slots_of(journal);
    if (slots != NULL) {
        slots_end(slots, at);
        return observed_set_slot(self, -1);
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Py_INCREF(slot);
    int well = observed_set_slot(self, -1) &&
               went_well(PyObject_CallMethodOneArg(journal, name_end, slot));
    Py_DECREF(slot);
    if (type != NULL) {
        PyErr_Clear();
        PyErr_Restore(type, value, traceback);
    }
    return well;
}

/* Do as `Observation.finish` does where nothing went wrong; 0 at an error. */
int finish_quickly(Observed *self)
{
    if (name_release == NULL && !prepare())
        return 0;
    PyObject *now = PyLong_FromLongLong(monotonic_ns());
    if (now == NULL)
        return 0;
    observed_set(self, F_finished, Py_True);
    observed_set(self, F_duration_ns, now);
    Py_DECREF(now);
    int well = append_plain(self);
    if (well == 0) {
        static PyObject *finished;
        if (finished == NULL && (finished = PyLong_FromLong(1)) == NULL)
            return 0;
        PyObject *args[] = {(PyObject *)self, finished, Py_None, Py_None};
        well = went_well(PyObject_VectorcallMethod(name_record, args, 4, NULL)) ? 1 : -1;
    }
    return leave_slot(self) && well > 0;
}

/* is_over() -> whether the app's end adds nothing to the record; if so, memory is given back */
PyObject *observed_is_over(Observed *self, PyObject *unused)
{
    (void)unused;
    if (name_release == NULL && !prepare())
        return NULL;
    if (self->field[F_finished] != Py_True || self->field[F_said] != Py_None ||
        self->field[F_send_error] != Py_None)
        Py_RETURN_FALSE;
    PyObject *body = self->field[F_request_body], *answer = self->field[F_response_body];
    PyObject *known = self->field[F_constants];
    if ((answer == Py_None || PyBytes_CheckExact(answer)) && Py_IS_TYPE(known, &ConstantsType)) {
        if (PyBytes_CheckExact(body)) {
            ((Constants *)known)->budget->taken -= PyBytes_GET_SIZE(body);
            observed_set(self, F_request_body, Py_None);
            Py_RETURN_TRUE;
        }
        if (body == Py_None)
            Py_RETURN_TRUE;
    }
    if (!went_well(PyObject_CallMethodNoArgs((PyObject *)self, name_release)))
        return NULL;
    Py_RETURN_TRUE;
}
