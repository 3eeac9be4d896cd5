"""A corpus of arrays: whatever the reference libraries can write, such that each pair of properties occurs together.

Served by the environment zarr3 (Zarr v2 and v3 of zarr-python 3, HDF5 of h5py) and by zarr2 (Zarr v2 and N5 of zarr-python 2).
`plan` chooses cases, `write` writes some of them, and `check` reads what bellis made of them.

A case is an object of properties. A property that no library writes together with another one is changed by `possible`, or
the case is left out: the libraries know best.
"""

import os
import random
import warnings

import numcodecs
import numpy
import zarr
from conversation import digest, plain, serve, voxels

warnings.filterwarnings("ignore")
IS_ZARR3 = zarr.__version__.startswith("3")
if IS_ZARR3:
    import h5py
    import zarr.codecs as v3
    import zarr.codecs.numcodecs as v3n

INTEGERS = [f"{sign}{size}" for sign in "ui" for size in (1, 2, 4, 8)]
FLOATS = ["f4", "f8"]
ALL = ["b1", *INTEGERS, "f2", *FLOATS, "c8", "c16"]
SHAPES = ["7", "1", "13", "5,6", "1,9", "11,3", "4,5,6", "7,1,2", "3,4,2,5", "2,3,1,2,3"]
CHUNKS = ["whole", "some", "ones", "beyond"]
WRITTEN = ["all", "part", "none"]
FILLS = ["none", "zero", "one", "least", "most", "nan", "inf", "-inf"]
AXES = ["none", "funlib", "channels", "resolution", "fractions", "other"]
BLOSC = [f"blosc {name} {shuffle}" for name in ("lz4", "lz4hc", "zstd", "zlib", "blosclz") for shuffle in (0, 1, 2)]
NUMCODECS = ["zlib 1", "zlib 9", "gzip 0", "gzip 5", "bz2 1", "bz2 9", "lz4 1", "lzma 1", "zstd 0", "zstd 9"]
FILTERS = ["none", "delta", "shuffle", "fixedscaleoffset", "quantize", "bitround", "packbits", "astype", "crc32", "crc32c",
           "adler32", "fletcher32", "delta shuffle", "shuffle crc32c"]

V2 = {
    "dtype": ALL, "byte order": ["<", ">"], "shape": ["", "0,4", *SHAPES], "chunks": CHUNKS, "order": ["C", "F"],
    "codec": ["none", *NUMCODECS, *BLOSC], "filter": FILTERS, "separator": [".", "/"], "fill": FILLS, "written": WRITTEN,
    "axes": AXES, "place": ["alone", "group"],
}
FAMILIES = {
    "Zarr v2": V2,
    "Zarr v3": {
        "dtype": ALL, "byte order": ["<", ">"], "shape": ["", "0,4", *SHAPES], "chunks": CHUNKS,
        "order": ["C", "F", "turned"],
        "codec": ["none", "gzip 0", "gzip 5", "zstd 0", "zstd 9 checksum", "crc32c", "gzip 1 crc32c", "numcodecs bz2",
                  "numcodecs lzma", "numcodecs lz4", "numcodecs zlib", "numcodecs gzip", "numcodecs zstd", *BLOSC],
        "filter": FILTERS, "key": ["default /", "default .", "v2 /", "v2 ."], "fill": FILLS, "written": WRITTEN,
        "axes": AXES, "place": ["alone", "group"],
        "shards": ["none", "end", "start", "bare index", "nested"], "names": ["none", "all", "some"],
    },
    "N5": {
        "dtype": [*INTEGERS, *FLOATS], "shape": ["0,4", *SHAPES], "chunks": CHUNKS,
        "codec": ["none", *NUMCODECS, *BLOSC], "written": WRITTEN, "axes": AXES, "place": ["alone", "group"],
    },
    "HDF5": {
        "dtype": [*ALL, "enum", "field"], "byte order": ["<", ">"], "shape": ["", "0,4", *SHAPES],
        "layout": ["contiguous", "compact", "early", "external", "virtual", *CHUNKS],
        "codec": ["none", "gzip 0", "gzip 4", "gzip 9", "lzf", "scaleoffset", "nbit", "szip"], "shuffle": [0, 1],
        "fletcher32": [0, 1], "grows": ["no", "to a bound", "along one", "along all"], "fill": FILLS,
        "fill time": ["ifset", "never", "alloc"], "written": WRITTEN, "axes": AXES, "place": ["alone", "group"],
        "version": ["earliest", "v108,v108", "v108,v110", "v110,v110"], "user block": [0, 512, 2048],
        "suffix": ["h5", "hdf5", "mat", "none"],
    },
}


