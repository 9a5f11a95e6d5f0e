/* Pixel counts of pairs of masks: the fast twin of _pure.py, which gives the same integers by numpy alone.
 *
 * A frame is R rows of C columns. Whatever a mask comes from (bytes, a label map, run lengths), it is first cut into
 * segments, stretches of pixels within one row, or within one column where run lengths go down the columns, and these are
 * packed into 64-bit words: bit i of word w is column 64 w + i. Words lie at the same columns in all masks, so that an
 * intersection is an "and" of words and a boundary follows from shifts. A mask keeps only the window of words and rows
 * that holds its pixels and its boundary; what is made of it once is counted against any number of others.
 *
 * Boundaries are matched without dilation: every boundary pixel looks for any boundary pixel of the other mask in the
 * disk around it, one row of the disk at a time, nearest row first, and stops at the first one.
 *
 * Nothing here trusts a size: shapes are checked against the buffers, coordinates fit in 32 bits because a frame has
 * fewer than 2^31 pixels, and each byte of a buffer is turned into segments once, so that another thread that writes
 * into it can change the counts but not lead out of the memory.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PIXELS INT32_MAX
#define MAX_LABELS 256
#define MAX_DIGITS 7 /* 35 bits, which hold every difference of two counts of a frame */
#define NONE (-1)

typedef struct {
    int32_t rows, columns;
} Frame;

typedef struct {
    int32_t line, first, stop; /* pixels first .. stop - 1 of a row, or of a column */
    int32_t mask;              /* index into Masks.masks */
} Segment;

typedef struct {
    int64_t area;                           /* pixels */
    int32_t line, line_stop, first, stop;   /* the lines of the segments, and the pixels within these */
    int32_t top, bottom, left, right;       /* of the pixels; bottom and right are exclusive */
    int32_t first_row, rows;                /* the window: rows, */
    int32_t first_word, words;              /* and words of each row */
    uint64_t *pixels;                       /* [rows + 1, words]; the last row is empty */
    uint64_t *boundary;                     /* [rows, words] */
    int32_t *boundary_first, *boundary_last; /* [rows], the non-zero words of each row; first > last if none */
    int64_t boundary_size;                  /* boundary pixels */
} Mask;

typedef struct {
    Frame frame;
    int go_down; /* whether segments are of columns */
    Mask masks[MAX_LABELS];
    int32_t number;
    uint8_t seen[MAX_LABELS]; /* which values a map shows */
    Segment *segments;
    size_t size, capacity;
} Masks;

typedef struct {
    int64_t intersection, union_, pred_boundary, truth_boundary, pred_matched, truth_matched;
} Counts;

typedef struct {
    int32_t rows;        /* rows of the disk below its middle that can matter */
    int32_t *half_width; /* [rows + 1], of the disk's row at this distance from its middle */
} Disk;

/* What went wrong, as text; NULL if nothing did. */
typedef const char *Problem;

static const char NO_MEMORY[] = "out of memory";

static inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

static inline int64_t
bit_count(uint64_t word)
{
    word -= (word >> 1) & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + ((word >> 2) & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int64_t)((word * 0x0101010101010101u) >> 56);
}

/* The lowest set bit of a word that has one. */
static inline int32_t
lowest_bit(uint64_t word)
{
#ifdef __GNUC__
    return __builtin_ctzll(word);
#else
    return (int32_t)bit_count((word & (0 - word)) - 1);
#endif
}

/* Bits first .. 63 and 0 .. last of a word. */
static inline uint64_t bits_from(int32_t first) { return ~(uint64_t)0 << first; }
static inline uint64_t bits_to(int32_t last) { return ~(uint64_t)0 >> (63 - last); }

/* Segments */

static void
masks_start(Masks *masks, Frame frame, int32_t number)
{
    masks->frame = frame;
    masks->go_down = 0;
    masks->number = number;
    masks->segments = NULL;
    masks->size = masks->capacity = 0;
    memset(masks->seen, 0, sizeof masks->seen);
    memset(masks->masks, 0, (size_t)number * sizeof(Mask));
    for (int32_t i = 0; i < number; i++)
        masks->masks[i].first = INT32_MAX;
}

static void
masks_free(Masks *masks)
{
    for (int32_t i = 0; i < masks->number; i++) {
        Mask *mask = &masks->masks[i];
        free(mask->pixels);
        free(mask->boundary);
        free(mask->boundary_first);
        free(mask->boundary_last);
    }
    free(masks->segments);
}

static Problem
add_segment(Masks *masks, Segment segment)
{
    Mask *mask = &masks->masks[segment.mask];
    if (masks->size == masks->capacity) {
        size_t capacity = masks->capacity ? 2 * masks->capacity : 2048;
        if (capacity > SIZE_MAX / sizeof(Segment))
            return NO_MEMORY;
        Segment *grown = realloc(masks->segments, capacity * sizeof(Segment));
        if (grown == NULL)
            return NO_MEMORY;
        masks->segments = grown;
        masks->capacity = capacity;
    }
    masks->segments[masks->size++] = segment;
    if (mask->area == 0)
        mask->line = segment.line; /* segments come in the order of lines */
    mask->line_stop = segment.line + 1;
    mask->first = smaller(mask->first, segment.first);
    mask->stop = larger(mask->stop, segment.stop);
    mask->area += segment.stop - segment.first;
    return NULL;
}

