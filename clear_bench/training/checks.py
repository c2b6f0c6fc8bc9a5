"""What a configuration's networks, starts and texts may be, before anything is trained."""

from collections.abc import Mapping
from typing import Any

from clear_bench.config import plugins
from clear_bench.config.dataset_name import reader_of
from clear_bench.config.declared import declared
from clear_bench.config.method import Method
from clear_bench.config.sections import Config
from clear_bench.config.start_files import C2T, networks, start_files
from clear_bench.data.unknown_labels import fully_known
from clear_bench.runs.run import Run
from clear_bench.utils.errors import Unavailable, UserError, unknown

PACKAGED_STARTS = ("imgfocus",)
BACKBONES = ("frozen", "last", "all")


def check_start(config: Config) -> None:
    """Raise a `UserError` unless ``recognition.init`` names a place where training can start.

    It is "" (at random), a data set (the same network trained there, which becomes the run's
    parent), one of `PACKAGED_STARTS`, or a checkpoint of C2T-Net, ``c2t:FILE``.
    """
    init, datasets = config["recognition"]["init"], plugins.available("data set")
    checkpoint = init.startswith(C2T)
    if init and not checkpoint and not (init in PACKAGED_STARTS or reader_of(init) in datasets):
        raise unknown("start", init, [*datasets, *PACKAGED_STARTS, f"{C2T}FILE"])
    if init == config["dataset"]:
        raise Unavailable(
            f"recognition.init={init}: is the data set that is trained on; start from another"
        )
    if init and not config["recognition"]["train"]["epochs"]:
        raise UserError(f"recognition.init={init}: {config['method']} learns nothing")
    if checkpoint:
        _check_c2t(init, config["recognition"]["model"])
    files = [key for key, _, _, _ in start_files(config["recognition"]) if key.endswith("weights")]
    if files and (checkpoint or init in PACKAGED_STARTS):
        raise UserError(f"{files[0]}: recognition.init={init} gives weights already; leave one out")
    if files and not config["recognition"]["train"]["epochs"]:
        raise UserError(f"{files[0]}: {config['method']} learns nothing")
    if init in PACKAGED_STARTS:
        from clear_bench.models.imgfocus import weights_file

        weights_file()  # says now what is not installed


def _check_c2t(init: str, model: Config) -> None:
    """Raise a `UserError` unless a model computes what C2T-Net's released code does.

    Only what the shapes of weights do not say is asked here.
    """
    needed = {
        "type": "Clear",
        "branches": ["swin", "vit"],
        "fusion": "both",
        "depth": 1,
        "heads": 8,
    }
    wrong = [key for key, value in needed.items() if model.get(key) != value]
    if wrong:
        raise UserError(
            f"recognition.init={init}: needs recognition.model.{wrong[0]}={needed[wrong[0]]}, as "
            "method c2t_net has it"
        )
    if model["swin"].get("channel_attention") != "released":
        raise UserError(
            f"recognition.init={init}: needs recognition.model.swin.channel_attention=released, as "
            "method c2t_net has it"
        )


def check_networks(config: Config) -> None:
    """Raise a `UserError` for networks that timm does not know or that cannot be that branch."""
    model = config["recognition"]["model"]
    present = networks(model)
    used = {k: n for k, n in present.items() if k in model.get("branches", present)}
    for key, network in present.items():
        if network.get("weights") and key not in used:
            raise UserError(
                f"recognition.model.{key}.weights: {config['method']} has no {key} branch; it has "
                f"{', '.join(used)}"
            )
    names = {key: str(network.get("name")) for key, network in used.items()}
    if "backbone" in model:
        names["backbone"] = str(model["backbone"])
    asked = {key: name for key, name in names.items() if name not in _of_recipes(config, key)}
    if not asked:  # timm, and torch with it, takes seconds
        return
    from clear_bench.models.branches import require_network  # imports timm: seconds

    for key, name in asked.items():
        require_network(name, key)


def _of_recipes(config: Config, key: str) -> set[str]:
    """Return the networks of timm that a method's own recipes name in a place; they are right."""
    module = plugins.module_of("method", config["method"])
    method: Method = declared(module, "METHOD")
    layers = [{"recognition": method.recognition}, *method.profiles.values()]
    models = [(layer.get("recognition") or {}).get("model", {}) for layer in layers]
    places = [model.get(key) for model in models]
    return {place["name"] if isinstance(place, Mapping) else str(place) for place in places}


def check_hub(config: Config) -> None:
    """Raise `Unavailable` if published weights that a recognition run starts from cannot be had."""
    model = config["recognition"]["model"]
    if not model.get("pretrained") or config["recognition"]["init"].startswith(C2T):
        return
    import timm
    from huggingface_hub import try_to_load_from_cache

    from clear_bench.text.hub import asked

    for name in _networks(model):
        published = timm.get_pretrained_cfg(name, allow_unregistered=True)
        source = published.hf_hub_id if published else None
        if not source:  # what the name lacks is said when the network is built
            continue
        files = ("model.safetensors", "pytorch_model.bin")
        kept = any(isinstance(try_to_load_from_cache(source, file), str) for file in files)
        if not kept and (reason := asked(source)):
            raise Unavailable(f"backbone {name}: its published weights cannot be had ({reason})")


