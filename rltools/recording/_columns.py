"""NumPy arrays as Parquet columns, and back."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rltools.errors import CorruptError

# zstd after byte-stream-split is smallest for floats; a dictionary only costs time.
_SPLITTABLE = "iuf"
_CHECKSUM = "checksum"


def column_type(shape: Sequence[int], dtype: np.dtype[Any]) -> pa.DataType:
    """The Arrow type of a column whose rows are arrays of this shape; plain for scalars, bytes for objects."""
    if dtype == np.object_:
        return pa.binary()
    element = pa.from_numpy_dtype(dtype)
    return pa.fixed_shape_tensor(element, list(shape)) if shape else element


def column(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """`[rows, *shape]` as an Arrow array of the type that `column_type` gives."""
    if values.dtype == np.object_:
        return pa.array([value.encode() if isinstance(value, str) else value for value in values], kind)
    if values.ndim == 1:
        return pa.array(values, kind)
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return pa.ExtensionArray.from_storage(kind, pa.FixedSizeListArray.from_arrays(flat, type=kind.storage_type))


def array(values: pa.ChunkedArray) -> np.ndarray:
    """An Arrow column as `[rows, *shape]`."""
    if not isinstance(values.type, pa.FixedShapeTensorType):
        return np.asarray(values.to_numpy())
    shape = tuple(values.type.shape)
    chunks = [
        chunk.storage.flatten().to_numpy(zero_copy_only=False).reshape(-1, *shape)
        for chunk in values.chunks
        if len(chunk)
    ]
    if not chunks:
        return np.zeros((0, *shape), values.type.value_type.to_pandas_dtype())
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)


class ColumnWriter:
    """A Parquet file written block by block; it is whole once `close` has returned."""

    def __init__(self, path: Path, columns: Mapping[str, np.ndarray]) -> None:
        """Open `path` for blocks that look like `columns`, which are not written yet."""
        self._schema = pa.schema(
            [(name, column_type(values.shape[1:], values.dtype)) for name, values in columns.items()]
        )
        split = [
            f"{name}.list.element" if values.ndim > 1 else name
            for name, values in columns.items()
            if values.dtype.kind in _SPLITTABLE and (values.ndim > 1 or values.dtype.itemsize >= 4)
        ]
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            use_dictionary=False,
            use_byte_stream_split=split,
            write_statistics=False,
            write_page_checksum=True,
        )

    def write(self, columns: Mapping[str, np.ndarray]) -> None:
        """Append a block of rows."""
        if len(next(iter(columns.values()))) > 0:
            arrays = [column(values, kind) for values, kind in zip(columns.values(), self._schema.types, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self, metadata: Mapping[str, str]) -> None:
        """End the file, with what is known only now."""
        self._writer.add_key_value_metadata({**metadata, _CHECKSUM: _checksum(self._schema, metadata)})
        self._writer.close()

    def abandon(self) -> None:
        """Let go of a file that will not be whole, whatever state it is in."""
        with suppress(OSError, pa.ArrowException):
            self._writer.close()


def read_columns(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The columns of a file, each `[rows, *shape]`.

    Raises:
        CorruptError: the file is damaged.
    """
    return read_file(path, names)[0]


def read_file(path: Path, names: Sequence[str] | None = None) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The columns of a file, each `[rows, *shape]`, and what `ColumnWriter.close` was given, opening it once.

    Raises:
        CorruptError: the file is damaged.
    """
    with damage_named(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read(columns=names, use_threads=False)
        return {name: array(table[name]) for name in names or table.column_names}, _metadata(file)


def read_blocks(path: Path, names: Sequence[str] | None, rows: int) -> Iterator[dict[str, np.ndarray]]:
    """The same in blocks of at most `rows` rows, for files that need not fit into memory."""
    with damage_named(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        _metadata(file)
        for batch in file.iter_batches(rows, columns=names, use_threads=False):
            yield {name: array(pa.chunked_array([batch[name]])) for name in names or batch.schema.names}


def column_names(path: Path) -> tuple[str, ...]:
    """The columns that a file has.

    Raises:
        CorruptError: the file is damaged.
    """
    with damage_named(path), pq.ParquetFile(path) as file:
        return tuple(file.schema_arrow.names)


def read_metadata(path: Path) -> dict[str, str]:
    """What `ColumnWriter.close` was given."""
    with damage_named(path), pq.ParquetFile(path) as file:
        return _metadata(file)


def _metadata(file: pq.ParquetFile) -> dict[str, str]:
    """What `ColumnWriter.close` was given, after comparing its checksum: Parquet has them for pages only."""
    entries = (file.metadata.metadata or {}).items()
    found = {key.decode(): value.decode() for key, value in entries if key != b"ARROW:schema"}
    if found.pop(_CHECKSUM) != _checksum(file.schema_arrow, found):
        raise ValueError("the checksum of what it says about its columns does not fit")
    return found


def _checksum(schema: pa.Schema, metadata: Mapping[str, str]) -> str:
    described = [f"{field.name} {_described(field.type)}" for field in schema]
    said = [f"{name} {value}" for name, value in sorted(metadata.items())]
    return f"{zlib.crc32(chr(10).join(described + said).encode()):08x}"


def _described(kind: pa.DataType) -> str:
    """A column's type in words that no version of Arrow chooses."""
    tensor = isinstance(kind, pa.FixedShapeTensorType)
    element, shape = (kind.value_type, list(kind.shape)) if tensor else (kind, [])
    return f"{np.dtype(element.to_pandas_dtype()).name} {shape}"


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what goes wrong in a damaged file into an error that names it.

    Raises:
        CorruptError: in place of what Arrow, or code that looks for something in the file, raised.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        cause = f"it has no {error}" if isinstance(error, KeyError) else (str(error).splitlines() or [repr(error)])[0]
        raise CorruptError(
            f"{path} is damaged ({cause}); the other files of the recording are usable, and "
            f"recording again with the same settings makes this one anew once it is deleted"
        ) from error