/* Adds pixels start .. start + length - 1 of the lines laid end to end. */
static Problem
add_run(Masks *masks, int32_t mask, int64_t start, int64_t length)
{
    int32_t pixels = masks->go_down ? masks->frame.rows : masks->frame.columns;
    int32_t line = (int32_t)((uint32_t)start / (uint32_t)pixels);
    int32_t first = (int32_t)((uint32_t)start % (uint32_t)pixels);
    while (length > 0) {
        int32_t room = pixels - first;
        int32_t stop = first + (length < room ? (int32_t)length : room);
        Problem problem = add_segment(masks, (Segment){line, first, stop, mask});
        if (problem)
            return problem;
        length -= stop - first;
        line++;
        first = 0;
    }
    return NULL;
}

/* How many bytes, from the first of `size` on, have its value; size > 0. */
static size_t
run_length(const uint8_t *bytes, size_t size)
{
    uint8_t value = bytes[0];
    uint64_t pattern = value * (uint64_t)0x0101010101010101u, words[8];
    size_t length = 1;
    if (size > 1 && bytes[1] != value)
        return 1;
    for (; size - length >= sizeof words; length += sizeof words) {
        memcpy(words, bytes + length, sizeof words);
        uint64_t other = 0;
        for (int i = 0; i < 8; i++)
            other |= words[i] ^ pattern;
        if (other)
            break;
    }
    for (; size - length >= sizeof words[0]; length += sizeof words[0]) {
        memcpy(words, bytes + length, sizeof words[0]);
        if (words[0] ^ pattern)
            break;
    }
    while (length < size && bytes[length] == value)
        length++;
    return length;
}

/* Cuts a map of the frame into segments. mask_of[256] says which mask a value belongs to, or NONE. */
static Problem
segments_of_map(Masks *masks, const uint8_t *map, const int16_t *mask_of)
{
    size_t size = (size_t)masks->frame.rows * (size_t)masks->frame.columns;
    for (size_t start = 0, length; start < size; start += length) {
        uint8_t value = map[start];
        int16_t mask = mask_of[value];
        masks->seen[value] = 1;
        length = run_length(map + start, size - start);
        if (mask != NONE) {
            Problem problem = add_run(masks, mask, (int64_t)start, (int64_t)length);
            if (problem)
                return problem;
        }
    }
    return NULL;
}

/* Reads COCO's compressed counts of so many pixels, and unless `masks` is NULL, cuts them into segments of its mask 0. The text is a row of numbers, the lengths of runs of pixels
 * outside and inside of the mask in turn; from the fourth on, a number is the difference to the length two before.
 * Each is in two's complement, five bits to a byte, low bits first; 0x20 says that more follow; 48 is added. */
static Problem
read_counts(Masks *masks, int64_t pixels, const uint8_t *text, size_t size, int max_digits)
{
    int64_t start = 0;
    int64_t before[2] = {0, 0}; /* the lengths two before and one before */
    size_t at = 0;
    for (size_t number = 0; at < size; number++) {
        int64_t length = 0;
        int digits = 0, byte;
        do {
            if (at == size)
                return "the run lengths end within a number";
            byte = text[at++] - 48;
            if (byte < 0 || byte > 63)
                return "the run lengths hold a byte that is no digit of theirs";
            if (digits == max_digits)
                return "the run lengths hold a number of too many digits";
            length += (int64_t)(byte & 0x1f) << (5 * digits++);
        } while (byte & 0x20);
        if (byte & 0x10)
            length -= (int64_t)1 << (5 * digits);
        if (number > 2)
            length += before[0];
        if (length < 0)
            return "a run length is negative";
        if (length > pixels - start)
            return "the run lengths exceed the frame";
        if (masks && number % 2 == 1) {
            Problem problem = add_run(masks, 0, start, length);
            if (problem)
                return problem;
        }
        start += length;
        before[0] = before[1];
        before[1] = length;
    }
    return start == pixels ? NULL : "the run lengths do not fill the frame";
}

/* Cuts COCO's compressed counts into segments, which go down the columns. */
static Problem
segments_of_counts(Masks *masks, const uint8_t *text, size_t size)
{
    masks->go_down = 1;
    return read_counts(masks, (int64_t)masks->frame.rows * masks->frame.columns, text, size, MAX_DIGITS);
}

/* Words */

/* Gives a mask with pixels its window: a boundary reaches one pixel beyond them, up and to the left. */
static Problem
allocate(Mask *mask)
{
    mask->first_row = larger(mask->top - 1, 0);
    mask->rows = mask->bottom - mask->first_row;
    mask->first_word = larger(mask->left - 1, 0) / 64;
    mask->words = (mask->right - 1) / 64 + 1 - mask->first_word;
    size_t rows = (size_t)mask->rows, words = (size_t)mask->words;
    /* No overflow: rows * words <= pixels of the frame < 2^31; calloc checks its own product. */
    mask->pixels = calloc((rows + 1) * words, sizeof(uint64_t));
    mask->boundary = calloc(rows * words, sizeof(uint64_t));
    mask->boundary_first = calloc(rows, sizeof(int32_t));
    mask->boundary_last = calloc(rows, sizeof(int32_t));
    return mask->pixels && mask->boundary && mask->boundary_first && mask->boundary_last ? NULL : NO_MEMORY;
}