def numbers(text):
    return tuple(int(part) for part in text.split(",") if part)


def possible(family, case):
    """The case with what can go together."""
    case = dict(case)
    kind, is_byte = case["dtype"][0], case["dtype"] in ("u1", "i1", "b1")
    shape = numbers(case["shape"])
    if case.get("fill") in ("nan", "inf", "-inf", "least", "most") and kind in "bc" or kind in "ui" and case.get("fill") in ("nan", "inf", "-inf"):
        case["fill"] = "one"
    if is_byte and "byte order" in case:
        case["byte order"] = "<"
    if not shape:
        case |= {"chunks": "whole", "axes": "none"} | ({"names": "none", "shards": "none"} if family == "Zarr v3" else {})
    if len(shape) < 2:
        case["axes"] = "funlib" if case["axes"] == "channels" else case["axes"]
        if family == "Zarr v3":
            case["order"] = "C"
    if 0 in shape and case.get("chunks") in ("whole", "beyond"):
        case["chunks"] = "some"
    filters = case.get("filter", "none").split()
    needs = {
        "packbits": kind == "b",
        "delta": kind in "uif" and case["dtype"] != "f2",
        "fixedscaleoffset": case["dtype"] in ("f4", "f8", "i4", "i8"),
        "quantize": case["dtype"] in ("f4", "f8"),
        "bitround": case["dtype"] in ("f4", "f8") and case.get("byte order") == "<",
        "astype": case["dtype"] in ("f4", "f8", "i2", "i4"),
    }
    if not all(needs.get(name, True) for name in filters):
        case["filter"] = "none"
    if not IS_ZARR3 and family == "Zarr v2" and case["fill"] == "none":
        # What nobody wrote is then whatever lay in memory.
        case["written"] = "all"
    if not IS_ZARR3 and "crc32c" in filters:
        # It takes a library more.
        case["filter"] = "crc32"
    if family == "Zarr v3" and case["shards"] != "none" and case["chunks"] == "beyond":
        case["chunks"] = "some"
    if family == "Zarr v3" and set(filters) & {"delta", "fixedscaleoffset", "quantize", "bitround", "astype", "packbits"}:
        # zarr-python 3.1 takes what it decoded for little endian there, and does not read what it wrote.
        case["byte order"] = "<"
    if family == "Zarr v3" and case["filter"] == "shuffle crc32c":
        case["filter"] = "shuffle"
    return possible_in_hdf5(case, shape) if family == "HDF5" else case


def possible_in_hdf5(case, shape):
    dtype, layout = case["dtype"], case["layout"]
    if not shape or 0 in shape:
        layout = "contiguous"
    if layout == "beyond":
        case["grows"] = "along all"
    if layout not in CHUNKS:
        case |= {"codec": "none", "shuffle": 0, "fletcher32": 0, "grows": "no"}
    if case["codec"] in ("scaleoffset", "nbit") and dtype not in INTEGERS:
        case["codec"] = "none"
    if case["codec"] == "szip" and dtype not in [*INTEGERS, *FLOATS] or case["codec"] == "szip" and layout == "ones":
        case["codec"] = "none"
    if case["codec"] == "scaleoffset":
        case |= {"fletcher32": 0, "shuffle": 0}
    if dtype == "field" and case["codec"] == "lzf":
        # Refused: see `odd_hdf5`.
        case["codec"] = "gzip 4"
    if dtype in ("enum", "field"):
        case["fill"] = "none" if dtype == "field" else "one"
    if layout in ("compact", "external", "virtual"):
        case["fill time"] = "ifset"
    return case | {"layout": layout}


