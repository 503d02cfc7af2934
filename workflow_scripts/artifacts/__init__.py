"""The formats of artefacts: what one rule writes for another is written and read here.

Images are in parquet with a Hugging Face `Image` column (struct of `bytes` and `path`), tensors in safetensors, records
in JSON, tables in parquet, or in CSV where a person reads them. Every artefact has its provenance, every write is
atomic (`.part`, on the disk, then rename), and nothing is ever pickled. Beside an artefact lies its sidecar,
`{file}.sha256`, in the format of `sha256sum --check`; files of single models share one, the checklist of their shard.

Other people's weights are read with `read_weights`, which runs no code in them, and their images with
`open_photograph`. The other formats of other people, and what is no artefact (configuration, templates, the records of
Snakemake and SLURM), are read by the modules that describe them.
"""

from workflow_scripts.artifacts.files import (
    SIDECAR,
    atomic,
    file_hash,
    hash_lines,
    input_hash,
    inside,
    is_web_page,
    read_hashes,
    recorded_hash,
    regular,
    sidecar_of,
    unreadable,
    write_hashes,
)
from workflow_scripts.artifacts.images import (
    MODES,
    ImageError,
    Images,
    decode_image,
    encode_image,
    encode_png,
    on_white,
    open_image,
    open_photograph,
    write_png,
)
from workflow_scripts.artifacts.provenance import (
    PROVENANCE,
    check_provenance,
    make_provenance,
    read_metadata,
    read_provenance,
    settings_hash,
)
from workflow_scripts.artifacts.records import (
    parse_json,
    read_csv,
    read_json,
    read_text,
    write_csv,
    write_json,
    write_text,
)
from workflow_scripts.artifacts.tables import check_small, read_captions, read_table, write_table
from workflow_scripts.artifacts.tensors import (
    PICKLES,
    first_sentence,
    map_tensor,
    read_tensors,
    read_weights,
    write_tensors,
    write_weights,
)