static void
set_bits(uint64_t *words, int32_t first, int32_t last)
{
    uint64_t head = bits_from(first % 64), tail = bits_to(last % 64);
    first /= 64;
    last /= 64;
    if (first == last) {
        words[first] |= head & tail;
        return;
    }
    words[first] |= head;
    for (int32_t word = first + 1; word < last; word++)
        words[word] = ~(uint64_t)0;
    words[last] |= tail;
}

static inline uint64_t
right_neighbours(const uint64_t *row, int32_t word, int32_t words, uint64_t last_column)
{
    uint64_t next = word + 1 < words ? row[word + 1] : 0;
    return row[word] >> 1 | next << 63 | (row[word] & last_column);
}

/* A pixel is boundary iff it, its right, its lower and its lower right neighbour are not all equal; in the last
 * column and row, the pixel stands in for the neighbours that are beyond the frame. */
static void
find_boundary(Mask *mask, Frame frame)
{
    int32_t words = mask->words;
    for (int32_t row = 0; row < mask->rows; row++) {
        const uint64_t *upper = mask->pixels + (size_t)row * (size_t)words;
        const uint64_t *lower = mask->first_row + row + 1 < frame.rows ? upper + words : upper;
        uint64_t *boundary = mask->boundary + (size_t)row * (size_t)words;
        int32_t first = words, last = -1;
        for (int32_t word = 0; word < words; word++) {
            int is_last = mask->first_word + word == (frame.columns - 1) / 64;
            uint64_t last_column = is_last ? (uint64_t)1 << (frame.columns - 1) % 64 : 0;
            uint64_t upper_right = right_neighbours(upper, word, words, last_column);
            uint64_t lower_right = right_neighbours(lower, word, words, last_column);
            boundary[word] = (upper[word] | upper_right | lower[word] | lower_right) &
                             ~(upper[word] & upper_right & lower[word] & lower_right);
            if (boundary[word]) {
                first = smaller(first, word);
                last = word;
                mask->boundary_size += bit_count(boundary[word]);
            }
        }
        mask->boundary_first[row] = first;
        mask->boundary_last[row] = last;
    }
}

static void
paint_rows(Masks *masks)
{
    for (size_t i = 0; i < masks->size; i++) {
        Segment segment = masks->segments[i];
        Mask *mask = &masks->masks[segment.mask];
        uint64_t *row = mask->pixels + (size_t)(segment.line - mask->first_row) * (size_t)mask->words;
        set_bits(row, segment.first - 64 * mask->first_word, segment.stop - 1 - 64 * mask->first_word);
    }
}

/* Marks where each segment of a column begins and what follows its end, and then fills the rows from the top: a pixel is
 * in the mask iff an odd number of marks is at or above it. */
static void
paint_columns(Masks *masks)
{
    for (size_t i = 0; i < masks->size; i++) {
        Segment segment = masks->segments[i];
        Mask *mask = &masks->masks[segment.mask];
        uint64_t *word = mask->pixels + (segment.line / 64 - mask->first_word);
        uint64_t bit = (uint64_t)1 << segment.line % 64;
        word[(size_t)(segment.first - mask->first_row) * (size_t)mask->words] ^= bit;
        word[(size_t)(segment.stop - mask->first_row) * (size_t)mask->words] ^= bit; /* perhaps in the empty row */
    }
    for (int32_t i = 0; i < masks->number; i++) {
        Mask *mask = &masks->masks[i];
        size_t words = (size_t)mask->words, size = ((size_t)mask->rows + 1) * words;
        for (size_t word = words; word < size; word++)
            mask->pixels[word] ^= mask->pixels[word - words];
    }
}

/* Makes windows and boundaries of the segments, which are not needed any more. */
static Problem
pack(Masks *masks)
{
    for (int32_t i = 0; i < masks->number; i++) {
        Mask *mask = &masks->masks[i];
        if (mask->area == 0)
            continue;
        mask->top = masks->go_down ? mask->first : mask->line;
        mask->bottom = masks->go_down ? mask->stop : mask->line_stop;
        mask->left = masks->go_down ? mask->line : mask->first;
        mask->right = masks->go_down ? mask->line_stop : mask->stop;
        Problem problem = allocate(mask);
        if (problem)
            return problem;
    }
    if (masks->go_down)
        paint_columns(masks);
    else
        paint_rows(masks);
    for (int32_t i = 0; i < masks->number; i++)
        find_boundary(&masks->masks[i], masks->frame); /* nothing to do for an empty mask: it has no rows */
    free(masks->segments);
    masks->segments = NULL;
    masks->size = masks->capacity = 0;
    return NULL;
}

/* Counts */

static int64_t
intersection(const Mask *a, const Mask *b)
{
    int32_t top = larger(a->first_row, b->first_row);
    int32_t bottom = smaller(a->first_row + a->rows, b->first_row + b->rows);
    int32_t first = larger(a->first_word, b->first_word);
    int32_t stop = smaller(a->first_word + a->words, b->first_word + b->words);
    int64_t total = 0;
    for (int32_t row = top; row < bottom; row++) {
        const uint64_t *in_a = a->pixels + (size_t)(row - a->first_row) * (size_t)a->words;
        const uint64_t *in_b = b->pixels + (size_t)(row - b->first_row) * (size_t)b->words;
        for (int32_t word = first; word < stop; word++)
            total += bit_count(in_a[word - a->first_word] & in_b[word - b->first_word]);
    }
    return total;
}

