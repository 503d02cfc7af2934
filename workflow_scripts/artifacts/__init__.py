"""The only package that knows file formats: what one rule writes for another is written and read here.

Images travel as parquet with a Hugging Face `Image` column (struct of `bytes` and `path`), tensors as safetensors,
records as JSON, tables as parquet, or as CSV where a person reads them. Every artefact carries its provenance, every
write is atomic (`.part`, then rename), and nothing is ever pickled. Beside an artefact lies its sidecar,
`{file}.sha256`, as `sha256sum --check` reads it; files of single models have none, the manifest of their shard lists
their hashes.

Files of others come through here where the format is one of ours: weights through `read_weights`, which runs no code in
them, and images through `open_image`. Read elsewhere is what is no result: the configuration (`study`), the pages and
templates of the project (`reporting`), the records of Snakemake and SLURM (`operations`), what diffusers, open_clip and
timm read and write themselves, and layouts of others, each where it is described (`exemplar_sources`, `inputs`,
`release`, `miniature.corpus`).
"""

from workflow_scripts.artifacts.files import SIDECAR, atomic, file_hash, input_hash, recorded_hash, sidecar_of
from workflow_scripts.artifacts.images import (
    MODES,
    Images,
    decode_image,
    encode_image,
    encode_png,
    on_white,
    open_image,
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
from workflow_scripts.artifacts.records import read_csv, read_json, read_text, write_csv, write_json, write_text
from workflow_scripts.artifacts.tables import read_captions, read_table, write_table
from workflow_scripts.artifacts.tensors import (
    PICKLES,
    first_sentence,
    map_tensor,
    read_tensors,
    read_weights,
    write_tensors,
    write_weights,
)
