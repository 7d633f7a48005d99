/* One ASGI message on its way between app and server: an awaitable that does what
   `PythonSides.receive` and `PythonSides.send` of `capture/asgi.py` do, without a frame of its own.

   It begins when it is awaited, hands everything that comes from the task (values, exceptions,
   cancellation, closing) to the server's own awaitable, and takes notice when that has ended. */

#include "native.h"

enum { NEW, RUNNING, DONE };
enum { RECEIVING, SENDING, SENDING_CHUNK, HANDED_OVER };

typedef struct {
    PyObject_HEAD
    Observed *observed;
    PyObject *message; /* what is sent */
    PyObject *at_ns;   /* when it was */
    PyObject *chunk;   /* of a longer body, as it was when it was sent */
    PyObject *inner;   /* the server's awaitable, as an iterator */
    int what, way, state;
    int executing; /* a coroutine that is may not be driven from within */
} Passing;

static PyObject *name_notice, *name_pass_on, *name_chunk, *name_failed,
    *name_throw, *name_close, *key_body, *at_ns_only;

static int prepare(void)
{
    static const Name all[] = {{&name_notice, "_notice"}, {&name_pass_on, "_pass_on"},
               {&name_chunk, "response_chunk"},
               {&name_failed, "capture_failed"}, {&name_throw, "throw"}, {&name_close, "close"},
               {&key_body, "body"}};
    return intern_names(all, sizeof all / sizeof *all) &&
           (at_ns_only = Py_BuildValue("(s)", "at_ns")) != NULL;
}

/* Give the exception that is set, as an object, and clear it. */
static PyObject *take_exception(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(traceback);
    Py_XDECREF(type);
    return value;
#endif
}

static void set_exception(PyObject *error)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(error);
#else
    PyObject *traceback = PyException_GetTraceback(error);
    PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(error)), error, traceback);
#endif
}

/* The border: a failure of dashcam's own is counted, and not raised into the request. What is
   no Exception (such as KeyboardInterrupt) passes; 0 then. */
static int stop_at_border(Observed *observed)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return 0;
    PyObject *error = take_exception();
    PyObject *result = PyObject_CallMethodOneArg(observed->field[F_recorder], name_failed, error);
    Py_DECREF(error);
    Py_XDECREF(result);
    return result != NULL;
}

/* Where StopIteration would leave, a coroutine raises RuntimeError (PEP 479). */
static void no_stop_iteration(void)
{
    if (!PyErr_ExceptionMatches(PyExc_StopIteration))
        return;
    PyObject *cause = take_exception();
    PyErr_SetString(PyExc_RuntimeError, "coroutine raised StopIteration");
    PyObject *error = take_exception();
    PyException_SetCause(error, Py_NewRef(cause));
    PyException_SetContext(error, cause);
    set_exception(error);
}

/* Give the iterator that `await` would use. */
static PyObject *awaited(PyObject *awaitable)
{
    if (awaitable == NULL || PyCoro_CheckExact(awaitable))
        return awaitable;
    PyObject *iterator = NULL;
    PyAsyncMethods *how = Py_TYPE(awaitable)->tp_as_async;
    int is_wrong = 0;
    if (PyGen_CheckExact(awaitable)) { /* of a function under types.coroutine */
        PyObject *code = PyObject_GetAttrString(awaitable, "gi_code");
        if (code != NULL && ((PyCodeObject *)code)->co_flags & CO_ITERABLE_COROUTINE)
            iterator = Py_NewRef(awaitable);
        Py_XDECREF(code);
    } else if (how != NULL && how->am_await != NULL) {
        iterator = how->am_await(awaitable);
        is_wrong = iterator != NULL && (PyCoro_CheckExact(iterator) || !PyIter_Check(iterator));
        if (is_wrong) {
            PyErr_Format(PyExc_TypeError, "__await__() returned %s '%.100s'",
                         PyCoro_CheckExact(iterator) ? "a coroutine, of type" : "non-iterator of type",
                         Py_TYPE(iterator)->tp_name);
            Py_CLEAR(iterator);
        }
    }
    if (iterator == NULL && !PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "object %.100s can't be used in 'await' expression",
                     Py_TYPE(awaitable)->tp_name);
    Py_DECREF(awaitable);
    return iterator;
}

