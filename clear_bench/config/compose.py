"""From (method, data set, profile, overrides, seed) to one resolved configuration: plain data.

Layers, each over the one before: the defaults below, the method's recipe, the profile, what the
method says of that profile and of that data set, and the command line.  A key that no layer below
knows is an error.
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from clear_bench.config import plugins
from clear_bench.config.dataset_name import reader_of, source_of
from clear_bench.config.declared import declared
from clear_bench.config.dotted import NAMES, merge, set_value
from clear_bench.config.method import TASKS, Method
from clear_bench.config.options import POSITIVE, Declared, Range, checked
from clear_bench.config.protocol import DATA_OF, OF_QUERIES, Protocol, named
from clear_bench.config.sections import TYPED, Augment, Config, Data, Text, Train
from clear_bench.utils.errors import UserError, unknown

THREADS = Range(1, 1024, whole=True)
SEEDS = 40_000  # an epoch's generator takes seed and epoch in 32 bits
HELD_IN = {"select": "last", "threshold": "0.5", "watch": "loss"}
"""What a setting may be where no images are held out."""

PROFILES: dict[str, Config] = {
    "smoke": {
        "data": {"identities": 0.3},
        "recognition": {"train": {"epochs": 2, "warmup_epochs": 1}},
        "retrieval": {"train": {"epochs": 2}},
    },
    "default": {},
    "paper": {
        "data": {"image_size": [256, 128]},
        "recognition": {"augment": {"pad": 10}},
    },
    "base": {
        "data": {"image_size": [256, 128], "letterbox": False},
        "recognition": {"train": {"epochs": 20}},
    },
}
BELOW = {"base": ("paper", "base")}
"""Profile to the profiles it is made of, where it is more than one: ``base`` has each method's
published recipe, at one image size and length, on networks that one consumer card trains."""


def compose(
    method: str,
    dataset: str,
    profile: str = "default",
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """Return the resolved configuration of an experiment.

    Args:
        method: File name of a method.
        dataset: Name of a data set.
        profile: ``smoke``, ``default``, ``base`` or ``paper``.
        seed: Of initialisation, order and augmentation.
        overrides: Dotted keys to values.  The task may be left out where only one task has the
            key (``text.encoder`` for ``retrieval.text.encoder``).

    Raises:
        UserError: Unknown method, data set, profile or key; a value of the wrong type or range.
    """
    plugin: Method = declared(plugins.module_of("method", method), "METHOD")
    source = source_of(dataset)
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    config: Config = {"method": method, "dataset": dataset, "profile": profile, "seed": seed}
    config["threads"] = 1  # of a run on a CPU; more are faster alone but give other last digits
    rules = _protocol(overrides or {})
    config |= {"data": Data(**DATA_OF.get(rules["name"], {})).model_dump(), "protocol": rules}
    for task in plugin.tasks:
        config[task] = _task_defaults(task, getattr(plugin, task))
    for task in plugin.tasks:
        recipe = getattr(plugin, task)
        merge(config[task], {k: v for k, v in recipe.items() if k != "model"}, task)
    for layer in BELOW.get(profile, (profile,)):
        merge(config, _fitting(PROFILES[layer], config))
        merge(config, plugin.profiles.get(layer, {}))
    merge(config, plugin.datasets.get(dataset, {}))
    for key, value in (overrides or {}).items():
        set_value(config, key, value)
    config["data"]["split"] = _choice("split", config["data"]["split"], source.splits)
    config["data"]["label_set"] = _choice(
        "label set", config["data"]["label_set"], source.label_sets
    )
    if config["data"]["train_on"] == "train+val" and not _asks_for_selection(overrides or {}):
        rules["select"] = {"val": "last"}.get(rules["select"], rules["select"])
    if not 0 <= seed < SEEDS:
        raise UserError(f"seed={seed}: must be from 0 to {SEEDS - 1}")
    checked(THREADS, "threads", config["threads"])
    if "retrieval" in config:
        checked(POSITIVE, "retrieval.backbone_lr", config["retrieval"]["backbone_lr"])
    validated = _validated(config)
    for task in plugin.tasks:
        declared_for = plugin.options.get(task, Declared({}))
        declared_for.check(validated[task]["model"], f"{task}.model.")
    _check_held_out(validated)
    return validated


def require_composed(config: Mapping[str, Any], task: str, where: str) -> None:
    """Raise a `UserError` unless a configuration is one that `compose` may give.

    For what comes from elsewhere: its keys are those of its method's recipe, each value is of the
    type and range that a setting of that name has, and its networks are the recipe's.

    Args:
        config: Of one task of a run.
        task: Which.
        where: What it is from, for the message.
    """
    method, dataset = str(config["method"]), str(config["dataset"])
    if task not in plugins.tasks_of(method):
        raise UserError(f"{where}: there is no method '{method}' here that has {task}")
    known = reader_of(dataset) in plugins.available("data set")
    base = for_task(compose(method, dataset if known else "synthped"), task)
    kind = base[task]["model"]["type"]
    try:
        merge(base, {k: v for k, v in config.items() if k not in NAMES})
        if base[task]["model"].get("type") != kind:
            raise UserError(f"{task}.model.type: must be {kind}, the method's own")
        declared(plugins.module_of("method", method), "METHOD").options.get(
            task, Declared({})
        ).check(_validated(base)[task]["model"], f"{task}.model.")
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def for_task(config: Config, task: str) -> Config:
    """Return the part of a configuration that a run of one task depends on."""
    part = {k: v for k, v in config.items() if k == task or k not in TASKS}
    if task == "recognition":
        rules = {k: v for k, v in config["protocol"].items() if k not in OF_QUERIES}
        part["protocol"] = rules
    return part


def _protocol(overrides: Mapping[str, Any]) -> Config:
    """Return the rules of the protocol that the overrides name, or of the default one."""
    section = overrides.get("protocol")
    inside = section.get("name") if isinstance(section, Mapping) else None
    name = overrides.get("protocol.name", inside)
    return (Protocol() if name is None else named(str(name))).model_dump()


def _task_defaults(task: str, recipe: Mapping[str, Any]) -> Config:
    """Return the settings of a task before any recipe speaks; the model's own come with it."""
    section: Config = {"model": deepcopy(dict(recipe["model"])), "train": Train().model_dump()}
    if task == "recognition":
        section["augment"] = Augment().model_dump()
        section["init"] = ""  # where training starts: "" at random, see `check_start`
        section["init_sha256"] = ""  # of the file, if it starts from one, see `start_files`
    else:
        # What of the parent learns on, see `check_backbone`, and at which share of train.lr.
        section |= {"parent": recipe["parent"], "backbone": "frozen", "backbone_lr": 0.1}
    if "text" in recipe:
        section["text"] = Text().model_dump()
    return section


