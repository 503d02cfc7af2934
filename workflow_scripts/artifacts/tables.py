"""Tables, as parquet; a column `image` holds encoded images, as Hugging Face's `Image` does."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.artifacts.files import atomic, unreadable
from workflow_scripts.artifacts.provenance import PROVENANCE, check_provenance, provenance_of, read_schema
from workflow_scripts.cli import canonical_json

if TYPE_CHECKING:
    import pandas as pd

ROWS, ROWS_OF_IMAGES = 1 << 20, 1024  # in a row group, the least that can be read of a table
MOST_ROWS, MOST_BYTES = 1 << 20, 1 << 28  # of what is read as a whole: the paper's largest case has 20,400 exemplars
CAPTIONS = ("prompt", "caption")  # columns that say what an image shows, of samples and of real images


def write_table(
    path: str | os.PathLike,
    table: "pd.DataFrame | Iterable[pd.DataFrame]",
    provenance: Mapping[str, Any],
    sidecar: bool | Path = True,
) -> None:
    """Writes a data frame as parquet, or the parts of one as they come, with one row group in memory.

    A column `image` of bytes becomes a Hugging Face `Image` column. How a table is cut changes no byte of the file.

    Args:
        table: the first part decides the columns and their types; a column without a value in it holds strings.

    Raises:
        ValueError: there is no part, or one has other columns than the first.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    parts = iter([table] if isinstance(table, pd.DataFrame) else table)
    first = next(parts, None)
    if first is None:
        raise ValueError(f"{path}: no rows to write")
    schema = _schema_of(first, provenance)
    tables = (_to_arrow(path, frame, schema) for frame in chain([first], parts))
    rows = ROWS_OF_IMAGES if "image" in schema.names else ROWS
    with atomic(path, sidecar) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for group in _row_groups(tables, rows):
            writer.write_table(group)


def _schema_of(frame: "pd.DataFrame", provenance: Mapping[str, Any]) -> Any:
    """The Arrow schema of a table that begins with these rows."""
    import pyarrow as pa

    plain = frame.drop(columns="image", errors="ignore")
    schema = pa.Table.from_pandas(plain, preserve_index=False).schema
    empty = [field.name for field in schema if pa.types.is_null(field.type)]
    empty_lists = [field.name for field in schema if field.type == pa.list_(pa.null())]
    if empty or empty_lists:  # once more, because the schema's metadata name types, too
        plain = plain.astype(dict.fromkeys(empty, "str"))
        fields = [field for field in schema if field.name not in empty + empty_lists]
        fields += [pa.field(name, pa.large_string()) for name in empty]
        fields += [pa.field(name, pa.list_(pa.string())) for name in empty_lists]
        typed = pa.schema(sorted(fields, key=lambda field: schema.get_field_index(field.name)))
        schema = pa.Table.from_pandas(plain, typed, preserve_index=False).schema
    metadata = {**(schema.metadata or {}), PROVENANCE: canonical_json(provenance)}
    if "image" in frame.columns:
        schema = schema.append(pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])))
        metadata["huggingface"] = canonical_json({"info": {"features": _hf_features(schema)}})
    return schema.with_metadata(metadata)


def _to_arrow(path: str | os.PathLike, frame: "pd.DataFrame", schema: Any) -> Any:
    import pyarrow as pa

    if set(frame.columns) != set(schema.names):
        raise ValueError(f"{path}: a part has columns {', '.join(frame.columns)}; expected {', '.join(schema.names)}")
    columns = []
    for field in schema:
        image = field.name == "image"
        values = [{"bytes": data, "path": None} for data in frame["image"]] if image else frame[field.name]
        columns.append(pa.array(values, field.type, from_pandas=not image))
    return pa.table(columns, schema=schema)


def _row_groups(tables: Iterable[Any], rows: int) -> Iterator[Any]:
    """Cuts tables anew, to `rows` each; each in one piece, so that pages are cut alike. The last may have fewer."""
    import pyarrow as pa

    rest = None
    for table in tables:
        rest = table if rest is None else pa.concat_tables([rest, table])
        while len(rest) > rows:
            yield rest[:rows].combine_chunks()
            rest = rest[rows:]
    yield rest.combine_chunks()


def _hf_features(schema: Any) -> dict:
    return {field.name: {"_type": "Image"} if field.name == "image" else _hf_type(field.type) for field in schema}


def _hf_type(kind: Any) -> dict:
    """An Arrow type in the words of `datasets`; of a list in those that its older versions know, too."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return {"_type": "Sequence", "feature": _hf_type(kind.value_type)}
    names = {"double": "float64", "float": "float32", "large_string": "string"}
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}


def read_table(
    path: str | os.PathLike,
    columns: Sequence[str] | None = None,
    expect: Mapping[str, Any] | None = None,
    keep: Mapping[str, Collection] | None = None,
) -> "pd.DataFrame":
    """Reads a parquet table; a column `image` comes back as encoded bytes.

    Args:
        expect: settings that the file's provenance must hold.
        keep: values by column; only rows that hold one of them are read.

    Raises:
        ValueError: the file is corrupt, lacks a column, or was made with other settings than `expect`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = read_schema(path)
    check_provenance(path, provenance_of(schema, path), expect)
    missing = set(columns or ()) - set(schema.names)
    if missing:
        raise ValueError(f"{path}: lacks column {sorted(missing)[0]!r}; it has {', '.join(schema.names)}")
    try:
        filters = [(column, "in", list(values)) for column, values in keep.items()] if keep else None
        table = pq.read_table(path, columns=list(columns) if columns else None, filters=filters).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, "corrupt parquet file", error) from error
    if "image" in table.columns:
        table["image"] = [struct["bytes"] for struct in table["image"]]
    return table


def check_small(path: str | os.PathLike, columns: Mapping[str, type]) -> None:
    """Checks a table that other people may have written before it is read as a whole.

    Args:
        columns: what they hold, `str` or `int`, by name.

    Raises:
        ValueError: it is corrupt, lacks a column or has one of another type, or would fill the memory.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = read_schema(path)
    is_right = {
        int: pa.types.is_integer,
        str: lambda type_: pa.types.is_string(type_) or pa.types.is_large_string(type_),
    }
    for name, type_ in columns.items():
        if name not in schema.names or not is_right[type_](schema.field(name).type):
            raise ValueError(f"{path}: has no column {name!r} of {type_.__name__}")
    metadata = pq.read_metadata(path)
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    chunks = (group.column(i) for group in groups for i in range(metadata.num_columns))
    size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in columns)
    if metadata.num_rows > MOST_ROWS or size > MOST_BYTES:
        raise ValueError(f"{path}: not a table of ours: {metadata.num_rows:,} rows of {size:,} bytes")


def read_captions(path: str | os.PathLike) -> list[str]:
    """The prompt or caption of each image of a parquet file.

    Raises:
        ValueError: the file has none of these columns.
    """
    names = read_schema(path).names
    for column in CAPTIONS:
        if column in names:
            return read_table(path, [column])[column].tolist()
    raise ValueError(f"{path}: has no captions; it needs a column of {', '.join(CAPTIONS)}, it has {', '.join(names)}")
