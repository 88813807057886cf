"""Converts NumPy arrays to Parquet columns, and back."""

from __future__ import annotations

import errno
import io
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rltools._util.console import text_bytes
from rltools.errors import CorruptError, RecordingError
from rltools.recording.seal import SealedFile, check_seal

# zstd after byte-stream-split is smallest for floats; a dictionary only costs time.
_SPLITTABLE = "iuf"
BATCH_ROWS = 8192
SMALL_BYTES = 1 << 17
"""Files up to this size are read at once: a short episode has a few kilobytes, and each call of its own takes time."""
_CHECKSUM = "checksum"
"""The key of the checksum of types and metadata in older files, which have no seal."""
CONTENT = "content"
"""The key of the checksum that identifies the rows of a file, whatever version of Parquet wrote them."""


def column_type(shape: Sequence[int], dtype: np.dtype[Any]) -> pa.DataType:
    """The Arrow type of a column whose rows are arrays of this shape; plain for scalars, bytes for objects."""
    if dtype == np.object_:
        return pa.binary()
    element = pa.from_numpy_dtype(dtype)
    return pa.fixed_shape_tensor(element, list(shape)) if shape else element


def column(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """`[rows, *shape]` as an Arrow array of the type that `column_type` gives."""
    if values.dtype == np.object_:
        return pa.array([text_bytes(value) if isinstance(value, str) else value for value in values], kind)
    if values.ndim == 1:
        return _plain_array(values)
    flat = _plain_array(values.reshape(-1))
    return pa.ExtensionArray.from_storage(kind, pa.FixedSizeListArray.from_arrays(flat, type=kind.storage_type))


def _plain_array(values: np.ndarray) -> pa.Array:
    """`[rows]` as an Arrow array that shares its memory; `pa.array` would import pandas, which takes half a second."""
    content = np.packbits(values, bitorder="little") if values.dtype == np.bool_ else np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(content)])


def array(values: pa.ChunkedArray) -> np.ndarray:
    """An Arrow column as `[rows, *shape]`."""
    if not isinstance(values.type, pa.FixedShapeTensorType):
        return _numbers(values.chunk(0)) if values.num_chunks == 1 else np.asarray(values.to_numpy())
    shape = tuple(values.type.shape)
    chunks = [_numbers(chunk.storage.flatten()).reshape(-1, *shape) for chunk in values.chunks if len(chunk)]
    if not chunks:
        return np.zeros((0, *shape), values.type.value_type.to_pandas_dtype())
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)


def _numbers(values: pa.Array) -> np.ndarray:
    """`[rows]` as an array that shares its memory if it can; `to_numpy` would import pandas, as in `_plain_array`."""
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if values.null_count or not is_number or not len(values):
        return np.asarray(values.to_numpy(zero_copy_only=False))
    dtype = np.dtype(values.type.to_pandas_dtype())
    return np.frombuffer(values.buffers()[1], dtype, len(values), values.offset * dtype.itemsize)


class ColumnWriter:
    """A Parquet file that is written block by block, and complete once `close` has returned."""

    def __init__(self, path: Path, columns: Mapping[str, np.ndarray]) -> None:
        """Open `path` for blocks with the columns of `columns`, whose rows are not written yet."""
        kinds = tuple((name, values.shape[1:], values.dtype) for name, values in columns.items())
        self._schema, split, self._texts = _layout(kinds)
        self._checksums = dict.fromkeys(columns, 0)
        self._file = SealedFile(path)
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            use_dictionary=False,
            use_byte_stream_split=split,
            write_statistics=False,
            write_page_checksum=True,
        )

    @property
    def content(self) -> str:
        """The checksum that identifies the rows so far."""
        columns = [
            f"{text} {checksum:08x}" for text, checksum in zip(self._texts, self._checksums.values(), strict=True)
        ]
        return f"{zlib.crc32(chr(10).join(columns).encode()):08x}"

    def write(self, columns: Mapping[str, np.ndarray]) -> None:
        """Append a block of rows."""
        if len(next(iter(columns.values()))) > 0:
            arrays = [column(values, kind) for values, kind in zip(columns.values(), self._schema.types, strict=True)]
            for name, values in columns.items():
                self._checksums[name] = _continued(self._checksums[name], values)
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self, metadata: Mapping[str, str]) -> None:
        """End the file with its metadata, and seal it."""
        self._writer.add_key_value_metadata({**metadata, CONTENT: self.content})
        self._writer.close()
        self._file.seal()
        self._file.close()

    def abandon(self) -> None:
        """Close a file that will not be completed, whatever state it is in."""
        with suppress(OSError, ValueError, pa.ArrowException):
            self._writer.close()
        with suppress(OSError):
            self._file.close()