/* Whether a boundary has a pixel in columns first .. last (not clamped to anything) of a row of its window. */
static inline int
has_any(const Mask *mask, int64_t row, int64_t first, int64_t last)
{
    const uint64_t *words = mask->boundary + (size_t)row * (size_t)mask->words;
    int64_t origin = 64 * (int64_t)mask->first_word;
    int64_t lowest = 64 * (int64_t)mask->boundary_first[row], highest = 64 * (int64_t)mask->boundary_last[row] + 63;
    first = first - origin > lowest ? first - origin : lowest;
    last = last - origin < highest ? last - origin : highest;
    if (first > last)
        return 0;
    int64_t head = first / 64, tail = last / 64;
    if (head == tail)
        return (words[head] & bits_from((int32_t)(first % 64)) & bits_to((int32_t)(last % 64))) != 0;
    if ((words[head] & bits_from((int32_t)(first % 64))) || (words[tail] & bits_to((int32_t)(last % 64))))
        return 1;
    for (int64_t word = head + 1; word < tail; word++)
        if (words[word])
            return 1;
    return 0;
}

/* Drops those of `waiting`, boundary pixels in a word of the frame's columns, that have a boundary pixel of `other`
 * in a row of the frame, which need not exist, at most `half_width` columns away. */
static uint64_t
drop_matched(uint64_t waiting, int64_t frame_row, int32_t word, const Mask *other, int64_t half_width)
{
    int64_t column = 64 * (int64_t)word, row = frame_row - other->first_row;
    if (row < 0 || row >= other->rows || !has_any(other, row, column - half_width, column + 63 + half_width))
        return waiting;
    for (uint64_t left = waiting; left; left &= left - 1) {
        int32_t bit = lowest_bit(left);
        if (has_any(other, row, column + bit - half_width, column + bit + half_width))
            waiting &= ~((uint64_t)1 << bit);
    }
    return waiting;
}

/* Counts the boundary pixels of `mask` that have one of `other` in the disk around them. */
static int64_t
matched(const Mask *mask, const Mask *other, const Disk *disk)
{
    int64_t unmatched = 0;
    if (mask->boundary_size == 0 || other->boundary_size == 0)
        return 0;
    for (int32_t i = 0; i < mask->rows; i++) {
        int32_t row = mask->first_row + i;
        int32_t above = row - other->first_row, below = other->first_row + other->rows - 1 - row;
        int32_t nearest = larger(0, larger(-above, -below)), farthest = smaller(disk->rows, larger(above, below));
        for (int32_t j = mask->boundary_first[i]; j <= mask->boundary_last[i]; j++) {
            int32_t word = mask->first_word + j, there = word - other->first_word;
            uint64_t waiting = mask->boundary[(size_t)i * (size_t)mask->words + (size_t)j];
            if (nearest == 0 && there >= 0 && there < other->words) /* what lies on the other boundary */
                waiting &= ~other->boundary[(size_t)above * (size_t)other->words + (size_t)there];
            for (int32_t distance = nearest; waiting && distance <= farthest; distance++) {
                waiting = drop_matched(waiting, (int64_t)row - distance, word, other, disk->half_width[distance]);
                if (waiting && distance)
                    waiting = drop_matched(waiting, (int64_t)row + distance, word, other, disk->half_width[distance]);
            }
            unmatched += bit_count(waiting);
        }
    }
    return mask->boundary_size - unmatched;
}

/* Offsets with dx^2 + dy^2 <= radius^2, as far as they stay in the frame. */
static Problem
make_disk(Disk *disk, Frame frame, Py_ssize_t radius)
{
    int64_t all = (int64_t)frame.rows + frame.columns; /* longer than any distance in the frame */
    int64_t reach = radius < all ? radius : all, half_width = reach;
    disk->rows = reach < frame.rows ? (int32_t)reach : frame.rows - 1;
    disk->half_width = malloc(((size_t)disk->rows + 1) * sizeof(int32_t));
    if (disk->half_width == NULL)
        return NO_MEMORY;
    for (int64_t row = 0; row <= disk->rows; row++) {
        while (half_width * half_width > reach * reach - row * row)
            half_width--;
        disk->half_width[row] = half_width < INT32_MAX ? (int32_t)half_width : INT32_MAX;
    }
    return NULL;
}

static Counts
count(const Mask *pred, const Mask *truth, const Disk *disk)
{
    Counts counts;
    counts.intersection = intersection(pred, truth);
    counts.union_ = pred->area + truth->area - counts.intersection;
    counts.pred_boundary = pred->boundary_size;
    counts.truth_boundary = truth->boundary_size;
    counts.pred_matched = matched(pred, truth, disk);
    counts.truth_matched = matched(truth, pred, disk);
    return counts;
}

/* Counts pairs of masks that are packed: `pairs` are `size` bytes, the index of a mask of pred, of one of truth, and so
 * on; `counts` is [size / 2]. */
static Problem
count_packed(const Masks *preds, const Masks *truths, const uint8_t *pairs, Py_ssize_t size, Py_ssize_t radius,
             Counts *counts)
{
    Disk disk = {0, NULL};
    Problem problem = make_disk(&disk, preds->frame, radius);
    for (Py_ssize_t i = 0; !problem && i < size; i += 2)
        counts[i / 2] = count(&preds->masks[pairs[i]], &truths->masks[pairs[i + 1]], &disk);
    free(disk.half_width);
    return problem;
}

