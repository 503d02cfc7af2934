"""Every plug-in in the folders: it is what the protocol of its kind says, and describes its settings."""

import ast
import importlib
import inspect
from dataclasses import fields
from types import ModuleType

import pytest
from jsonschema import Draft202012Validator

from workflow_scripts import plugins
from workflow_scripts.study.schema import section_schema

MODULES = {  # the protocol of a module of each kind; an exemplar source chooses exemplars, or distractors
    "base_models": ["BaseModelModule"],
    "customization": ["CustomizationModule"],
    "encoders": ["EncoderModule"],
    "exemplar_sources": ["ExemplarSourceModule", "DistractorSourceModule"],
    "heads": ["HeadModule"],
    "methods": ["MethodModule"],
}
PLUGINS = [(kind, name) for kind in plugins.KINDS for name in plugins.names(kind)]


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


def functions(protocol: type) -> dict[str, list[str]]:
    """Parameters of each function that a protocol describes, without `self`."""
    described = {name: function for name, function in vars(protocol).items() if inspect.isfunction(function)}
    return {name: parameters(function)[1:] for name, function in described.items() if not name.startswith("_")}


def offered(module: ModuleType) -> dict[str, list[str]]:
    return {name: parameters(function) for name, function in inspect.getmembers(module, inspect.isfunction)}


def protocols(kind: str) -> dict[str, type]:
    package = importlib.import_module(f"workflow_scripts.{kind}")
    classes = dict(inspect.getmembers(package, inspect.isclass))
    return {name: protocol for name, protocol in classes.items() if getattr(protocol, "_is_protocol", False)}


def test_every_kind_has_a_folder_a_plug_in_and_a_protocol():
    assert set(MODULES) == set(plugins.KINDS)
    for kind in plugins.KINDS:
        assert plugins.names(kind)
        named = [name for name in protocols(kind) if name.endswith("Module")]
        assert sorted(named) == sorted(MODULES[kind])
        assert all(functions(protocols(kind)[name]) for name in named)


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_a_plug_in_is_what_the_protocol_of_its_kind_says(kind: str, name: str):
    has = offered(plugins.load(kind, name))
    described = [functions(protocols(kind)[protocol]) for protocol in MODULES[kind]]
    assert any(wanted.keys() <= has.keys() for wanted in described), f"{kind}/{name}.py is no {MODULES[kind]}"
    for wanted in described:
        for function in wanted.keys() & has.keys():
            assert has[function] == wanted[function], f"{kind}/{name}.py: {function}"


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_a_plug_in_takes_its_own_settings(kind: str, name: str):
    module = plugins.load(kind, name)
    for function in functions_with_settings(module, kind):
        annotation = inspect.get_annotations(function, eval_str=False)["settings"]
        assert annotation is getattr(module, "Settings", None), f"{kind}/{name}.py: {function.__name__}"


def functions_with_settings(module: ModuleType, kind: str) -> list:
    described = {name for protocol in MODULES[kind] for name in functions(protocols(kind)[protocol])}
    return [getattr(module, name) for name, has in offered(module).items() if name in described and "settings" in has]


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_a_plug_in_describes_its_settings(kind: str, name: str):
    declared = plugins.settings_type(kind, name)
    imported = getattr(plugins.load(kind, name), "Settings", None)
    assert (declared is None) == (imported is None)
    if declared is None:
        return
    assert [field.name for field in fields(declared)] == [field.name for field in fields(imported)]
    assert section_schema(declared) == section_schema(imported)
    assert declared.__dataclass_params__.frozen
    schema = section_schema(declared)
    Draft202012Validator.check_schema(schema)
    assert "version" not in schema["properties"], "each section has a version; a plug-in need not declare it"
    for key, about in schema["properties"].items():
        assert about.get("description"), f"{kind}/{name}.py: Settings.{key} has no description"
        assert {"type", "enum", "const"} & about.keys(), f"{kind}/{name}.py: Settings.{key} has no type"


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_a_plug_in_says_what_it_is(kind: str, name: str):
    source = (plugins.PACKAGE / kind / f"{name}.py").read_text()
    assert ast.get_docstring(ast.parse(source))


@pytest.mark.parametrize("name", plugins.names("encoders"))
def test_an_encoder_says_what_it_reads(name: str):
    assert plugins.reads(name) == getattr(plugins.load("encoders", name), "READS", "image")


@pytest.mark.parametrize("name", plugins.names("exemplar_sources"))
def test_a_source_says_whether_its_images_are_files_in_folders(name: str):
    assert plugins.has_folders(name) == getattr(plugins.load("exemplar_sources", name), "FOLDERS", False)
