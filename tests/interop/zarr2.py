"""zarr-python 2: Zarr v2, and N5 through its N5Store.

`options` are the keyword arguments of `zarr.create`, as Python text: see the tables of the tests.
"""

import numcodecs
import zarr
from conversation import box, described, fill_of, serve, voxels


def array_at(path, **options):
    """An N5 dataset where the path has a part called `.n5`."""
    root, n5, name = path.partition(".n5/")
    store = zarr.N5Store(root + ".n5") if n5 else zarr.DirectoryStore(path)
    return zarr.open_array(store, path=name if n5 else None, **options)


def zarr_write(path, shape, dtype, fill, part, attributes, options):
    options = eval(f"dict({options})", {"numcodecs": numcodecs})
    array = array_at(path, mode="w-", shape=shape, dtype=dtype, fill_value=fill_of(fill, dtype), **options)
    array[box(part)] = voxels(shape, array.dtype)[box(part)]
    array.attrs.update(attributes)


def zarr_patch(path, part, seed):
    array = array_at(path, mode="r+")
    array[box(part)] = voxels(array.shape, array.dtype, seed)[box(part)]


def zarr_read(path):
    array = array_at(path, mode="r")
    return described(array[...], array.attrs)


if __name__ == "__main__":
    serve(zarr_write, zarr_patch, zarr_read)