/* Packs both sides and counts pairs of them. */
static Problem
count_pairs(Masks *preds, Masks *truths, const uint8_t *pairs, Py_ssize_t size, Py_ssize_t radius, Counts *counts)
{
    Problem problem = pack(preds);
    if (!problem)
        problem = pack(truths);
    return problem ? problem : count_packed(preds, truths, pairs, size, radius, counts);
}

static const uint8_t ONE_PAIR[2] = {0, 0};

/* Python */

static PyObject *
as_tuple(Counts counts)
{
    return Py_BuildValue(
        "(LLLLLL)", (long long)counts.intersection, (long long)counts.union_, (long long)counts.pred_boundary,
        (long long)counts.truth_boundary, (long long)counts.pred_matched, (long long)counts.truth_matched);
}

static void
raise_problem(const char *culprit, Problem problem)
{
    if (problem == NO_MEMORY)
        PyErr_NoMemory();
    else
        PyErr_Format(PyExc_ValueError, "%s%s", culprit, problem);
}

static Problem
check_frame(Py_ssize_t height, Py_ssize_t width, Py_ssize_t radius)
{
    if (height < 1 || width < 1)
        return "the frame has no pixels";
    if (height > MAX_PIXELS / width)
        return "the frame has too many pixels";
    return radius < 0 ? "the radius is negative" : NULL;
}

static Problem
check_maps(const Py_buffer *pred, const Py_buffer *truth, Py_ssize_t height, Py_ssize_t width, Py_ssize_t radius)
{
    Problem problem = check_frame(height, width, radius);
    if (problem)
        return problem;
    return pred->len == height * width && truth->len == height * width ? NULL : "a buffer is not of the frame's size";
}

PyDoc_STRVAR(pair_counts_doc, "pair_counts(pred, truth, height, width, radius, /)\n--\n\n"
                              "Counts of two masks; bytes [height, width], non-zero in the mask.");

static PyObject *
pair_counts(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer pred, truth;
    Py_ssize_t height, width, radius;
    if (!PyArg_ParseTuple(args, "y*y*nnn:pair_counts", &pred, &truth, &height, &width, &radius))
        return NULL;
    Counts counts = {0};
    Problem problem = check_maps(&pred, &truth, height, width, radius);
    if (!problem) {
        Py_BEGIN_ALLOW_THREADS
        Frame frame = {(int32_t)height, (int32_t)width};
        Masks preds, truths;
        int16_t mask_of[MAX_LABELS] = {NONE}; /* and 0 for all but the first */
        masks_start(&preds, frame, 1);
        masks_start(&truths, frame, 1);
        problem = segments_of_map(&preds, pred.buf, mask_of);
        if (!problem)
            problem = segments_of_map(&truths, truth.buf, mask_of);
        if (!problem)
            problem = count_pairs(&preds, &truths, ONE_PAIR, sizeof ONE_PAIR, radius, &counts);
        masks_free(&preds);
        masks_free(&truths);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&pred);
    PyBuffer_Release(&truth);
    if (problem) {
        raise_problem("", problem);
        return NULL;
    }
    return as_tuple(counts);
}

/* Numbers the distinct labels among labels[0], labels[2], ... and writes their numbers in their places.
 *
 * mask_of[256] is set to the number of each label, or NONE. Returns how many there are. */
static int32_t
number_labels(int16_t *mask_of, uint8_t *labels, Py_ssize_t size)
{
    int32_t number = 0;
    for (int label = 0; label < MAX_LABELS; label++)
        mask_of[label] = NONE;
    for (Py_ssize_t i = 0; i < size; i += 2) {
        int16_t *mask = &mask_of[labels[i]];
        if (*mask == NONE)
            *mask = (int16_t)number++;
        labels[i] = (uint8_t)*mask;
    }
    return number;
}

/* `pairs` are `size` bytes: a label of pred, one of truth, and so on; overwritten. `counts` is [size / 2]. */
static Problem
count_labels(const uint8_t *pred, const uint8_t *truth, Frame frame, uint8_t *pairs, Py_ssize_t size,
             Py_ssize_t radius, Counts *counts)
{
    Masks preds, truths;
    int16_t pred_of[MAX_LABELS], truth_of[MAX_LABELS];
    masks_start(&preds, frame, number_labels(pred_of, pairs, size));
    masks_start(&truths, frame, number_labels(truth_of, pairs + 1, size));
    Problem problem = segments_of_map(&preds, pred, pred_of);
    if (!problem)
        problem = segments_of_map(&truths, truth, truth_of);
    if (!problem)
        problem = count_pairs(&preds, &truths, pairs, size, radius, counts);
    masks_free(&preds);
    masks_free(&truths);
    return problem;
}

static PyObject *
as_list(const Counts *counts, Py_ssize_t number)
{
    PyObject *list = PyList_New(number);
    for (Py_ssize_t i = 0; list && i < number; i++) {
        PyObject *tuple = as_tuple(counts[i]);
        if (tuple == NULL || PyList_SetItem(list, i, tuple) < 0)
            Py_CLEAR(list);
    }
    return list;
}

PyDoc_STRVAR(label_counts_doc, "label_counts(pred, truth, height, width, pairs, radius, /)\n--\n\n"
                               "Counts of pairs of labels of two maps; bytes [height, width] and [pairs, 2].");

