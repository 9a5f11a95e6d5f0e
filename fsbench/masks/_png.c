/* Undoes the row filters of a PNG and unpacks its pixels: one byte each, the raw value (PNG, third edition, section 9).
 *
 * Only for non-interlaced images of one channel and at most 8 bits, where the filters' distance is one byte. Written for
 * the limited API of Python 3.11; works without the GIL on memory that was measured before.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NONE, SUB, UP, AVERAGE, PAETH };

static inline uint8_t
paeth(int left, int above, int corner)
{
    int to_left = abs(above - corner);
    int to_above = abs(left - corner);
    int to_corner = abs(left + above - 2 * corner);
    if (to_left <= to_above && to_left <= to_corner) {
        return (uint8_t)left;
    }
    return (uint8_t)(to_above <= to_corner ? above : corner);
}

/* Adds two rows, block by block: a compiler that may not assume that they lie apart would go byte by byte. */
static void
add_rows(const uint8_t *in, const uint8_t *above, uint8_t *out, Py_ssize_t size)
{
    uint8_t sum[64], other[64];
    for (; size >= (Py_ssize_t)sizeof sum; size -= sizeof sum) {
        memcpy(sum, in, sizeof sum);
        memcpy(other, above, sizeof other);
        for (size_t i = 0; i < sizeof sum; i++) {
            sum[i] = (uint8_t)(sum[i] + other[i]);
        }
        memcpy(out, sum, sizeof sum);
        in += sizeof sum;
        above += sizeof sum;
        out += sizeof sum;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(in[i] + above[i]);
    }
}

/* Writes the `size` bytes of one row, from its filtered bytes and the row above it. Returns -1 for an unknown filter.
 *
 * `out` may lie before `in` in the same memory: a byte is read before any that lies at or after it is written. */
static int
unfilter_row(uint8_t filter, const uint8_t *in, const uint8_t *above, uint8_t *out, Py_ssize_t size)
{
    uint8_t left = 0;
    uint8_t corner = 0;
    switch (filter) {
    case NONE:
        memmove(out, in, (size_t)size);
        return 0;
    case SUB:
        for (Py_ssize_t i = 0; i < size; i++) {
            out[i] = left = (uint8_t)(in[i] + left);
        }
        return 0;
    case UP:
        add_rows(in, above, out, size);
        return 0;
    case AVERAGE:
        for (Py_ssize_t i = 0; i < size; i++) {
            out[i] = left = (uint8_t)(in[i] + (left + above[i]) / 2);
        }
        return 0;
    case PAETH:
        for (Py_ssize_t i = 0; i < size; i++) {
            out[i] = left = (uint8_t)(in[i] + paeth(left, above[i], corner));
            corner = above[i];
        }
        return 0;
    default:
        return -1;
    }
}

/* Writes `width` pixels, the leftmost from the highest bits. Inlined with a constant depth, so that the loops unroll. */
static inline void
unpack_row(const uint8_t *restrict in, uint8_t *restrict out, Py_ssize_t width, const int depth)
{
    const int per_byte = 8 / depth;
    const int mask = (1 << depth) - 1;
    const Py_ssize_t whole = width / per_byte;
    for (Py_ssize_t i = 0; i < whole; i++) {
        for (int k = 0; k < per_byte; k++) {
            out[i * per_byte + k] = (uint8_t)(in[i] >> (8 - depth * (k + 1)) & mask);
        }
    }
    for (Py_ssize_t x = whole * per_byte; x < width; x++) {
        out[x] = (uint8_t)(in[whole] >> (8 - depth * (x % per_byte + 1)) & mask);
    }
}

/* `rows` holds three rows of `size` bytes, zero at first: the row above the image, and two that take turns. The two are
 * used where a row has fewer bytes than pixels; otherwise rows are written to `out` at once, which may be `raw`. Returns the row whose filter
 * is unknown, or -1. */
static Py_ssize_t
unfilter_image(const uint8_t *raw, uint8_t *out, uint8_t *rows, Py_ssize_t height, Py_ssize_t width, Py_ssize_t size,
               int depth)
{
    const uint8_t *above = rows;
    for (Py_ssize_t y = 0; y < height; y++, raw += size + 1, out += width) {
        uint8_t *row = depth == 8 ? out : rows + (1 + y % 2) * size;
        if (unfilter_row(raw[0], raw + 1, above, row, size) < 0) {
            return y;
        }
        switch (depth) {
        case 1:
            unpack_row(row, out, width, 1);
            break;
        case 2:
            unpack_row(row, out, width, 2);
            break;
        case 4:
            unpack_row(row, out, width, 4);
            break;
        }
        above = row;
    }
    return -1;
}