/* Take notice of what the app sends, and say by which way it goes; -1 at an error. */
static int take_notice(Passing *self)
{
    Observed *observed = self->observed;
    int what = self->what = notice_sending(observed, self->message, self->at_ns);
    if (what == OTHER)
        return HANDED_OVER;
    if (what == CHUNK) {
        /* The app may use its dict again, and the server take from it, while we wait. */
        PyObject *chunk = PyDict_GetItemWithError(self->message, key_body);
        if (chunk == NULL && PyErr_Occurred())
            return -1;
        self->chunk = chunk == NULL ? PyBytes_FromStringAndSize(NULL, 0) : Py_NewRef(chunk);
        return self->chunk == NULL ? -1 : SENDING_CHUNK;
    }
    if (what == COMPLETE) {
        PyObject *identify = identify_of(observed->field[F_recorder]);
        Py_XDECREF(identify);
        if (identify == NULL)
            return -1;
        if (identify != Py_None)
            return HANDED_OVER; /* it may have to be awaited */
        return finish_quickly(observed) ? SENDING : -1;
    }
    return what < 0 ? -1 : SENDING;
}

static int begin(Passing *self)
{
    Observed *observed = self->observed;
    if (self->way == RECEIVING) {
        self->inner = awaited(PyObject_CallNoArgs(observed->field[F_server_receive]));
        return self->inner != NULL;
    }
    if (observed->field[F_finished] == Py_False) {
        int way = (self->at_ns = PyLong_FromLongLong(monotonic_ns())) == NULL ? -1 : take_notice(self);
        if (way < 0) {
            self->way = HANDED_OVER; /* should it pass the border, it isn't the server's */
            if (!stop_at_border(observed))
                return 0;
            way = SENDING;
        }
        self->way = way;
        if (way == HANDED_OVER) {
            PyObject *what = PyLong_FromLong(self->what);
            if (what == NULL)
                return 0;
            PyObject *args[] = {(PyObject *)observed, self->message, self->at_ns, what};
            self->inner = awaited(PyObject_VectorcallMethod(name_pass_on, args, 4, NULL));
            Py_DECREF(what);
            return self->inner != NULL;
        }
    }
    self->inner = awaited(PyObject_CallOneArg(observed->field[F_server_send], self->message));
    return self->inner != NULL;
}

/* Take notice of how the server's awaitable has ended, which gave `result` or raised. */
static void end(Passing *self, PyObject **result)
{
    Observed *observed = self->observed;
    self->state = DONE;
    if (*result == NULL) {
        if (self->way == SENDING || self->way == SENDING_CHUNK) {
            PyObject *error = take_exception();
            observed_set(observed, F_send_error, error);
            set_exception(error);
        }
        no_stop_iteration();
    } else {
        int well = 1;
        if (self->way == RECEIVING) {
            well = notice_received(observed, *result);
            if (well == 0) {
                PyObject *nothing =
                    PyObject_CallMethodOneArg((PyObject *)observed, name_notice, *result);
                Py_XDECREF(nothing);
                well = nothing == NULL ? -1 : 1;
            }
        } else if (self->way == SENDING_CHUNK) {
            PyObject *args[] = {(PyObject *)observed, self->chunk, self->at_ns};
            PyObject *nothing = PyObject_VectorcallMethod(name_chunk, args, 2, at_ns_only);
            Py_XDECREF(nothing);
            well = nothing == NULL ? -1 : 1;
        }
        if (well < 0 && !stop_at_border(observed))
            Py_CLEAR(*result);
    }
    Py_CLEAR(self->inner);
    Py_CLEAR(self->message);
    Py_CLEAR(self->at_ns);
    Py_CLEAR(self->chunk);
}

/* Tell whether it may not be driven now, with an error set. */
static int is_executing(Passing *self)
{
    if (self->executing)
        PyErr_SetString(PyExc_ValueError, "coroutine already executing");
    return self->executing;
}

static PySendResult step(Passing *self, PyObject *value, PyObject **result)
{
    *result = NULL;
    if (is_executing(self))
        return PYGEN_ERROR;
    if (self->state == DONE) {
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        return PYGEN_ERROR;
    }
    if (self->state == NEW) {
        if (value != NULL && value != Py_None) {
            PyErr_SetString(PyExc_TypeError,
                            "can't send non-None value to a just-started coroutine");
            return PYGEN_ERROR;
        }
        self->state = RUNNING;
        self->executing = 1;
        int has_begun = begin(self);
        self->executing = 0;
        if (!has_begun) {
            end(self, result);
            return PYGEN_ERROR;
        }
    }
    self->executing = 1;
    PySendResult what = PyIter_Send(self->inner, value == NULL ? Py_None : value, result);
    self->executing = 0;
    if (what == PYGEN_NEXT)
        return what;
    end(self, result);
    return *result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
}