static PyObject *
label_counts(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer pred, truth, pairs;
    Py_ssize_t height, width, radius;
    if (!PyArg_ParseTuple(args, "y*y*nny*n:label_counts", &pred, &truth, &height, &width, &pairs, &radius))
        return NULL;
    PyObject *result = NULL;
    Counts *counts = NULL;
    uint8_t *labels = NULL; /* a copy, to write to */
    Problem problem = check_maps(&pred, &truth, height, width, radius);
    if (!problem && pairs.len % 2)
        problem = "a pair lacks its second label";
    if (!problem) {
        counts = calloc((size_t)(pairs.len / 2) + 1, sizeof(Counts));
        labels = malloc((size_t)pairs.len + 1);
        problem = counts && labels ? NULL : NO_MEMORY;
    }
    if (!problem) {
        memcpy(labels, pairs.buf, (size_t)pairs.len);
        Py_BEGIN_ALLOW_THREADS
        Frame frame = {(int32_t)height, (int32_t)width};
        problem = count_labels(pred.buf, truth.buf, frame, labels, pairs.len, radius, counts);
        Py_END_ALLOW_THREADS
    }
    if (problem)
        raise_problem("", problem);
    else
        result = as_list(counts, pairs.len / 2);
    free(counts);
    free(labels);
    PyBuffer_Release(&pred);
    PyBuffer_Release(&truth);
    PyBuffer_Release(&pairs);
    return result;
}

PyDoc_STRVAR(rle_counts_doc, "rle_counts(pred, truth, height, width, radius, /)\n--\n\n"
                             "Counts of two masks, each as COCO's compressed counts.");

static PyObject *
rle_counts(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer pred, truth;
    Py_ssize_t height, width, radius;
    if (!PyArg_ParseTuple(args, "y*y*nnn:rle_counts", &pred, &truth, &height, &width, &radius))
        return NULL;
    Counts counts = {0};
    const char *culprit = "";
    Problem problem = check_frame(height, width, radius);
    if (!problem) {
        Py_BEGIN_ALLOW_THREADS
        Frame frame = {(int32_t)height, (int32_t)width};
        Masks preds, truths;
        masks_start(&preds, frame, 1);
        masks_start(&truths, frame, 1);
        if ((problem = segments_of_counts(&preds, pred.buf, (size_t)pred.len)))
            culprit = "pred: ";
        else if ((problem = segments_of_counts(&truths, truth.buf, (size_t)truth.len)))
            culprit = "truth: ";
        else
            problem = count_pairs(&preds, &truths, ONE_PAIR, sizeof ONE_PAIR, radius, &counts);
        masks_free(&preds);
        masks_free(&truths);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&pred);
    PyBuffer_Release(&truth);
    if (problem) {
        raise_problem(culprit, problem);
        return NULL;
    }
    return as_tuple(counts);
}

/* Masks that are packed, as Python holds them */

static const char OUTLINES[] = "fsbench.metrics.Outlines";

static void
free_outlines(PyObject *capsule)
{
    Masks *masks = PyCapsule_GetPointer(capsule, OUTLINES);
    masks_free(masks);
    free(masks);
}

/* Returns a capsule that owns the masks; without the memory for it, NULL, and they are freed. */
static PyObject *
as_outlines(Masks *masks)
{
    PyObject *capsule = PyCapsule_New(masks, OUTLINES, free_outlines);
    if (capsule == NULL) {
        masks_free(masks);
        free(masks);
    }
    return capsule;
}

static PyObject *
seen_labels(const uint8_t *seen)
{
    char present[MAX_LABELS];
    Py_ssize_t number = 0;
    for (int label = 0; label < MAX_LABELS; label++)
        if (seen[label])
            present[number++] = (char)label;
    return PyBytes_FromStringAndSize(present, number);
}

static Problem
outline_map(Masks *masks, const uint8_t *map, const uint8_t *members, Py_ssize_t size)
{
    int16_t mask_of[MAX_LABELS];
    for (int label = 0; label < MAX_LABELS; label++)
        mask_of[label] = members == NULL && label > 0 ? (int16_t)label : NONE;
    for (Py_ssize_t i = 0; i < size; i++)
        mask_of[members[i]] = 0;
    Problem problem = segments_of_map(masks, map, mask_of);
    return problem ? problem : pack(masks);
}

PyDoc_STRVAR(outline_labels_doc, "outline_labels(labels, height, width, members, /)\n--\n\n"
                                 "Outlines of bytes [height, width]: of each label, or of a set of them as one; and the "
                                 "values that occur.");

static PyObject *
outline_labels(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer labels, members;
    Py_ssize_t height, width;
    if (!PyArg_ParseTuple(args, "y*nnz*:outline_labels", &labels, &height, &width, &members))
        return NULL;
    Problem problem = check_frame(height, width, 0);
    Masks *masks = NULL;
    if (!problem && labels.len != height * width)
        problem = "a buffer is not of the frame's size";
    if (!problem && (masks = malloc(sizeof(Masks))) == NULL)
        problem = NO_MEMORY;
    if (!problem) {
        masks_start(masks, (Frame){(int32_t)height, (int32_t)width}, members.buf ? 1 : MAX_LABELS);
        Py_BEGIN_ALLOW_THREADS
        problem = outline_map(masks, labels.buf, members.buf, members.buf ? members.len : 0);
        if (problem)
            masks_free(masks);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&labels);
    if (members.buf)
        PyBuffer_Release(&members);
    if (problem) {
        free(masks);
        raise_problem("", problem);
        return NULL;
    }
    PyObject *present = seen_labels(masks->seen), *capsule = as_outlines(masks);
    PyObject *result = present && capsule ? PyTuple_Pack(2, capsule, present) : NULL;
    Py_XDECREF(present);
    Py_XDECREF(capsule);
    return result;
}