static PyObject *
unfilter_buffer(const Py_buffer *raw, Py_ssize_t height, Py_ssize_t width, int depth)
{
    if (depth != 1 && depth != 2 && depth != 4 && depth != 8) {
        return PyErr_Format(PyExc_ValueError, "depth must be 1, 2, 4 or 8, not %d", depth);
    }
    if (height < 1 || width < 1 || width > PY_SSIZE_T_MAX / 8 || height > PY_SSIZE_T_MAX / (width + 1)) {
        return PyErr_Format(PyExc_ValueError, "%zd x %zd is no size of an image", height, width);
    }
    Py_ssize_t size = (width * depth + 7) / 8;
    if (raw->len != height * (size + 1)) {
        return PyErr_Format(PyExc_ValueError, "image data of %zd bytes instead of %zd", raw->len, height * (size + 1));
    }
    PyObject *labels = PyByteArray_FromStringAndSize(NULL, height * width);
    if (labels == NULL) {
        return NULL;
    }
    uint8_t *rows = PyMem_Calloc(3, (size_t)size);
    if (rows == NULL) {
        Py_DECREF(labels);
        return PyErr_NoMemory();
    }
    uint8_t *out = (uint8_t *)PyByteArray_AsString(labels);
    Py_ssize_t wrong;
    Py_BEGIN_ALLOW_THREADS
    wrong = unfilter_image(raw->buf, out, rows, height, width, size, depth);
    Py_END_ALLOW_THREADS
    PyMem_Free(rows);
    if (wrong >= 0) {
        Py_DECREF(labels);
        return PyErr_Format(PyExc_ValueError, "row %zd has an unknown filter", wrong);
    }
    return labels;
}

static PyObject *
unfilter(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer raw;
    Py_ssize_t height;
    Py_ssize_t width;
    int depth;
    if (!PyArg_ParseTuple(args, "y*nni:unfilter", &raw, &height, &width, &depth)) {
        return NULL;
    }
    PyObject *labels = unfilter_buffer(&raw, height, width, depth);
    PyBuffer_Release(&raw);
    return labels;
}

static PyObject *
unfilter_in_place(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer raw;
    Py_ssize_t height;
    Py_ssize_t width;
    if (!PyArg_ParseTuple(args, "w*nn:unfilter_in_place", &raw, &height, &width)) {
        return NULL;
    }
    Py_ssize_t wrong = -1;
    uint8_t *rows = NULL;
    if (height < 1 || width < 1 || width > PY_SSIZE_T_MAX - 1 || height > PY_SSIZE_T_MAX / (width + 1)) {
        PyErr_Format(PyExc_ValueError, "%zd x %zd is no size of an image", height, width);
    } else if (raw.len != height * (width + 1)) {
        PyErr_Format(PyExc_ValueError, "image data of %zd bytes instead of %zd", raw.len, height * (width + 1));
    } else if ((rows = PyMem_Calloc(1, (size_t)width)) == NULL) {
        PyErr_NoMemory();
    } else {
        Py_BEGIN_ALLOW_THREADS
        wrong = unfilter_image(raw.buf, raw.buf, rows, height, width, width, 8);
        Py_END_ALLOW_THREADS
        if (wrong >= 0) {
            PyErr_Format(PyExc_ValueError, "row %zd has an unknown filter", wrong);
        }
    }
    int is_done = rows != NULL && wrong < 0;
    PyMem_Free(rows);
    PyBuffer_Release(&raw);
    return is_done ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef methods[] = {
    {"unfilter", unfilter, METH_VARARGS,
     "unfilter(raw, height, width, depth)\n--\n\n"
     "Returns the pixels, a bytearray of height * width, of image data that is inflated but still filtered."},
    {"unfilter_in_place", unfilter_in_place, METH_VARARGS,
     "unfilter_in_place(raw, height, width, /)\n--\n\n"
     "Does the same to image data of 8 bits a pixel where it lies; the pixels are its first height * width bytes."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "fsbench.masks._png",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__png(void)
{
    return PyModuleDef_Init(&module);
}
