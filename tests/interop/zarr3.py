"""zarr-python 3, tensorstore, h5py and ome-zarr-models, as they are asked to write and read.

`options` are the keyword arguments of what creates an array, as Python text: see the tables of the tests.
"""

import json
import os

import h5py
import lz4.frame
import numcodecs
import numpy
import ome_zarr_models
import ome_zarr_models.v04
import ome_zarr_models.v05
import pydantic_zarr.v2
import pydantic_zarr.v3
import tensorstore
import zarr
import zarr.codecs
import zarr.codecs.numcodecs
from conversation import box, described, digest, fill_of, plain, serve, voxels


def arguments(options):
    own = {"compact": compact, "deflate_then_shuffle": deflate_then_shuffle, "early": early}
    names = vars(zarr.codecs) | own | {"numcodecs": numcodecs, "numpy": numpy, "v3": zarr.codecs.numcodecs}
    return eval(f"dict({options})", names)


def zarr_write(path, shape, dtype, fill, part, attributes, options):
    array = zarr.create_array(
        path, shape=shape, dtype=dtype, fill_value=fill_of(fill, dtype), attributes=attributes, **arguments(options)
    )
    array[box(part)] = voxels(shape, array.dtype)[box(part)]


def zarr_patch(path, part, seed):
    array = zarr.open_array(path, mode="r+")
    array[box(part)] = voxels(array.shape, array.dtype, seed)[box(part)]


def zarr_read(path):
    array = zarr.open_array(path, mode="r")
    return described(array[...], array.attrs)


def zarr_value(path, value, options):
    zarr.create_array(path, shape=(), dtype="i4", fill_value=0, **arguments(options))[...] = value


def zarr_read_value(path):
    return int(zarr.open_array(path, mode="r")[...])


def zarr_consolidated(path, zarr_format):
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group.create_array("old", shape=(3,), chunks=(3,), dtype="f4", fill_value=numpy.nan)
    zarr.consolidate_metadata(path)


def zarr_members(path):
    group = zarr.open_group(path, mode="r", use_consolidated=True)
    return sorted(name for name, _ in group.members(max_depth=None))


def zarr_consolidated_attributes(path, member):
    group = zarr.open_group(path, mode="r", use_consolidated=True)
    return dict((group[member] if member else group).attrs)


def store(path, driver):
    return {"driver": driver, "kvstore": {"driver": "file", "path": path}}


def tensorstore_write(path, shape, dtype, fill, part, attributes, driver, metadata):
    """`metadata` is what the driver takes, beyond what all arrays have."""
    own = {"fill_value": fill}
    if driver == "zarr3":
        own |= {"shape": shape, "data_type": dtype, "attributes": attributes}
    elif driver == "zarr":
        own |= {"shape": shape, "dtype": numpy.dtype(dtype).str}
    else:
        # tensorstore has the axes of N5 as they are on disk: reversed.
        own = {"dimensions": shape[::-1], "dataType": dtype} | attributes
    spec = store(path, driver) | {"metadata": own | metadata, "create": True}
    array = tensorstore.open(spec).result()
    if driver == "zarr":
        with open(os.path.join(path, ".zattrs"), "w") as file:
            json.dump(attributes, file)
    data = voxels(shape, dtype)[box(part)]
    if driver == "n5":
        array[box(part[::-1])] = data.T
    else:
        array[box(part)] = data


def tensorstore_patch(path, driver, part, seed):
    array = tensorstore.open(store(path, driver)).result()
    if driver == "n5":
        array = array.T
    array[box(part)] = voxels(array.shape, array.dtype.numpy_dtype, seed)[box(part)]


def tensorstore_read(path, driver):
    file = {"zarr3": "zarr.json", "zarr": ".zattrs", "n5": "attributes.json"}[driver]
    with open(os.path.join(path, file)) as opened:
        attributes = json.load(opened)
    data = tensorstore.open(store(path, driver)).result().read().result()
    if driver == "zarr3":
        attributes = attributes["attributes"]
    return described(data.T if driver == "n5" else data, attributes)


def early():
    """A dataset whose space is allocated when it is created."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    return plist


def compact():
    """A dataset inside its own header."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    return plist


