/* Time, and the ids that are made of it. */

#include "native.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

/* Give the time of `time.perf_counter_ns`. */
long long monotonic_ns(void)
{
#ifdef __APPLE__
    return (long long)clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
#endif
}

static unsigned char randomness[250]; /* getentropy gives at most 256 at once */
static size_t used = sizeof randomness;

static void forget_randomness(void) { used = sizeof randomness; }

int clock_prepare(void)
{
    return pthread_atfork(NULL, NULL, forget_randomness) == 0;
}

/* Make a UUIDv7 (RFC 9562, section 5.7): milliseconds, then 74 random bits. */
PyObject *make_uuid7(long long time_ns)
{
    unsigned char id[16];
    if (used == sizeof randomness) {
        if (getentropy(randomness, sizeof randomness) != 0)
            return PyErr_SetFromErrno(PyExc_OSError);
        used = 0;
    }
    unsigned long long milliseconds = (unsigned long long)(time_ns / 1000000);
    for (int i = 0; i < 6; i++)
        id[i] = (unsigned char)(milliseconds >> (40 - 8 * i));
    memcpy(id + 6, randomness + used, 10);
    used += 10;
    id[6] = (unsigned char)(0x70 | (id[6] & 0x0F));
    id[8] = (unsigned char)(0x80 | (id[8] & 0x3F));
    PyObject *text = PyUnicode_New(36, 127);
    if (text == NULL)
        return NULL;
    char *to = (char *)PyUnicode_1BYTE_DATA(text);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = "0123456789abcdef"[id[i] >> 4];
        *to++ = "0123456789abcdef"[id[i] & 15];
    }
    return text;
}

/* uuid7(time_ns) -> its text */
PyObject *uuid7(PyObject *module, PyObject *time_ns)
{
    (void)module;
    long long time = PyLong_AsLongLong(time_ns);
    return time == -1 && PyErr_Occurred() ? NULL : make_uuid7(time);
}
