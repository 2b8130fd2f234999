"""A run folder: one trained network, everything it needs to be used again, and its results.

config.json            what was asked for (`TrainingConfig`)
history.csv            one row an epoch
weights.safetensors    the best epoch's weights; classes, sizes and statistics in its metadata
weights.json           the same metadata for people, and the checksum of the weights
last.ckpt              where to resume; removed when training is complete
run.json               how it was made; written last, so its presence means "complete"
<split>/metrics.json   scores, and <split>/predictions.csv, the probabilities of every clip
"""

import hashlib
import json
import math
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import nn

from mvemotion.errors import DataError, InputError
from mvemotion.files import read_json, write_bytes, write_json
from mvemotion.networks import count_parameters, create_network
from mvemotion.provenance import provenance
from mvemotion.specs import EMOTIONS, ClipFormat, alternative, find_network

OPTIMIZERS = ("adam", "sgd")
STANDARDIZATIONS = ("train", "split")
PRECISIONS = ("32-true", "bf16-mixed", "bf16-true", "16-mixed", "64-true")  # Lightning's


@dataclass(frozen=True)
class TrainingConfig:
    """What decides the weights of a run, apart from the data."""

    network: str  # an id of `list_networks`
    epochs: int = 20  # the authors' published log of face_a0_se (assumption 19)
    batch_size: int = 8  # not in the paper: assumption 12
    optimizer: str = "adam"  # the authors' code for face and music (discrepancy D9)
    learning_rate: float = 1e-4  # ditto (assumption 19)
    standardize: str = "train"  # "split": the authors' whole-split statistics (assumption 8)
    mmtm: str = "sum"  # "concatenate": the squeezes as in Joze et al. (discrepancy D11)
    swap_pathways: bool = False  # slow and fast inputs exchanged (discrepancy D4)
    augment: bool = False  # SpecAugment on music; the paper has none (assumption 13)
    settle_norms: bool = False  # re-estimate BatchNorm's statistics each epoch (assumption 21)
    precision: str = "32-true"  # as Lightning names it (assumption 20)
    seed: int = 0

    def __post_init__(self):
        alternative(find_network(self.network), **self.alternatives)
        if self.epochs < 1 or self.batch_size < 1 or self.learning_rate <= 0:
            raise InputError(
                f"epochs {self.epochs}, batch size {self.batch_size}, learning rate "
                f"{self.learning_rate}: each must be positive"
            )
        if not math.isfinite(self.learning_rate) or not 0 <= self.seed < 2**32:
            raise InputError(
                f"learning rate {self.learning_rate}, seed {self.seed}: a finite number and one "
                "from 0 to 4294967295 are needed"
            )
        if self.precision not in PRECISIONS:
            raise InputError(f"precision {self.precision!r}: choose from {', '.join(PRECISIONS)}")
        if self.optimizer not in OPTIMIZERS:
            raise InputError(f"optimizer {self.optimizer!r}: choose from {', '.join(OPTIMIZERS)}")
        if self.standardize not in STANDARDIZATIONS:
            raise InputError(
                f"standardize {self.standardize!r}: choose from {', '.join(STANDARDIZATIONS)}"
            )

    @property
    def alternatives(self) -> dict[str, str | bool]:
        """What `create_network` needs to know besides the row and the sizes."""
        return {"mmtm": self.mmtm, "swap_pathways": self.swap_pathways}


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with its weights and what its inputs need; see `load_weights`."""

    network: nn.Module
    network_id: str
    clip_format: ClipFormat
    standardize: str
    statistics: dict[str, tuple[float, float]]
    preparation: dict[str, object] = field(default_factory=dict)  # options of the clips' store
    training: dict[str, object] = field(default_factory=dict)  # configuration, seed, clips
    source: dict[str, object] = field(default_factory=dict)  # the file that it was imported from


def save_weights(path: Path, trained: TrainedNetwork, *, origin: dict | None = None) -> Path:
    """Write weights as safetensors; all that their inputs need travels in the metadata.

    So does where they come from, as far as all processes of a run agree on it: the same run leaves
    the same bytes. Beside them a JSON file of the same name says the same for people, with the
    number of parameters, the weights' SHA-256 and the time. Loading does not need it.

    Parameters
    ----------
    path : Path
    trained : TrainedNetwork
    origin : dict, optional
        `provenance` of what made the weights; that of this moment if not given.
    """
    origin = origin or provenance()
    exchange = trained.network.spec.exchange
    metadata = {
        "network": trained.network_id,
        "mmtm": exchange.joins_by if exchange else "sum",
        "swap_pathways": json.dumps(trained.network.spec.swaps_pathways),
        "emotions": json.dumps(EMOTIONS),
        "clip_format": json.dumps(asdict(trained.clip_format)),
        "standardize": trained.standardize,
        "statistics": json.dumps(trained.statistics),
        "preparation": json.dumps(trained.preparation),
        "training": json.dumps(trained.training),
        "source": json.dumps(trained.source),
        "provenance": json.dumps(_lasting(origin)),
    }
    tensors = {k: v.detach().cpu().contiguous() for k, v in trained.network.state_dict().items()}
    content = save(tensors, metadata)
    facts = {name: _parsed(text) for name, text in metadata.items()}
    facts |= {
        "parameters": count_parameters(trained.network).total,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    write_json(Path(path).with_suffix(".json"), facts | {"provenance": origin})
    return write_bytes(path, content)


def _lasting(origin: dict) -> dict:
    """Provenance less the time, and less FFmpeg: a process that reads stored clips has none."""
    versions = {name: v for name, v in origin["versions"].items() if name != "ffmpeg"}
    return {name: v for name, v in origin.items() if name != "time_utc"} | {"versions": versions}


def load_weights(path: Path) -> TrainedNetwork:
    """Rebuild a trained network from its weights file alone.

    Raises
    ------
    DataError
        If the file is missing, is not one of ours, or does not fit the network it names.
    """
    facts, shapes = _read_header(Path(path))
    if facts["emotions"] != list(EMOTIONS):
        raise DataError(
            f"{path}: classes {facts['emotions']}; {list(EMOTIONS)} needed, in this order; train "
            "on these"
        )
    try:
        trained = _rebuild(facts)
    except (AttributeError, InputError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: metadata that this version does not know ({error}); take the version that "
            "saved the file, or train again"
        ) from error
    differences = _differences(shapes, trained.network)
    if differences:
        raise DataError(
            f"{path}: does not fit {trained.network_id}: {'; '.join(differences)}; take weights "
            "that were saved for this network"
        )
    trained.network.load_state_dict(load_file(path))
    return trained


def is_complete(run: Path) -> bool:
    """Whether training in this run folder came to its end."""
    return (Path(run) / "run.json").is_file()


def claim_run(run: Path, config: TrainingConfig, store_checksum: str) -> None:
    """Make `run` this configuration's folder, or check that it already is.

    Raises
    ------
    DataError
        If the folder holds a run of another configuration or of other data.
    """
    wanted = asdict(config) | {"store_checksum": store_checksum}
    path = Path(run) / "config.json"
    for leftover in Path(run).glob(".*.part*"):  # of a process that was killed
        leftover.unlink(missing_ok=True)
    if not path.exists():
        write_json(path, wanted)
        return
    defaults = {f.name: f.default for f in fields(config) if f.default is not MISSING}
    found = defaults | read_json(path)  # settings newer than the run are at their defaults
    keys = sorted(found.keys() | wanted.keys())
    differing = [key for key in keys if found.get(key) != wanted.get(key)]
    if differing:
        raise DataError(
            f"{run}: holds a run with other {', '.join(differing)} "
            f"({[found.get(key) for key in differing]} there, "
            f"{[wanted.get(key) for key in differing]} asked for); "
            "choose another folder, or remove this one to train again"
        )


def _parsed(text: str) -> object:
    """Metadata are texts: those that hold JSON as what it means."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_header(path: Path) -> tuple[dict[str, object], dict[str, list[int]]]:
    """What the metadata says, and the shape of every tensor."""
    if not path.is_file():
        raise DataError(f"{path}: no such weights file; train first, or name a run's weights")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            shapes = {name: file.get_slice(name).get_shape() for name in names}
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{path}: not a safetensors file ({error}); name the weights.safetensors of a run; "
            "`mvemotion import-keras` makes one of Keras' weights"
        ) from error
    missing = {"network", "emotions", "clip_format", "standardize", "statistics"} - set(metadata)
    if missing:
        raise DataError(f"{path}: lacks {sorted(missing)} in its metadata; not saved by mvemotion")
    return {name: _parsed(text) for name, text in metadata.items()}, shapes