def pairs_of(case):
    names = sorted(case)
    return {
        (one, case[one], other, case[other]) for at, one in enumerate(names) for other in names[at + 1 :]
    }


def plan(family, seed, rounds):
    """Cases of which each pair of properties that go together occurs in one, `rounds` times."""
    factors, chance = FAMILIES[family], random.Random(seed)
    cases = []
    for _ in range(rounds):
        anything = lambda: {name: chance.choice(values) for name, values in factors.items()}
        names = sorted(factors)
        waiting = {
            (one, a, other, b): 0
            for at, one in enumerate(names) for other in names[at + 1 :]
            for a in factors[one] for b in factors[other]
        }
        while waiting:
            wanted = next(iter(waiting))
            one, a, other, b = wanted
            tried = [possible(family, anything() | {one: a, other: b}) for _ in range(8)]
            best = max(tried, key=lambda case: len(pairs_of(case) & waiting.keys()))
            found = pairs_of(best) & waiting.keys()
            for pair in found:
                del waiting[pair]
            if wanted not in found:
                # Perhaps it goes together with nothing; so it is tried a few times.
                waiting[wanted] = waiting.pop(wanted) + 1
                if waiting[wanted] > 2:
                    del waiting[wanted]
            if found:
                cases.append(best)
    return cases