def _networks(model: Config) -> list[str]:
    """Return timm's names in a recognition recipe: of the branches it has, or of its backbone."""
    used = [model[b] for b in dict.fromkeys(model.get("branches", ())) if b in model]
    names = [network.get("name") for network in used if not network.get("weights")]
    return [name for name in [*names, model.get("backbone")] if isinstance(name, str)]


def check_backbone(config: Config, parent: Config) -> None:
    """Raise a `UserError` unless a retrieval run can train as much of its parent as it says.

    ``frozen`` trains adapters alone, on cached features; ``last`` also the last block of each
    branch of the parent's network, and ``all`` everything that its features are made of.

    Args:
        config: Resolved configuration of the retrieval run.
        parent: The same of its parent.
    """
    which = config["retrieval"]["backbone"]
    if which not in BACKBONES:
        raise unknown("retrieval.backbone", str(which), BACKBONES)
    if config["retrieval"]["backbone_lr"] <= 0:
        raise UserError(f"retrieval.backbone_lr={config['retrieval']['backbone_lr']}: must be > 0")
    if which == "frozen":
        return
    from mmengine.registry import MODELS

    from clear_bench.models.base import RecognitionModel

    where = f"retrieval.backbone={which}"
    if not _class(MODELS, config, "retrieval").tunable:
        raise UserError(f"{where}: {config['method']} does not learn on through its features")
    if _class(MODELS, parent, "recognition").blocks is RecognitionModel.blocks:
        raise UserError(f"{where}: {parent['method']} does not say which its last block is")


def check_pieces(config: Config, task: str) -> None:
    """Raise a `UserError` if a run takes its batches in pieces, and its loss wants whole ones."""
    pieces = config[task]["train"]["accumulate"]
    if pieces == 1:
        return
    from mmengine.registry import MODELS

    if task == "retrieval" or _class(MODELS, config, task).whole_batch:
        raise UserError(
            f"{task}.train.accumulate={pieces}: the loss of {config['method']} is no mean over "
            "images, so that pieces of a batch would learn something else; set it to 1, and "
            f"{task}.train.checkpointing=true for less memory"
        )


def _class(registry: Any, config: Config, task: str) -> Any:
    """Return the class of a run's model."""
    method: Method = plugins.load("method", config["method"]).METHOD  # registers it
    assert getattr(method, task) is not None  # noqa: S101 - `plan` has made a run of it
    return registry.get(config[task]["model"]["type"])


def check_attributes(run: Run) -> None:
    """Raise `Unavailable` for a setting that names an attribute which the data do not have."""
    dataset, asked = run.dataset, run.rules.queries_with
    for words in filter(None, (run.config["data"]["without"], asked)):
        column = dataset.schema.column(words)
        if words == asked and not (dataset.labels[dataset.rows("test"), column] == 1).any():
            raise Unavailable(f"{dataset.name}: no test image has {words}")


def check_unknown(run: Run) -> None:
    """Raise a `UserError` unless a run can do without labels that nobody knows.

    A method of recognition must leave them out of its loss, see `RecognitionModel`.  Retrieval
    needs images of which all is known, to learn from and to ask for; mADM counts agreeing
    attributes and has no rule for unknown ones.
    """
    if not run.dataset.has_unknown:
        return
    where = f"{run.dataset.name}: {int(run.dataset.unknown.sum())} labels are unknown"
    if run.task == "retrieval" and run.rules.madm:
        raise UserError(f"{where}, and mADM is not defined then; set protocol.madm=false")
    for split in ("train", *run.measured) if run.task == "retrieval" else ():
        if not fully_known(run.dataset.labels[run.dataset.rows(split)]).any():
            raise UserError(
                f"{where}; no {split} image has all of its labels known, so there is no query; "
                "take fewer attributes, or recognition alone"
            )
    if run.task == "recognition" and run.trains and not run.finished:
        from mmengine.registry import MODELS

        if not _class(MODELS, run.config, run.task).masks_unknown:
            raise Unavailable(
                f"{where}, and {run.config['method']} cannot learn without them; take another "
                "method, or a label set or annotation in which all are known"
            )


def check_text(run: Run) -> None:
    """Raise a `UserError` for a text that cannot be made, before anything is trained."""
    from clear_bench.text.descriptions import PHRASINGS, TEMPLATES
    from clear_bench.text.encoders import require

    if run.rules.query_template not in ("", *TEMPLATES):
        raise unknown("template", run.rules.query_template, TEMPLATES)

    settings = run.section.get("text")
    if settings is None:
        return
    if settings["encoder"] == "none":
        _check_no_text(run)
        return
    recognition = run.task == "recognition"
    kind, templates = ("phrase template", PHRASINGS) if recognition else ("template", TEMPLATES)
    if settings["template"] not in templates:
        raise unknown(kind, settings["template"], templates)
    if not run.finished:  # what has finished needs no encoder any more
        require(settings["encoder"])


def _check_no_text(run: Run) -> None:
    """Raise a `UserError` if a run without an encoder has nothing left to read."""
    method = run.config["method"]
    if run.task == "recognition":
        raise UserError(f"recognition.text.encoder=none: {method} reads its attributes' English")
    if run.section["model"].get("embedding") not in ("both", "hard"):
        raise UserError(f"{method}: reads text alone; text.encoder=none leaves it nothing")
