"""The only module that knows file formats.

Images travel as parquet with a Hugging Face `Image` column (struct of `bytes` and `path`), tensors as safetensors,
records as JSON, tables as parquet. Every artefact carries its provenance in its header, every write is atomic
(`.part`, then rename), and nothing is ever pickled. Beside an artefact lies its sidecar, `{file}.sha256`, as
`sha256sum --check` reads it; files of single models have none, the manifest of their shard lists their hashes.
"""

import hashlib
import io
import json
import os
import re
import socket
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.cli import canonical_json

PROVENANCE = "provenance"
SIDECAR = ".sha256"
ROWS, ROWS_OF_IMAGES = 1 << 20, 1024  # in a row group, the least that can be read of a table
CAPTIONS = ("prompt", "caption")  # columns that say what an image shows, of samples and of real images
MODES = ("RGB", "L", "RGBA", "LA")  # of images, in Pillow's words
SMALLEST = 16  # pixels a side: a smaller image shows nothing to learn, and is most likely a placeholder
LARGEST = 10_000  # pixels a side: decoded, that is 300 MB, of which a worker holds several
VERSIONED = ("torch", "diffusers", "transformers", "timm", "open_clip_torch", "numpy")


def settings_hash(settings: Any) -> str:
    """First 16 hex digits of the SHA-256 of `settings` in canonical JSON."""
    return hashlib.sha256(canonical_json(settings).encode()).hexdigest()[:16]


def file_hash(path: str | os.PathLike) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_provenance(settings: Mapping[str, Any], inputs: Mapping[str, str | os.PathLike]) -> dict:
    """What an artefact was made with: its settings, the hash of every input file, and the library versions.

    Inputs that are folders (a base model) are hashed over their files' names and bytes.
    """
    return {
        "settings": dict(settings),
        "inputs": {name: input_hash(path) for name, path in inputs.items()},
        "versions": _versions(),
    }


def input_hash(path: str | os.PathLike) -> str:
    """SHA-256 of a file's bytes, or of the names and bytes of a folder's files, as hex."""
    path = Path(path)
    if not path.is_dir():
        return file_hash(path)
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(f"{file.relative_to(path)} {file_hash(file)}\n".encode())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    found = {}
    for package in VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@contextmanager
def atomic(path: str | os.PathLike, sidecar: bool = True) -> Iterator[Path]:
    """Yields a `.part` path beside `path`; renames it into place when the block ends well, removes it otherwise.

    Args:
        sidecar: whether to write the sidecar, before the renaming: so a file in place always has the right one.

    Raises:
        OSError: it cannot be written, for the disk is full or read-only; what stood at `path` stands there still.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if sidecar:
            write_text(sidecar_of(path), f"{file_hash(part)}  {path.name}\n", sidecar=False)
        os.replace(part, path)
    except (FileExistsError, NotADirectoryError) as error:
        raise OSError(f"{path}: cannot be written ({error.filename} is no folder)") from error
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # a read-only disk has none, but would not have it removed either
            part.unlink(missing_ok=True)


def sidecar_of(path: str | os.PathLike) -> Path:
    return Path(f"{path}{SIDECAR}")


def recorded_hash(path: str | os.PathLike) -> str | None:
    """The SHA-256 that a file had when it was written, as its sidecar says; None if it has no sidecar.

    Raises:
        ValueError: the sidecar is corrupt.
    """
    sidecar = sidecar_of(path)
    if not sidecar.exists():
        return None
    found = re.fullmatch(rf"([0-9a-f]{{64}})  {re.escape(Path(path).name)}\n".encode(), sidecar.read_bytes())
    if not found:
        raise ValueError(f"{sidecar}: not a line of sha256sum")
    return found[1].decode()


def write_text(path: str | os.PathLike, text: str, sidecar: bool = True) -> None:
    with atomic(path, sidecar) as part:
        part.write_text(text, encoding="utf-8")


def read_json(path: str | os.PathLike) -> Any:
    """Raises `ValueError` naming the file if it is not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not valid JSON ({error}); delete it and run again") from error


def write_json(path: str | os.PathLike, value: Any, sidecar: bool = True) -> None:
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n", sidecar)