def deflate_then_shuffle():
    """Filters in an order that nobody would choose."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_deflate(4)
    plist.set_shuffle()
    return plist


def h5py_write(path, name, shape, dtype, fill, part, attributes, options, file_options=""):
    with h5py.File(path, "a", **arguments(file_options)) as file:
        dataset = file.create_dataset(name, shape, dtype, fillvalue=fill_of(fill, dtype), **arguments(options))
        if part:
            dataset[box(part)] = voxels(shape, dtype)[box(part)]
        for key, value in attributes.items():
            dataset.attrs[key] = value


def h5py_patch(path, name, part, seed):
    with h5py.File(path, "r+") as file:
        dataset = file[name]
        dataset[box(part)] = voxels(dataset.shape, dataset.dtype, seed)[box(part)]


def h5py_read(path, name):
    with h5py.File(path, "r") as file:
        return described(file[name][...], file[name].attrs)


def h5py_types(path):
    """Elements that are not numbers as such: each dataset, and what h5py reads, as numbers."""
    enum = h5py.enum_dtype({"none": 0, "cell": 1, "edge": 300}, basetype=">i2")
    pair = numpy.dtype([("mask", "?"), ("id", ">u4"), ("pair", ">u2", (2,)), ("z", "<c8"), ("height", "<f2"), ("in", [("x", "<i2"), ("y", ">i2")])])
    with h5py.File(path, "a") as file:
        file.create_dataset("mask", data=numpy.arange(20).reshape(4, 5) % 3 == 1)
        file["mask"].attrs["units"] = h5py.Empty("S3")
        file.create_dataset("gzip mask", data=numpy.arange(20).reshape(4, 5) % 3 == 1, chunks=(3, 3), compression="gzip")
        labels = numpy.arange(20, dtype=">i2").reshape(4, 5) % 2 * 300 + 7 * (numpy.arange(20).reshape(4, 5) == 3)
        file.create_dataset("enum", data=labels, dtype=enum)
        file.create_dataset("lzf enum", data=labels, dtype=enum, chunks=(2, 5), compression="lzf", shuffle=True)
        records = numpy.zeros((4, 5), pair)
        records["mask"], records["id"] = numpy.arange(20).reshape(4, 5) % 2 == 1, numpy.arange(20).reshape(4, 5) * 70000
        records["z"], records["height"] = numpy.arange(20).reshape(4, 5) * (1 - 2j), numpy.arange(20).reshape(4, 5) / 4
        records["pair"] = numpy.arange(40).reshape(4, 5, 2)
        records["in"]["y"] = numpy.arange(20).reshape(4, 5)
        file.create_dataset("records", data=records, chunks=(2, 3))
        file.create_dataset("a@b", data=numpy.arange(4))
        file["single"] = numpy.float32(1.5)
        h5py.h5d.create(file.id, b"bits", h5py.h5t.STD_B16LE, h5py.h5s.create_simple((5,)))
        file.create_dataset("opaque", data=numpy.zeros(5, "V7"))
        file.create_dataset("text", data=["a", "b"])
        file.create_dataset("lists", (3,), dtype=h5py.vlen_dtype("<i4"))
        arrays = file.create_dataset("arrays", (4,), dtype=numpy.dtype((">i2", (5, 1))), chunks=(3,), compression="gzip")
        arrays[...] = numpy.arange(20).reshape(4, 5, 1)
        file.create_dataset("texts", (3,), dtype=numpy.dtype(("S4", (2, 3))))
        file.create_dataset("nothing", data=h5py.Empty("<f4"))
        file.create_dataset("nine", (2,) * 9, "u1")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["type"] = numpy.dtype("<f4")
        file["outside"] = h5py.ExternalLink("missing.h5", "/raw")


def h5py_field(path, name, field):
    with h5py.File(path, "r") as file:
        return [plain(value) for value in file[name][field].ravel()]


def h5py_filter(path, name, number, mask):
    """Bytes in chunks, of which the first one is there if there is a mask, with a filter that is not."""
    with h5py.File(path, "a") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((4,))
        plist.set_filter(number, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((8,))
        dataset = h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_U8LE, space, plist)
        if mask is not None:
            dataset.write_direct_chunk((0,), bytes([1, 2, 3, 4]), mask)


def lz4_block(path):
    """The voxels of one N5 block of bytes: a header of 4 + 4 n bytes, then a frame of LZ4."""
    with open(path, "rb") as file:
        content = file.read()
    n_axes = int.from_bytes(content[2:4])
    shape = [int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis]) for axis in range(n_axes)]
    data = numpy.frombuffer(lz4.frame.decompress(content[4 + 4 * n_axes :]), "uint8")
    return {"shape": shape[::-1], "sha256": digest(data)}


def lz4_write(path, shape, seed):
    """One N5 block of bytes."""
    header = [len(shape).to_bytes(4)] + [extent.to_bytes(4) for extent in shape[::-1]]
    with open(path, "wb") as file:
        file.write(b"".join(header) + lz4.frame.compress(voxels(shape, "uint8", seed).tobytes()))


def ome_levels(path):
    """Validates a group as an OME-Zarr image: its version, axes and levels."""
    image = ome_zarr_models.open_ome_zarr(zarr.open_group(path, mode="r"))
    multiscales = image.ome_attributes.multiscales
    (multiscale,) = multiscales
    return {
        "model": f"{type(image).__module__}.{type(image).__name__}",
        "axes": [axis.model_dump(exclude_none=True) for axis in multiscale.axes],
        "datasets": [
            {
                "path": dataset.path,
                "transformations": [t.model_dump(exclude_none=True) for t in dataset.coordinateTransformations],
            }
            for dataset in multiscale.datasets
        ],
    }


def ome_write(path, version, axes, datasets):
    """An image of one value per level, with metadata that ome-zarr-models has validated."""
    model = {"0.4": ome_zarr_models.v04.Image, "0.5": ome_zarr_models.v05.Image}[version]
    names = [axis["name"] for axis in axes]
    arrays = [
        zarr.create_array({}, shape=[8] * len(axes), chunks=[4] * len(axes), dtype="uint8",
                          zarr_format=2 if version == "0.4" else 3,
                          dimension_names=None if version == "0.4" else names,
                          chunk_key_encoding={"name": "v2", "separator": "/"} if version == "0.4" else None)
        for _ in datasets
    ]
    spec = {"0.4": pydantic_zarr.v2.ArraySpec, "0.5": pydantic_zarr.v3.ArraySpec}[version]
    image = model.new(
        array_specs=[spec.from_zarr(array) for array in arrays],
        paths=[dataset["path"] for dataset in datasets],
        axes=axes,
        scales=[dataset["scale"] for dataset in datasets],
        translations=[dataset["translation"] for dataset in datasets],
    )
    group = image.to_zarr(zarr.storage.LocalStore(path), path="")
    for number, dataset in enumerate(datasets):
        group[dataset["path"]][...] = number + 1


if __name__ == "__main__":
    serve(
        zarr_write, zarr_patch, zarr_read, zarr_value, zarr_read_value, zarr_consolidated, zarr_members,
        zarr_consolidated_attributes, tensorstore_write, tensorstore_patch, tensorstore_read,
        h5py_write, h5py_patch, h5py_read, h5py_filter, h5py_types, h5py_field, lz4_block, lz4_write, ome_levels,
        ome_write,
    )