/* Raise StopIteration with a value, as a coroutine's `send` does at its end. */
static PyObject *stop(PyObject *value)
{
    PyObject *error = PyObject_CallOneArg(PyExc_StopIteration, value);
    Py_DECREF(value);
    if (error != NULL) {
        PyErr_SetObject(PyExc_StopIteration, error);
        Py_DECREF(error);
    }
    return NULL;
}

static PyObject *passing_send(Passing *self, PyObject *value)
{
    PyObject *result;
    return step(self, value, &result) == PYGEN_RETURN ? stop(result) : result;
}

static PyObject *passing_next(Passing *self) { return passing_send(self, Py_None); }

/* Give an exception (a class, or an object) to be raised; 0 with an error set where it is none. */
static int set_thrown(PyObject *const *args, Py_ssize_t count)
{
    PyObject *kind = args[0], *value = count > 1 ? args[1] : Py_None;
    PyObject *error;
    if (PyExceptionInstance_Check(kind))
        error = Py_NewRef(kind);
    else if (!PyExceptionClass_Check(kind)) {
        PyErr_Format(PyExc_TypeError,
                     "exceptions must be classes or instances deriving from BaseException, not %s",
                     Py_TYPE(kind)->tp_name);
        return 0;
    } else if (PyExceptionInstance_Check(value))
        error = Py_NewRef(value);
    else
        error = value == Py_None ? PyObject_CallNoArgs(kind) : PyObject_CallOneArg(kind, value);
    if (error == NULL)
        return 0;
    if (count > 2 && args[2] != Py_None && PyException_SetTraceback(error, args[2]) < 0) {
        Py_DECREF(error);
        return 0;
    }
    set_exception(error);
    return 1;
}

/* Close the server's awaitable, where it can be closed. */
static int close_inner(Passing *self)
{
    PyObject *inner = self->inner;
    if (inner == NULL)
        return 1;
    PyObject *how = PyObject_GetAttr(inner, name_close);
    if (how == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError))
            return 0;
        PyErr_Clear();
        return 1;
    }
    self->executing = 1;
    PyObject *nothing = PyObject_CallNoArgs(how);
    self->executing = 0;
    Py_DECREF(how);
    Py_XDECREF(nothing);
    return nothing != NULL;
}

/* throw(exception) or throw(type, value, traceback) */
static PyObject *passing_throw(Passing *self, PyObject *const *args, Py_ssize_t count)
{
    if (count < 1 || count > 3) {
        PyErr_SetString(PyExc_TypeError, "throw takes an exception");
        return NULL;
    }
    if (is_executing(self))
        return NULL;
    PyObject *result = NULL;
    if (self->state != RUNNING) {
        if (self->state == DONE)
            PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        else if (set_thrown(args, count))
            no_stop_iteration();
        self->state = DONE;
        return NULL;
    }
    PyObject *kind = args[0];
    PyObject *how = NULL;
    if (PyErr_GivenExceptionMatches(kind, PyExc_GeneratorExit)) {
        if (close_inner(self)) /* as `yield from` does */
            set_thrown(args, count);
        end(self, &result);
        return NULL;
    }
    how = PyObject_GetAttr(self->inner, name_throw);
    if (how == NULL) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            set_thrown(args, count);
        }
        end(self, &result);
        return NULL;
    }
    self->executing = 1;
    result = PyObject_Vectorcall(how, args, (size_t)count, NULL);
    self->executing = 0;
    Py_DECREF(how);
    if (result != NULL)
        return result; /* it goes on */
    if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
        PyObject *error = take_exception();
        result = PyObject_GetAttrString(error, "value");
        Py_DECREF(error);
    }
    end(self, &result);
    return result == NULL ? NULL : stop(result);
}

static PyObject *passing_close(Passing *self, PyObject *unused)
{
    (void)unused;
    if (is_executing(self))
        return NULL;
    if (self->state == RUNNING) {
        if (close_inner(self))
            PyErr_SetNone(PyExc_GeneratorExit);
        PyObject *result = NULL;
        end(self, &result);
        if (!PyErr_ExceptionMatches(PyExc_GeneratorExit))
            return NULL;
        PyErr_Clear();
    }
    self->state = DONE;
    Py_RETURN_NONE;
}

static PyObject *itself(PyObject *self) { return Py_NewRef(self); }