def write_tensors(
    path: str | os.PathLike, tensors: Mapping[str, np.ndarray], provenance: Mapping[str, Any], sidecar: bool = True
) -> None:
    """Writes named arrays as safetensors; `provenance` goes into the header as canonical JSON."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    with atomic(path, sidecar) as part:
        try:
            save_file(arrays, part, metadata={PROVENANCE: canonical_json(provenance)})
        except SafetensorError as error:  # a full disk among others
            raise OSError(str(error)) from error
        part.chmod(0o644)  # safetensors lets only the owner read, which a shared results folder does not bear


def read_tensors(path: str | os.PathLike, expect: Mapping[str, Any] | None = None) -> dict[str, np.ndarray]:
    """Reads every array of a safetensors file.

    Args:
        expect: settings that the file's provenance must hold, such as `{"encoder": "pixels"}`.

    Raises:
        ValueError: the file is corrupt, or was made with other settings; the message names file, key and both values.
    """
    with _open_tensors(path) as file:
        check_provenance(path, json.loads((file.metadata() or {}).get(PROVENANCE, "{}")), expect)
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is not a dict)


def map_tensor(path: str | os.PathLike, name: str, expect: Mapping[str, Any] | None = None) -> np.ndarray:
    """A read-only memory map of one float32 array of a safetensors file, for arrays larger than memory.

    Raises:
        ValueError: as `read_tensors`, or there is no float32 array `name`.
    """
    check_provenance(path, read_provenance(path), expect)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    entry = header.get(name, {})
    if entry.get("dtype") != "F32":
        raise ValueError(f"{path}: has no float32 array {name!r}; it has {', '.join(sorted(header))}")
    if 0 in entry["shape"]:
        return np.zeros(entry["shape"], np.float32)  # nothing cannot be mapped
    return np.memmap(path, np.float32, "r", offset=8 + length + entry["data_offsets"][0], shape=tuple(entry["shape"]))


def read_provenance(path: str | os.PathLike) -> dict:
    """The provenance in the header of a safetensors or parquet artefact; `{}` if it has none."""
    if str(path).endswith(".safetensors"):
        with _open_tensors(path) as file:
            return json.loads((file.metadata() or {}).get(PROVENANCE, "{}"))
    return _table_provenance(_read_arrow_schema(path))


def check_provenance(path: str | os.PathLike, provenance: Mapping[str, Any], expect: Mapping[str, Any] | None) -> None:
    """Raises `ValueError` unless every key of `expect` has the same value in the provenance's settings."""
    settings = provenance.get("settings", {})
    for key, value in (expect or {}).items():
        if settings.get(key) != value:
            raise ValueError(f"{path}: {key} is {settings.get(key)!r} in the file's provenance, expected {value!r}")


@contextmanager
def _open_tensors(path: str | os.PathLike) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise ValueError(f"{path}: not a valid safetensors file ({error}); delete it and run again") from error


def write_table(
    path: str | os.PathLike,
    table: "pd.DataFrame | Iterable[pd.DataFrame]",  # noqa: F821
    provenance: Mapping[str, Any],
    sidecar: bool = True,
) -> None:
    """Writes a data frame as parquet, or the parts of one as they come, with one row group in memory.

    A column `image` of bytes becomes a Hugging Face `Image` column. How a table is cut changes no byte of the file.

    Args:
        table: a part has the columns of the first, which decides the types; what has no value in it holds strings.

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


def _schema_of(frame: "pd.DataFrame", provenance: Mapping[str, Any]) -> Any:  # noqa: F821
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


def _to_arrow(path: str | os.PathLike, frame: "pd.DataFrame", schema: Any) -> Any:  # noqa: F821
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
    """Cuts tables anew, to `rows` each, in one piece so that pages are cut alike; the last, or only, has the rest."""
    import pyarrow as pa

    held = None
    for table in tables:
        held = table if held is None else pa.concat_tables([held, table])
        while len(held) > rows:
            yield held[:rows].combine_chunks()
            held = held[rows:]
    yield held.combine_chunks()


def _hf_features(schema: Any) -> dict:
    names = {"double": "float64", "bool": "bool", "large_string": "string"}
    return {
        field.name: {"_type": "Image"}
        if field.name == "image"
        else {"dtype": names.get(str(field.type), str(field.type)), "_type": "Value"}
        for field in schema
    }


def read_table(
    path: str | os.PathLike,
    columns: Sequence[str] | None = None,
    expect: Mapping[str, Any] | None = None,
    keep: Mapping[str, Collection] | None = None,
) -> "pd.DataFrame":  # noqa: F821
    """Reads a parquet table; a column `image` comes back as encoded bytes.

    Args:
        expect: settings that the file's provenance must hold.
        keep: values by column; only rows that hold one of them are read.

    Raises:
        ValueError: the file is corrupt, lacks a column, or was made with other settings than `expect`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _read_arrow_schema(path)
    check_provenance(path, _table_provenance(schema), expect)
    missing = set(columns or ()) - set(schema.names)
    if missing:
        raise ValueError(f"{path}: lacks column {sorted(missing)[0]!r}; it has {', '.join(schema.names)}")
    try:
        filters = [(column, "in", list(values)) for column, values in keep.items()] if keep else None
        table = pq.read_table(path, columns=list(columns) if columns else None, filters=filters).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: corrupt parquet file ({error}); delete it and run again") from error
    if "image" in table.columns:
        table["image"] = [struct["bytes"] for struct in table["image"]]
    return table