PyDoc_STRVAR(outline_counts_doc, "outline_counts(counts, height, width, /)\n--\n\n"
                                 "Outlines of one mask, given as COCO's compressed counts.");

static PyObject *
outline_counts(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer text;
    Py_ssize_t height, width;
    if (!PyArg_ParseTuple(args, "y*nn:outline_counts", &text, &height, &width))
        return NULL;
    Problem problem = check_frame(height, width, 0);
    Masks *masks = NULL;
    if (!problem && (masks = malloc(sizeof(Masks))) == NULL)
        problem = NO_MEMORY;
    if (!problem) {
        masks_start(masks, (Frame){(int32_t)height, (int32_t)width}, 1);
        Py_BEGIN_ALLOW_THREADS
        problem = segments_of_counts(masks, text.buf, (size_t)text.len);
        if (!problem)
            problem = pack(masks);
        if (problem)
            masks_free(masks);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&text);
    if (problem) {
        free(masks);
        raise_problem("", problem);
        return NULL;
    }
    return as_outlines(masks);
}

PyDoc_STRVAR(are_counts_doc, "are_counts(counts, height, width, digits, /)\n--\n\n"
                             "Whether bytes are COCO's compressed counts of a frame, of at most so many digits each.");

static PyObject *
are_counts(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer text;
    Py_ssize_t height, width;
    int digits;
    if (!PyArg_ParseTuple(args, "y*nni:are_counts", &text, &height, &width, &digits))
        return NULL;
    Problem problem = check_frame(height, width, 0);
    if (!problem)
        problem = read_counts(NULL, (int64_t)height * width, text.buf, (size_t)text.len, smaller(digits, MAX_DIGITS));
    PyBuffer_Release(&text);
    return PyBool_FromLong(problem == NULL);
}

static Problem
check_outlines(const Masks *pred, const Masks *truth, const Py_buffer *pairs, Py_ssize_t radius)
{
    if (pred->frame.rows != truth->frame.rows || pred->frame.columns != truth->frame.columns)
        return "the outlines are of frames of two sizes";
    if (pairs->len % 2)
        return "a pair lacks its second label";
    return radius < 0 ? "the radius is negative" : NULL;
}

PyDoc_STRVAR(outline_pairs_doc, "outline_pairs(pred, truth, pairs, radius, /)\n--\n\n"
                                "Counts of pairs of outlines; bytes [pairs, 2].");

static PyObject *
outline_pairs(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *pred_capsule, *truth_capsule;
    Py_buffer pairs;
    Py_ssize_t radius;
    if (!PyArg_ParseTuple(args, "OOy*n:outline_pairs", &pred_capsule, &truth_capsule, &pairs, &radius))
        return NULL;
    const Masks *pred = PyCapsule_GetPointer(pred_capsule, OUTLINES);
    const Masks *truth = pred ? PyCapsule_GetPointer(truth_capsule, OUTLINES) : NULL;
    PyObject *result = NULL;
    uint8_t *indices = NULL; /* a copy that nobody writes to */
    Counts *counts = NULL;
    if (truth) {
        Problem problem = check_outlines(pred, truth, &pairs, radius);
        if (!problem) {
            indices = malloc((size_t)pairs.len + 1);
            counts = calloc((size_t)(pairs.len / 2) + 1, sizeof(Counts));
            problem = indices && counts ? NULL : NO_MEMORY;
        }
        if (!problem) {
            memcpy(indices, pairs.buf, (size_t)pairs.len);
            for (Py_ssize_t i = 0; i < pairs.len; i++)
                if (indices[i] >= (i % 2 ? truth : pred)->number)
                    problem = "a pair names an outline that is not there";
        }
        if (!problem) {
            Py_BEGIN_ALLOW_THREADS
            problem = count_packed(pred, truth, indices, pairs.len, radius, counts);
            Py_END_ALLOW_THREADS
        }
        if (problem)
            raise_problem("", problem);
        else
            result = as_list(counts, pairs.len / 2);
    }
    free(indices);
    free(counts);
    PyBuffer_Release(&pairs);
    return result;
}

/* Does something for each pixel of a mask's window, or of the empty row below it, that is not like that above. */
#define FOR_EACH_CHANGE(mask, row, column, body)                                                                      \
    for (int32_t row = 0; row <= (mask)->rows; row++)                                                                 \
        for (int32_t word_ = 0; word_ < (mask)->words; word_++) {                                                     \
            const uint64_t *at_ = (mask)->pixels + (size_t)row * (size_t)(mask)->words + word_;                       \
            for (uint64_t left_ = *at_ ^ (row ? at_[-(mask)->words] : 0); left_; left_ &= left_ - 1) {                \
                int32_t column = 64 * word_ + lowest_bit(left_);                                                      \
                body;                                                                                                 \
            }                                                                                                         \
        }