@lru_cache(maxsize=256)
def _layout(
    columns: tuple[tuple[str, tuple[int, ...], np.dtype[Any]], ...],
) -> tuple[pa.Schema, list[str], tuple[str, ...]]:
    """What all files with columns of these names, shapes and dtypes share.

    Returns:
        The schema, the leaves whose bytes are split into streams, and each column as the text of its checksum.
    """
    schema = pa.schema([(name, column_type(shape, dtype)) for name, shape, dtype in columns])
    split = [
        f"{name}.list.element" if shape else name
        for name, shape, dtype in columns
        if dtype.kind in _SPLITTABLE and (shape or dtype.itemsize >= 4)
    ]
    return schema, split, tuple(f"{field.name} {_type_text(field.type)}" for field in schema)


def _continued(checksum: int, values: np.ndarray) -> int:
    """The checksum of a column, continued over more rows."""
    if values.dtype == np.object_:
        for value in values:
            content = text_bytes(value) if isinstance(value, str) else value
            checksum = zlib.crc32(content, zlib.crc32(len(content).to_bytes(8, "little"), checksum))
        return checksum
    return zlib.crc32(np.ascontiguousarray(values).data.cast("B"), checksum) if values.size else checksum


def read_columns(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The columns of a file, each `[rows, *shape]`.

    Raises:
        CorruptError: the file is damaged.
    """
    return read_file(path, names)[0]


def read_file(path: Path, names: Sequence[str] | None = None) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The columns of a file, each `[rows, *shape]`, and its metadata, opening it once.

    Raises:
        CorruptError: the file is damaged.
    """
    with _opened(path, rows=True) as (file, metadata):
        part = _part(file, names)
        columns = part if isinstance(part, dict) else {name: array(part[name]) for name in part.column_names}
        return {name: columns[name] for name in names or columns}, metadata


Part: TypeAlias = "pa.Table | dict[str, np.ndarray]"
"""The columns of a short file, still in Arrow, where many are joined at once; or those of a long one."""


def read_part(path: Path, names: Sequence[str]) -> tuple[Part, dict[str, str]]:
    """Those columns of a file that it has, and its metadata; `joined` makes arrays of the parts of many files.

    Of older files without a seal all columns are read, since nothing else shows that the others are damaged.

    Raises:
        CorruptError: the file is damaged.
    """
    with _opened(path, rows=True) as (file, metadata):
        if CONTENT in metadata:
            return _part(file, names), metadata
        part = _part(file, None)
        existing = [name for name in names if name in file.schema_arrow.names]
        return ({name: part[name] for name in existing} if isinstance(part, dict) else part.select(existing)), metadata


def row_count(part: Part) -> int:
    """How many rows a part has."""
    return len(next(iter(part.values()), ())) if isinstance(part, dict) else int(part.num_rows)


def alike(first: Part, second: Part) -> bool:
    """Whether two parts have the same columns and are short, so that `joined` takes both."""
    return isinstance(first, pa.Table) and isinstance(second, pa.Table) and first.schema.equals(second.schema)


def joined(parts: Sequence[Part]) -> dict[str, np.ndarray]:
    """The columns of parts that are alike, one after another; of a single part without a copy."""
    if isinstance(parts[0], dict):
        return parts[0]
    table = parts[0] if len(parts) == 1 else pa.concat_tables(parts).combine_chunks()
    return {name: array(table[name]) for name in table.column_names}


def _part(file: pq.ParquetFile, names: Sequence[str] | None) -> Part:
    rows = file.metadata.num_rows
    if file.num_row_groups <= 1:
        table: Part = file.read(columns=names, use_threads=False)
        _check_count(rows, row_count(table))
        return table
    # In a long file, each block is copied into place, so that memory never holds all rows twice.
    columns: dict[str, np.ndarray] = {}
    start = 0
    for batch in file.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
        for name in batch.schema.names:
            part = array(pa.chunked_array([batch[name]]))
            if start == 0:
                columns[name] = np.empty((rows, *part.shape[1:]), part.dtype)
            columns[name][start : start + len(part)] = part
        start += batch.num_rows
    _check_count(rows, start)
    return columns


def read_blocks(path: Path, names: Sequence[str] | None, rows: int) -> Iterator[dict[str, np.ndarray]]:
    """The columns of a file in blocks of at most `rows` rows, for files that need not fit into memory."""
    with opened_blocks(path, names, rows) as (_, blocks):
        yield from blocks


@contextmanager
def opened_blocks(
    path: Path, names: Sequence[str] | None, rows: int
) -> Iterator[tuple[dict[str, str], Iterator[dict[str, np.ndarray]]]]:
    """Open a file once for its metadata, and for its columns in blocks of at most `rows` rows.

    Raises:
        CorruptError: the file is damaged.
    """
    with _opened(path, rows=True) as (file, metadata):

        def blocks() -> Iterator[dict[str, np.ndarray]]:
            read = 0
            for batch in file.iter_batches(rows, columns=names, use_threads=False):
                read += batch.num_rows
                yield {name: array(pa.chunked_array([batch[name]])) for name in names or batch.schema.names}
            _check_count(file.metadata.num_rows, read)

        yield metadata, blocks()


def _check_count(rows: int, read: int) -> None:
    if read != rows:
        raise ValueError(f"it declares {rows} rows and has {read}")


def column_names(path: Path) -> tuple[str, ...]:
    """The names of a file's columns.

    Raises:
        CorruptError: the file is damaged.
    """
    with _opened(path, rows=False) as (file, _):
        return tuple(file.schema_arrow.names)


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a file, with the checksum of its rows (`CONTENT`)."""
    with _opened(path, rows=False) as (_, metadata):
        return metadata


@contextmanager
def _opened(path: Path, *, rows: bool) -> Iterator[tuple[pq.ParquetFile, dict[str, str]]]:
    """Open a file after comparing it with its seal; yields it and its metadata.

    Raises:
        CorruptError: the file is damaged.
    """
    # An open file, so that the file that is read is the one that was checked; its name need not be UTF-8.
    with damage_as_corrupt(path), path.open("rb") as opened:
        content = opened.read() if os.fstat(opened.fileno()).st_size <= SMALL_BYTES else None
        sealed = check_seal(opened if content is None else io.BytesIO(content), rows=rows)
        source = opened if content is None else pa.BufferReader(content)
        with pq.ParquetFile(source, page_checksum_verification=not sealed, pre_buffer=False) as file:
            pairs = (file.metadata.metadata or {}).items()
            metadata = {key.decode(): value.decode() for key, value in pairs if key != b"ARROW:schema"}
            if not sealed and metadata.pop(_CHECKSUM) != _checksum(file.schema_arrow, metadata):
                raise ValueError("the checksum of its columns and metadata does not match")
            yield file, metadata


def _checksum(schema: pa.Schema, metadata: Mapping[str, str]) -> str:
    columns = [f"{field.name} {_type_text(field.type)}" for field in schema]
    pairs = [f"{name} {value}" for name, value in sorted(metadata.items())]
    return f"{zlib.crc32(chr(10).join(columns + pairs).encode()):08x}"


def _type_text(kind: pa.DataType) -> str:
    """A column's type as text that does not depend on the version of Arrow."""
    tensor = isinstance(kind, pa.FixedShapeTensorType)
    element, shape = (kind.value_type, list(kind.shape)) if tensor else (kind, [])
    return f"{np.dtype(element.to_pandas_dtype()).name} {shape}"


@contextmanager
def damage_as_corrupt(path: Path) -> Iterator[None]:
    """Turn any error from a damaged file into one that names it.

    Raises:
        CorruptError: in place of the error of Arrow, or of the code that interprets the content.
        RecordingError: the file cannot be read, and may be intact.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EIO):  # Arrow's own errors have no number
            raise RecordingError(f"cannot read {path}: {error.strerror}") from error
        cause = f"it has no {error}" if isinstance(error, KeyError) else (str(error).splitlines() or [repr(error)])[0]
        in_ablation = path.parent.parent.name == "ablations"
        makes = "record" if path.parent.name in ("episodes", "frames") else "ablate" if in_ablation else "explain"
        raise CorruptError(
            f"{path} is damaged ({cause}); the other files of the recording are usable. Delete "
            f"this one and {makes} again with the same settings to recreate it"
        ) from error