def _rebuild(facts: dict) -> TrainedNetwork:
    """The network as the metadata describe it, its weights still to be read."""
    clip_format = ClipFormat(**facts["clip_format"])
    network = create_network(
        facts["network"],
        clip_format=clip_format,
        mmtm=facts.get("mmtm", "sum"),  # files of before there was a choice have neither
        swap_pathways=facts.get("swap_pathways", False),
    )
    return TrainedNetwork(
        network.eval(),
        facts["network"],
        clip_format,
        facts["standardize"],
        {name: (mean, deviation) for name, (mean, deviation) in facts["statistics"].items()},
        dict(facts.get("preparation", {})),
        dict(facts.get("training", {})),
        dict(facts.get("source", {})),
    )


def _differences(shapes: dict[str, list[int]], network: nn.Module) -> list[str]:
    """What a file's tensors lack, have too many, or have in another shape: in words."""
    needed = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    lacking, surplus = sorted(needed.keys() - shapes), sorted(shapes.keys() - needed)
    both = [name for name in needed if name in shapes]
    other = [
        f"{name} is {shapes[name]}, {needed[name]} needed"
        for name in both
        if shapes[name] != needed[name]
    ]
    groups = (("lacks ", lacking), ("holds also ", surplus), ("", other))
    return [f"{verb}{_some(names)}" for verb, names in groups if names]


def _some(names: list[str], most: int = 3) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