typedef struct {
    uint8_t *text;
    size_t size, number;
    int64_t before[2]; /* the lengths two before and one before */
} Code;

/* Adds a length as `read_counts` reads it. */
static void
add_length(Code *code, int64_t length)
{
    int64_t rest = code->number++ > 2 ? length - code->before[0] : length;
    int has_more;
    do {
        uint8_t digit = rest & 0x1f;
        rest >>= 5;
        has_more = rest != (digit & 0x10 ? -1 : 0);
        code->text[code->size++] = (uint8_t)((digit | (has_more ? 0x20 : 0)) + 48);
    } while (has_more);
    code->before[0] = code->before[1];
    code->before[1] = length;
}

/* Writes a mask as COCO's compressed counts. */
static Problem
write_counts(const Mask *mask, Frame frame, Code *code)
{
    int64_t pixels = (int64_t)frame.rows * frame.columns, done = 0;
    int32_t columns = mask->area ? 64 * mask->words : 0;
    size_t *ends = calloc((size_t)columns + 1, sizeof(size_t)); /* of each column's changes; at first their number */
    int32_t *changes = NULL;
    if (ends && mask->area) {
        FOR_EACH_CHANGE(mask, row, column, ends[column + 1]++)
        for (int32_t column = 0; column < columns; column++)
            ends[column + 1] += ends[column];
    }
    if (ends)
        changes = malloc((ends[columns] + 1) * sizeof(int32_t));
    if (changes)
        code->text = malloc((ends[columns] + 2) * MAX_DIGITS);
    if (code->text == NULL) {
        free(ends);
        free(changes);
        return NO_MEMORY;
    }
    if (mask->area)
        FOR_EACH_CHANGE(mask, row, column, changes[ends[column]++] = mask->first_row + row)
    int64_t first = 0, stop = 0; /* a run that may go on in the next column */
    size_t change = 0;
    for (int32_t column = 0; column < columns; column++) {
        int64_t start = (64 * (int64_t)mask->first_word + column) * frame.rows;
        for (; change < ends[column]; change += 2) {
            if (stop > first && start + changes[change] != stop) {
                add_length(code, first - done);
                add_length(code, stop - first);
                done = stop;
                first = stop;
            }
            if (stop == first)
                first = start + changes[change];
            stop = start + changes[change + 1];
        }
    }
    if (stop > first) {
        add_length(code, first - done);
        add_length(code, stop - first);
        done = stop;
    }
    if (done < pixels)
        add_length(code, pixels - done);
    free(ends);
    free(changes);
    return NULL;
}

PyDoc_STRVAR(outline_code_doc, "outline_code(outlines, number, /)\n--\n\n"
                               "COCO's compressed counts of one of the outlines.");

static PyObject *
outline_code(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *capsule;
    Py_ssize_t number;
    if (!PyArg_ParseTuple(args, "On:outline_code", &capsule, &number))
        return NULL;
    const Masks *masks = PyCapsule_GetPointer(capsule, OUTLINES);
    if (masks == NULL)
        return NULL;
    if (number < 0 || number >= masks->number) {
        raise_problem("", "there is no outline of this number");
        return NULL;
    }
    Code code = {0};
    Problem problem;
    Py_BEGIN_ALLOW_THREADS
    problem = write_counts(&masks->masks[number], masks->frame, &code);
    Py_END_ALLOW_THREADS
    PyObject *result = problem ? NULL : PyBytes_FromStringAndSize((const char *)code.text, (Py_ssize_t)code.size);
    free(code.text);
    if (problem)
        raise_problem("", problem);
    return result;
}

PyDoc_STRVAR(labels_present_doc, "labels_present(labels, /)\n--\n\n"
                                 "The values that occur in a buffer of bytes, in order, as bytes.");

static PyObject *
labels_present(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer labels;
    if (!PyArg_ParseTuple(args, "y*:labels_present", &labels))
        return NULL;
    uint8_t seen[MAX_LABELS] = {0};
    Py_BEGIN_ALLOW_THREADS
    const uint8_t *bytes = labels.buf;
    size_t size = (size_t)labels.len;
    for (size_t at = 0; at < size; at += run_length(bytes + at, size - at))
        seen[bytes[at]] = 1;
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&labels);
    return seen_labels(seen);
}

static PyMethodDef methods[] = {
    {"pair_counts", pair_counts, METH_VARARGS, pair_counts_doc},
    {"label_counts", label_counts, METH_VARARGS, label_counts_doc},
    {"rle_counts", rle_counts, METH_VARARGS, rle_counts_doc},
    {"outline_labels", outline_labels, METH_VARARGS, outline_labels_doc},
    {"outline_counts", outline_counts, METH_VARARGS, outline_counts_doc},
    {"outline_pairs", outline_pairs, METH_VARARGS, outline_pairs_doc},
    {"outline_code", outline_code, METH_VARARGS, outline_code_doc},
    {"are_counts", are_counts, METH_VARARGS, are_counts_doc},
    {"labels_present", labels_present, METH_VARARGS, labels_present_doc},
    {NULL, NULL, 0, NULL},
};

static int
add_name(PyObject *module)
{
    return PyModule_AddStringConstant(module, "NAME", "C");
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)add_name}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_kernel",
    .m_doc = "Pixel counts of pairs of masks, packed into words.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__kernel(void)
{
    return PyModuleDef_Init(&definition);
}