static PyObject *make(Observed *observed, PyObject *message, int way)
{
    if (at_ns_only == NULL && !prepare())
        return NULL;
    if (!observed_is_begun(observed))
        return NULL;
    Passing *self = PyObject_GC_New(Passing, &PassingType);
    if (self == NULL)
        return NULL;
    self->observed = (Observed *)Py_NewRef(observed);
    self->message = Py_XNewRef(message);
    self->at_ns = self->chunk = self->inner = NULL;
    self->way = way;
    self->what = OTHER;
    self->state = NEW;
    self->executing = 0;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

PyObject *pass_receive(Observed *self) { return make(self, NULL, RECEIVING); }

PyObject *pass_send(Observed *self, PyObject *message) { return make(self, message, SENDING); }

static int traverse(Passing *self, visitproc visit, void *arg)
{
    Py_VISIT(self->observed);
    Py_VISIT(self->message);
    Py_VISIT(self->inner);
    return 0;
}

static int clear(Passing *self)
{
    self->state = DONE;
    Py_CLEAR(self->observed);
    Py_CLEAR(self->message);
    Py_CLEAR(self->at_ns);
    Py_CLEAR(self->chunk);
    Py_CLEAR(self->inner);
    return 0;
}

/* One that is dropped is closed, as a coroutine is; one that was never awaited is warned about. */
static void finalize(PyObject *object)
{
    Passing *self = (Passing *)object;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    int well = 1;
    if (self->state == NEW) {
        const char *name = self->way == RECEIVING ? "receive" : "send";
        well = PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "coroutine '%s' was never awaited", name) == 0;
    } else if (self->state == RUNNING) {
        PyObject *nothing = passing_close(self, NULL);
        Py_XDECREF(nothing);
        well = nothing != NULL;
    }
    if (!well)
        PyErr_WriteUnraisable(object);
    PyErr_Restore(type, value, traceback);
}

static void dealloc(Passing *self)
{
    if (self->state != DONE && PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    clear(self);
    PyObject_GC_Del(self);
}

static PyAsyncMethods as_async = {.am_await = itself, .am_send = (sendfunc)step};

/* `inspect.iscoroutine`, which older versions of anyio ask, looks at the class that an object
   says it has. */
static PyObject *class_of(Passing *self, void *unused)
{
    (void)self, (void)unused;
    return Py_NewRef((PyObject *)&PyCoro_Type);
}

static PyObject *name_of(Passing *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(self->way == RECEIVING ? "receive" : "send");
}

static PyObject *is_running(Passing *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->executing);
}

static PyObject *is_suspended(Passing *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->state == RUNNING && !self->executing);
}

static PyObject *awaits(Passing *self, void *unused)
{
    (void)unused;
    return Py_NewRef(self->inner == NULL ? Py_None : self->inner);
}

/* The frame is the server's: there is none here. */
static PyObject *frame_of(Passing *self, void *unused)
{
    (void)unused;
    PyObject *frame = self->inner == NULL ? NULL : PyObject_GetAttrString(self->inner, "cr_frame");
    if (frame == NULL) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    return frame;
}

static PyGetSetDef getters[] = {{"__class__", (getter)class_of, NULL, NULL, NULL},
                                {"__name__", (getter)name_of, NULL, NULL, NULL},
                                {"__qualname__", (getter)name_of, NULL, NULL, NULL},
                                {"cr_running", (getter)is_running, NULL, NULL, NULL},
                                {"cr_suspended", (getter)is_suspended, NULL, NULL, NULL},
                                {"cr_await", (getter)awaits, NULL, NULL, NULL},
                                {"cr_frame", (getter)frame_of, NULL, NULL, NULL},
                                {NULL}};

static PyMethodDef methods[] = {
    {"send", (PyCFunction)passing_send, METH_O, NULL},
    {"throw", (PyCFunction)(void (*)(void))passing_throw, METH_FASTCALL, NULL},
    {"close", (PyCFunction)passing_close, METH_NOARGS, NULL},
    {NULL}};

PyTypeObject PassingType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "dashcam._native.Passing",
    .tp_basicsize = sizeof(Passing),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_finalize = finalize,
    .tp_getset = getters,
    .tp_traverse = (traverseproc)traverse,
    .tp_clear = (inquiry)clear,
    .tp_dealloc = (destructor)dealloc,
    .tp_as_async = &as_async,
    .tp_iter = itself,
    .tp_iternext = (iternextfunc)passing_next,
    .tp_methods = methods,
};