def _fitting(layer: Mapping[str, Any], config: Config) -> Config:
    """Return a profile without the tasks that a method does not have or does not train."""
    idle = {task for task in TASKS if task in config and not config[task]["train"]["epochs"]}
    kept = {k: v for k, v in layer.items() if k in config and k not in idle}
    return kept | {
        t: {"augment": layer[t]["augment"]} for t in idle if "augment" in layer.get(t, {})
    }


def _asks_for_selection(overrides: Mapping[str, Any]) -> bool:
    """Return whether the overrides say what selects the checkpoint."""
    section = overrides.get("protocol")
    return "protocol.select" in overrides or (isinstance(section, Mapping) and "select" in section)


def _check_held_out(config: Config) -> None:
    """Raise a `UserError` where a setting wants of val what it cannot give."""
    if config["data"]["train_on"] == "train":
        train = config.get("retrieval", {}).get("train", {})
        if train.get("schedule") == "plateau" and train["watch"] == "loss":
            raise UserError("retrieval.train.watch=loss: retrieval has no loss on val; set metric")
        return
    wanting = {f"protocol.{rule}": config["protocol"][rule] for rule in ("select", "threshold")}
    for task in TASKS:
        train = config.get(task, {}).get("train", {})
        if train.get("schedule") == "plateau":
            wanting[f"{task}.train.watch"] = {"metric": "val"}.get(train["watch"])
    for key, value in wanting.items():
        if value == "val":
            raise UserError(
                f"data.train_on=train+val: no images are held out for {key}="
                f"{'metric' if key.endswith('watch') else 'val'}; "
                f"set {key}={HELD_IN[key.rpartition('.')[2]]}, or data.train_on=train"
            )


def _choice(kind: str, value: str, known: tuple[str, ...]) -> str:
    """Return ``value``, or the first known one for "".  Numbers are taken as their text."""
    if value == "":
        return known[0]
    if str(value) not in known:
        raise unknown(kind, str(value), known)
    return str(value)


def _validated(config: Config) -> Config:
    """Return the configuration with every typed section checked, as plain JSON values."""
    for path, schema in TYPED.items():
        section = config
        for part in path[:-1]:
            section = section.get(part, {})
        if path[-1] not in section:
            continue
        try:
            section[path[-1]] = schema.model_validate(section[path[-1]]).model_dump()
        except ValidationError as error:
            raise UserError(_words(path, error.errors())) from None
    return json.loads(json.dumps(config))  # tuples become lists: what is hashed is what is stored


def _words(path: tuple[str, ...], errors: Sequence[Mapping[str, Any]]) -> str:
    """Return what is wrong with a section; a message about several keys names them itself."""
    first, section = errors[0], ".".join(path)
    message = str(first["msg"])
    if "{section}" in message:
        return message.removeprefix("Value error, ").replace("{section}", section)
    # Of several types that a value may have, each says what it lacks, under a name of its own.
    named = [str(part) for part in first["loc"] if str(part).replace("_", "").isalnum()]
    key = ".".join([section, *named])
    value = f"={first['input']!r}" if first["loc"] else ""
    if named != [str(part) for part in first["loc"]]:
        message = " or: ".join(str(e["msg"]) for e in errors if e["loc"][0] == first["loc"][0])
    return f"{key}{value}: {message}"