def chunks_of(case, shape, name="chunks"):
    edges = {"whole": lambda n: n, "some": lambda n: max(1, (n + 1) // 2 - (n > 5)), "ones": lambda n: 1, "beyond": lambda n: n + 3}
    return tuple(max(1, edges[case[name]](extent)) for extent in shape)


def fill_of(case, dtype):
    fill, dtype = case["fill"], numpy.dtype(dtype)
    if fill in ("none", "zero"):
        return dtype.type(0)
    if fill in ("least", "most"):
        limits = numpy.iinfo(dtype) if dtype.kind in "ui" else numpy.finfo(dtype)
        return dtype.type(limits.min if fill == "least" else limits.max)
    return dtype.type(1 if fill == "one" else float(fill))


def values_of(case, shape, dtype):
    """What is written: numbers that a filter does not carry beyond its type."""
    if case.get("filter", "none") in ("none", "shuffle") and case.get("codec") not in ("scaleoffset", "nbit"):
        return voxels(shape, dtype)
    return (numpy.arange(numpy.prod(shape, dtype=int)) * 7 % 101).astype(dtype).reshape(shape)


def part_of(case, shape):
    return {"all": ..., "none": None}.get(case["written"], tuple(slice(extent // 3, extent) for extent in shape) or None)


def attributes_of(case, shape):
    """What is said of the axes, and where the array then lies."""
    n = len(shape)
    axes = list(range(n))
    if case["axes"] == "funlib":
        said = {"offset": [7 * axis - 10 for axis in axes], "voxel_size": [axis + 2 for axis in axes],
                "axis_names": ["t", "s", "z", "y", "x"][5 - n :], "units": ["nm"] * n}
        return said, said
    if case["axes"] == "channels":
        said = {"offset": [3] * (n - 1), "voxel_size": [4] * (n - 1), "axis_names": ["c^", "t", "z", "y", "x"][:1] + list("abcd")[: n - 1], "units": ["um"] * (n - 1)}
        return said, said
    if case["axes"] == "resolution":
        return {"resolution": [float(axis + 1) for axis in axes]}, {"voxel_size": [axis + 1 for axis in axes]}
    if case["axes"] == "fractions":
        said = {"voxel_size": [0.25] * n, "offset": [-1.5] * n, "units": ["um"] * n}
        return said, {"voxel_size": [250] * n, "offset": [-1500] * n, "units": ["nm"] * n}
    if case["axes"] == "other":
        return {"resolution": "300 dpi", "units": "1", "offset": [0.5] * (n + 1)}, {"voxel_size": [1] * n, "offset": [0] * n}
    return {}, {"voxel_size": [1] * max(n, 1), "offset": [0] * max(n, 1)}


def codec2(text):
    """A codec of numcodecs."""
    if text == "none":
        return None
    name, *more = text.split()
    level = int(more[0]) if more and more[0].isdigit() else 1
    if name == "blosc":
        return numcodecs.Blosc(cname=more[0], clevel=5, shuffle=int(more[1]))
    makers = {
        "zlib": lambda: numcodecs.Zlib(level), "gzip": lambda: numcodecs.GZip(level), "bz2": lambda: numcodecs.BZ2(level),
        "lz4": lambda: numcodecs.LZ4(), "lzma": lambda: numcodecs.LZMA(preset=level), "zstd": lambda: numcodecs.Zstd(level),
    }
    return makers[name]()


def filter_config(name, dtype):
    dtype = numpy.dtype(dtype)
    return {
        "delta": dict(dtype=dtype.str), "shuffle": dict(elementsize=dtype.itemsize),
        "fixedscaleoffset": dict(offset=3, scale=2, dtype=dtype.str, astype="<i2"),
        "quantize": dict(digits=1, dtype=dtype.str), "bitround": dict(keepbits=5),
        "astype": dict(encode_dtype="<f8" if dtype.kind == "i" else "<f4", decode_dtype=dtype.str),
    }.get(name, {})


FILTER_CLASSES = {
    "delta": "Delta", "shuffle": "Shuffle", "fixedscaleoffset": "FixedScaleOffset", "quantize": "Quantize",
    "bitround": "BitRound", "packbits": "PackBits", "astype": "AsType", "crc32": "CRC32", "crc32c": "CRC32C",
    "adler32": "Adler32", "fletcher32": "Fletcher32",
}


def filters2(case, dtype):
    names = [name for name in case["filter"].split() if name != "none"]
    return [numcodecs.get_codec({"id": name, **filter_config(name, dtype)}) for name in names] or None


def write_v2(path, case):
    shape, dtype = numbers(case["shape"]), numpy.dtype(case["byte order"] + case["dtype"])
    if IS_ZARR3:
        array = zarr.create_array(
            path, shape=shape, chunks=chunks_of(case, shape), dtype=dtype, zarr_format=2, order=case["order"],
            compressors=codec2(case["codec"]), filters=filters2(case, dtype), fill_value=None if case["fill"] == "none" else fill_of(case, dtype),
            chunk_key_encoding={"name": "v2", "separator": case["separator"]},
        )
    else:
        array = zarr.open_array(
            zarr.DirectoryStore(path), mode="w", shape=shape, chunks=chunks_of(case, shape), dtype=dtype, order=case["order"],
            compressor=codec2(case["codec"]), filters=filters2(case, dtype), fill_value=None if case["fill"] == "none" else fill_of(case, dtype),
            dimension_separator=case["separator"],
        )
    fill(array, case)
    return array[...], array.attrs


def write_v3(path, case):
    shape, dtype = numbers(case["shape"]), numpy.dtype(case["dtype"])
    chunks = chunks_of(case, shape)
    filters = [] if case["order"] == "C" else [v3.TransposeCodec(order=tuple(range(len(shape)))[::-1] if case["order"] == "F" else tuple((axis + 1) % len(shape) for axis in range(len(shape))))]
    serializer = v3.BytesCodec(endian={"<": "little", ">": "big"}[case["byte order"]])
    codec, *more = case["codec"].split()
    makers = {
        "none": lambda: [], "gzip": lambda: [v3.GzipCodec(level=int(more[0]))],
        "zstd": lambda: [v3.ZstdCodec(level=int(more[0]), checksum="checksum" in more)], "crc32c": lambda: [v3.Crc32cCodec()],
        "blosc": lambda: [v3.BloscCodec(cname=more[0], shuffle=["noshuffle", "shuffle", "bitshuffle"][int(more[1])])],
        "numcodecs": lambda: [getattr(v3n, {"bz2": "BZ2", "lzma": "LZMA", "lz4": "LZ4", "zlib": "Zlib", "gzip": "GZip", "zstd": "Zstd"}[more[0]])()],
    }
    compressors = makers[codec]()
    if codec == "gzip" and "crc32c" in more:
        compressors.append(v3.Crc32cCodec())
    for name in case["filter"].split():
        if name in ("shuffle", "crc32", "crc32c", "adler32", "fletcher32"):
            compressors.insert(0, getattr(v3n, FILTER_CLASSES[name])(**filter_config(name, dtype)))
        elif name != "none":
            filters.append(getattr(v3n, FILTER_CLASSES[name])(**filter_config(name, dtype)))
    kind, separator = case["key"].split()
    options, outer = {}, chunks
    if case["shards"] in ("end", "start"):
        options = {"shards": {"shape": tuple(2 * extent for extent in chunks), "index_location": case["shards"]}}
    elif case["shards"] != "none":
        outer = tuple(2 * extent for extent in chunks)
        index = {"index_codecs": [v3.BytesCodec()]} if case["shards"] == "bare index" else {}
        inner = [*filters, serializer, *compressors]
        if case["shards"] == "nested":
            inner = [v3.ShardingCodec(chunk_shape=chunks, codecs=inner)]
        filters, compressors = [], []
        serializer = v3.ShardingCodec(chunk_shape=chunks, codecs=inner, **index)
    names = {"none": None, "all": list("tszyx")[5 - len(shape) :], "some": [None, *"bcdef"][: len(shape)]}[case["names"]]
    array = zarr.create_array(
        path, shape=shape, chunks=outer, dtype=dtype, zarr_format=3, filters=filters, serializer=serializer, compressors=compressors,
        fill_value=fill_of(case, dtype), chunk_key_encoding={"name": kind, "separator": separator}, dimension_names=names, **options,
    )
    fill(array, case)
    return array[...], array.attrs


def write_n5(path, case):
    shape, dtype = numbers(case["shape"]), numpy.dtype(case["dtype"])
    root, _, name = path.partition(".n5/")
    array = zarr.open_array(
        zarr.N5Store(root + ".n5"), path=name, mode="w", shape=shape, chunks=chunks_of(case, shape), dtype=dtype,
        compressor=codec2(case["codec"]), fill_value=0,
    )
    fill(array, case)
    return array[...], array.attrs


def fill(array, case):
    shape = tuple(array.shape)
    part = part_of(case, shape)
    if part is not None and 0 not in shape:
        data = values_of(case, shape, array.dtype)
        array[part] = data[part]
    array.attrs.update(attributes_of(case, shape)[0])


def write_hdf5(path, case):
    file, name = path
    shape, byte_order = numbers(case["shape"]), case["byte order"]
    plain_type = numpy.dtype(byte_order + {"enum": "i2", "field": "u4"}.get(case["dtype"], case["dtype"]))
    dtype = {
        "enum": lambda: h5py.enum_dtype({"none": 0, "some": 1, "more": 300}, basetype=plain_type),
        "field": lambda: numpy.dtype([("a", "u1"), ("value", plain_type), ("b", "f8")]),
    }.get(case["dtype"], lambda: plain_type)()
    layout, grows = case["layout"], case["grows"]
    options = {}
    if layout in CHUNKS:
        options["chunks"] = chunks_of(case, shape, "layout")
        options["maxshape"] = {
            "no": None, "to a bound": tuple(2 * extent + 1 for extent in shape), "along one": (None, *shape[1:]), "along all": (None,) * len(shape),
        }[grows]
        options |= {"shuffle": bool(case["shuffle"]), "fletcher32": bool(case["fletcher32"])}
        codec, *level = case["codec"].split()
        if codec == "gzip":
            options |= {"compression": "gzip", "compression_opts": int(level[0])}
        elif codec in ("lzf", "szip"):
            options["compression"] = codec
        elif codec == "scaleoffset":
            options["scaleoffset"] = 0
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_fill_time({"ifset": h5py.h5d.FILL_TIME_IFSET, "never": h5py.h5d.FILL_TIME_NEVER, "alloc": h5py.h5d.FILL_TIME_ALLOC}[case["fill time"]])
    if case["codec"] == "nbit":
        plist.set_filter(h5py.h5z.FILTER_NBIT)
    if layout == "compact":
        plist.set_layout(h5py.h5d.COMPACT)
    elif layout == "early":
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    elif layout == "external":
        n_bytes = int(numpy.prod(shape, dtype=int)) * dtype.itemsize
        with open(file + ".raw", "wb") as raw:
            raw.write(bytes(n_bytes))
        plist.set_external((os.path.abspath(file) + ".raw").encode(), 0, n_bytes)
    if case["fill"] != "none" and layout != "external":
        options["fillvalue"] = fill_of(case, plain_type)
    versions = case["version"].split(",")
    with h5py.File(file, "w", libver=tuple(versions) if len(versions) > 1 else versions[0], userblock_size=case["user block"] or None) as opened:
        data = values_of(case, shape, plain_type)
        if case["dtype"] == "enum":
            data = (data % 2 * 300).astype(plain_type)
        if case["dtype"] == "field":
            records = numpy.zeros(shape, dtype)
            records["value"] = data
            data = records
        part = part_of(case, shape)
        if layout == "virtual":
            opened.create_dataset("source", data=data)
            virtual = h5py.VirtualLayout(shape, dtype)
            if part is not None:
                virtual[part] = h5py.VirtualSource(opened["source"])[part]
            dataset = opened.create_virtual_dataset(name, virtual, fillvalue=options.get("fillvalue"))
        else:
            dataset = opened.create_dataset(name, shape, dtype, dcpl=plist, **options)
            if part is not None and 0 not in shape:
                dataset[part] = data[part]
        for key, value in attributes_of(case, shape)[0].items():
            dataset.attrs[key] = value
    with h5py.File(file, "r") as opened:
        found = opened[name][...]
        return (found["value"] if case["dtype"] == "field" else found), {}


def write(folder, family, first, cases):
    """Writes cases, and says of each where, what was written and where it lies; or why the library refuses it."""
    os.makedirs(folder, exist_ok=True)
    return [written(folder, family, first + number, case) for number, case in enumerate(cases)]


def written(folder, family, number, case):
    inside = "/deep/raw" if case["place"] == "group" else ""
    try:
        if family == "HDF5":
            suffix = "" if case["suffix"] == "none" else "." + case["suffix"]
            file, name = f"{folder}/{number}{suffix}", (inside or "/raw")[1:]
            data, _ = write_hdf5((file, name), case)
            path = f"{file}/{name}" + ("@value" if case["dtype"] == "field" else "")
        elif family == "N5":
            path = f"{folder}/{number}.n5{inside or '/raw'}"
            data, _ = write_n5(path, case)
        else:
            path = f"{folder}/{number}.zarr{inside}"
            data, _ = (write_v2 if family == "Zarr v2" else write_v3)(path, case)
    except Exception as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    data = numpy.asarray(data)
    _, place = attributes_of(case, data.shape)
    return {"path": path, "shape": list(data.shape) or [1], "dtype": data.dtype.name, "sha256": digest(data), "place": place}


def check(paths):
    """What this library reads there: each array's shape, type and content."""
    return [checked(path) for path in paths]


def checked(path):
    if ".n5/" in path:
        root, _, name = path.partition(".n5/")
        data = zarr.open_array(zarr.N5Store(root + ".n5"), path=name, mode="r")[...]
    elif ".h5/" in path:
        file, _, name = path.partition(".h5/")
        with h5py.File(file + ".h5", "r") as opened:
            data = opened[name][...]
    else:
        data = zarr.open_array(path, mode="r")[...]
    return {"shape": list(data.shape), "dtype": data.dtype.name, "sha256": digest(data)}


def odd(folder, family):
    """What libraries write and bellis may refuse, one array of each kind: its name and its path."""
    os.makedirs(folder, exist_ok=True)
    kinds = {"Zarr v2": odd_v2, "Zarr v3": odd_v3, "N5": lambda folder: {}, "HDF5": odd_hdf5}[family](folder)
    return [{"what": what, "path": path} for what, path in kinds.items()]


def odd_v2(folder):
    kinds = {
        "text of fixed length": dict(data=numpy.array(["a", "bc"])), "bytes of fixed length": dict(data=numpy.array([b"a", b"bc"])),
        "dates": dict(data=numpy.array(["2020-01-01"], "M8[s]")), "durations": dict(data=numpy.array([3], "m8[s]")),
        "records": dict(data=numpy.zeros(3, [("a", "i4"), ("b", "f8")])), "raw bytes": dict(data=numpy.zeros(3, "V5")),
        "nine axes": dict(data=numpy.zeros((2,) + (1,) * 8, "u1")),
    }
    if not IS_ZARR3:
        kinds["text"] = dict(data=numpy.array(["a", "bcd"], object), object_codec=numcodecs.VLenUTF8())
        kinds["lists"] = dict(data=numpy.array(["a", "bcd"], object), object_codec=numcodecs.JSON())
    return written_kinds(folder, kinds, 2)


def odd_v3(folder):
    kinds = {
        "text of fixed length": dict(data=numpy.array(["a", "bc"])), "bytes of fixed length": dict(data=numpy.array([b"a", b"bc"])),
        "dates": dict(data=numpy.array(["2020-01-01"], "M8[s]")), "durations": dict(data=numpy.array([3], "m8[s]")),
        "records": dict(data=numpy.zeros(3, [("a", "i4"), ("b", "f8")])), "raw bytes": dict(data=numpy.zeros(3, "V5")),
        "text": dict(data=numpy.array(["a", "bcd"], numpy.dtypes.StringDType())),
        "nine axes": dict(data=numpy.zeros((2,) + (1,) * 8, "u1")),
        "jenkins": dict(data=numpy.arange(6, dtype="i4"), compressors=v3n.JenkinsLookup3() if IS_ZARR3 else None),
    }
    return written_kinds(folder, kinds, 3)


def written_kinds(folder, kinds, version):
    paths = {}
    for what, options in kinds.items():
        paths[what] = f"{folder}/{what.replace(' ', '-')}.zarr"
        if IS_ZARR3:
            zarr.create_array(paths[what], zarr_format=version, **options)
        else:
            zarr.array(store=zarr.DirectoryStore(paths[what]), **options)
    return paths


def odd_hdf5(folder):
    file = f"{folder}/odd.h5"
    simple = lambda: h5py.h5s.create_simple((4,))
    with h5py.File(file, "w") as opened:
        opened["text of fixed length"] = numpy.array([b"a", b"bc"])
        opened["text"] = ["a", "bcd"]
        opened["raw bytes"] = numpy.zeros(3, "V5")
        opened["records"] = numpy.zeros(3, [("a", "i4"), ("b", "f8")])
        opened.create_dataset("lists", (3,), dtype=h5py.vlen_dtype("<i4"))
        opened.create_dataset("references", (3,), dtype=h5py.ref_dtype)
        opened.create_dataset("regions", (3,), dtype=h5py.regionref_dtype)
        opened["without a shape"] = h5py.Empty("<f4")
        opened["nine axes"] = numpy.zeros((2,) + (1,) * 8, "u1")
        h5py.h5d.create(opened.id, b"bits", h5py.h5t.STD_B16LE, simple())
        h5py.h5d.create(opened.id, b"times", h5py.h5t.UNIX_D32LE, simple())
        opened.create_dataset("wide floats", (3,), dtype=numpy.longdouble)
        opened.create_dataset("wide complex", (3,), dtype=numpy.clongdouble)
        paths = {what: f"{file}/{what}" for what in opened}
        # The library takes fields out of elements, and has no LZF.
        opened.create_dataset("packed", data=numpy.zeros(8, [("a", "i4"), ("b", "f8")]), chunks=(4,), compression="lzf")
        paths["a field under LZF"] = f"{file}/packed@a"
    # Of HDF5 1.12, which releases before cannot read where space is allocated later, and of the newest there is.
    for version in ("v112", "latest"):
        paths[f"version {version}"] = f"{folder}/{version}.h5/raw"
        with h5py.File(f"{folder}/{version}.h5", "w", libver=(version, version) if version != "latest" else version) as opened:
            opened.create_dataset("raw", data=numpy.arange(6), chunks=(2,), maxshape=(None,), compression="gzip")
    return paths


if __name__ == "__main__":
    serve(plan, write, odd, check)
