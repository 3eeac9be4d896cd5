"""The other side of tests/common/python.rs: one line of JSON asks, one line answers. And what all scripts share."""

import faulthandler
import hashlib
import json
import os
import sys
import traceback

import numpy

# Whoever hangs ends with a traceback rather than never.
TIME_LIMIT_S = 60


def voxels(shape, dtype, seed=0):
    """Numbers whose bytes all differ: what `Voxel::at` in tests/interop/volume.rs says, in C order."""
    index = numpy.arange(numpy.prod(shape, dtype=int), dtype="uint64") + numpy.uint64(seed)
    mixed = index * numpy.uint64(2654435761) & numpy.uint64(0xFFFFFFFF)
    dtype = numpy.dtype(dtype)
    if dtype.kind == "b":
        values = mixed % numpy.uint64(2)
    elif dtype.kind in "fcV":
        values = (mixed % numpy.uint64(65521)).astype("float64") / 16 - 1000
        values = values * (1 - 0.5j) if dtype.kind == "c" else values
    else:
        values = mixed * numpy.uint64(0x100000001)
    return values.astype(dtype).reshape(shape)


def fill_of(fill, dtype):
    """A fill value, which JSON has as text where it is not finite."""
    return numpy.dtype(dtype).type(float(fill) if isinstance(fill, str) else fill)


def box(part):
    return tuple(slice(begin, end) for begin, end in part)


def digest(data):
    data = numpy.ascontiguousarray(data)
    return hashlib.sha256(data.astype(data.dtype.newbyteorder("<")).tobytes()).hexdigest()


def described(data, attributes):
    """What a reader sees."""
    data = numpy.asarray(data)
    attributes = {name: plain(value) for name, value in dict(attributes).items()}
    return {
        "shape": list(data.shape),
        "dtype": data.dtype.name,
        "sha256": digest(data),
        "attributes": attributes,
    }


def plain(value):
    """What JSON can hold."""
    if isinstance(value, (numpy.ndarray, list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, numpy.generic) else value


def serve(*verbs):
    """Answers until nobody asks any more."""
    verbs = {verb.__name__: verb for verb in verbs}
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        faulthandler.dump_traceback_later(TIME_LIMIT_S, exit=True)
        verb, request = json.loads(line)
        try:
            answer = {"answer": verbs[verb](**request)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
        faulthandler.cancel_dump_traceback_later()