def read_captions(path: str | os.PathLike) -> list[str]:
    """What each image of a parquet file is said to show: its prompt or its caption.

    Raises:
        ValueError: the file has none of these columns.
    """
    names = _read_arrow_schema(path).names
    for column in CAPTIONS:
        if column in names:
            return read_table(path, [column])[column].tolist()
    raise ValueError(f"{path}: has no captions; it needs a column of {', '.join(CAPTIONS)}, it has {', '.join(names)}")


class Images:
    """The column `image` of a parquet file, decoded slice by slice, with one row group in memory.

    Raises:
        ValueError: the file lacks the column or is corrupt.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        import pyarrow.parquet as pq

        schema = _read_arrow_schema(path)
        if "image" not in schema.names:
            raise ValueError(f"{path}: lacks column 'image'; it has {', '.join(schema.names)}")
        metadata = pq.read_metadata(path)
        self.path = path
        sizes = (metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))
        self.bounds = list(accumulate(sizes, initial=0))  # of the row groups
        self._group, self._encoded = -1, []  # the one in memory

    def __len__(self) -> int:
        return self.bounds[-1]

    def decode(self, start: int, stop: int) -> list[np.ndarray]:
        """Rows `start` to `stop` as uint8 RGB [h, w, 3] each.

        Raises:
            ValueError: the file is corrupt, or an image is; the message names file and row.
        """
        return [decode_image(self._row(row), f"{self.path}: row {row}") for row in range(start, stop)]

    def _row(self, row: int) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        group = bisect_right(self.bounds, row) - 1
        if group != self._group:
            try:
                with pq.ParquetFile(self.path) as file:
                    column = file.read_row_group(group, columns=["image.bytes"]).column("image")
            except (pa.ArrowException, OSError) as error:
                raise ValueError(f"{self.path}: corrupt parquet file ({error}); delete it and run again") from error
            self._group, self._encoded = group, column.combine_chunks().field("bytes")
        return self._encoded[row - self.bounds[group]].as_py()


def _read_arrow_schema(path: str | os.PathLike) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a valid parquet file ({error}); delete it and run again") from error


def _table_provenance(schema: Any) -> dict:
    return json.loads((schema.metadata or {}).get(PROVENANCE.encode(), b"{}"))


def decode_image(data: bytes, name: str) -> np.ndarray:
    """Decodes an encoded image to uint8 RGB [h, w, 3]; what is transparent shows white.

    Raises:
        ValueError: as `open_image`.
    """
    return np.asarray(on_white(open_image(data, name)))


def on_white(image: "Image.Image") -> "Image.Image":  # noqa: F821
    """An image as 8-bit RGB; what is transparent shows white."""
    from PIL import Image

    if "A" in image.getbands():
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert("RGB")


def open_image(data: bytes, name: str) -> "Image.Image":  # noqa: F821
    """Decodes an encoded image of 8-bit RGB or grey, with or without transparency.

    Raises:
        ValueError: the bytes are truncated or no image, or it is of another kind (a palette, CMYK, 16 bits, several
            frames), too small or too large; the message starts with `name`.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_image(image, name)
            image.load()
            return image
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name}: too many pixels ({error}); expected sides of {SMALLEST} to {LARGEST}") from error
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{name}: not a readable image ({error})") from error


def _check_image(image: "Image.Image", name: str) -> None:  # noqa: F821
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ValueError(f"{name}: has {frames} frames; expected a still image: choose one of them")
    # Pillow calls 16-bit colours RGB and cuts them to 8 bits; only what its decoder is told betrays them.
    mode = f"{image.mode} of 16 bits" if ";16" in str(image.tile) else image.mode
    if mode not in MODES:
        raise ValueError(f"{name}: mode is {mode}; expected 8-bit RGB or grey: convert it first")
    if min(image.size) < SMALLEST or max(image.size) > LARGEST:
        width, height = image.size
        raise ValueError(f"{name}: {width} x {height} pixels; expected sides of {SMALLEST} to {LARGEST} pixels")


def encode_png(image: np.ndarray) -> bytes:
    """Encodes uint8 [h, w, 3] or [h, w, 4] as PNG, without time stamps, so that equal pixels give equal bytes."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def first_sentence(error: Exception) -> str:
    """An error of a library, short enough for one of ours, and without the advice that follows."""
    return str(error).partition("\n")[0].partition(". ")[0] or type(error).__name__
