"""Every plug-in in the folders, found by itself: it loads, offers its kind's functions, describes its settings."""

import ast
import importlib
import inspect

import pytest
from jsonschema import Draft202012Validator

from workflow_scripts import plugins

# What a module of each kind offers; an exemplar source chooses exemplars, or distractors.
FUNCTIONS = {
    "base_models": [{"load"}],
    "customization": [{"fine_tune", "condition", "conditioned"}],
    "encoders": [{"load"}],
    "exemplar_sources": [{"select"}, {"distract"}],
    "heads": [{"fit", "apply"}],
    "methods": [{"load"}],
}
PLUGINS = [(kind, name) for kind in plugins.KINDS for name in plugins.names(kind)]


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


def protocols(kind: str) -> dict[str, list[str]]:
    """Parameters of each function that a `Protocol` of the kind's folder describes, without `self`."""
    package = importlib.import_module(f"workflow_scripts.{kind}")
    classes = [c for _, c in inspect.getmembers(package, inspect.isclass) if getattr(c, "_is_protocol", False)]
    return {
        name: parameters(function)[1:]
        for protocol in classes
        for name, function in vars(protocol).items()
        if inspect.isfunction(function) and not name.startswith("__")
    }


def test_every_kind_has_a_folder_and_a_plug_in():
    assert set(FUNCTIONS) == set(plugins.KINDS)
    assert all(plugins.names(kind) for kind in plugins.KINDS)


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_a_plug_in_offers_the_functions_of_its_kind(kind: str, name: str):
    module = plugins.load(kind, name)
    offered = {function for function, _ in inspect.getmembers(module, inspect.isfunction)}
    wanted = next((wanted for wanted in FUNCTIONS[kind] if wanted <= offered), None)
    assert wanted, f"{kind}/{name}.py offers none of {FUNCTIONS[kind]}"
    described = protocols(kind)
    for function in wanted & described.keys():
        assert parameters(getattr(module, function)) == described[function], f"{kind}/{name}.py: {function}"


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_a_plug_in_describes_its_settings(kind: str, name: str):
    settings = plugins.settings_schema(kind, name)
    Draft202012Validator.check_schema({"properties": settings})
    assert "version" not in settings, "each section has a version; a plug-in need not declare it"
    for key, schema in settings.items():
        assert schema.get("description"), f"{kind}/{name}.py: SETTINGS[{key!r}] has no description"
        assert {"type", "enum", "const"} & schema.keys(), f"{kind}/{name}.py: SETTINGS[{key!r}] has no type"


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_a_plug_in_says_what_it_is(kind: str, name: str):
    source = (plugins.PACKAGE / kind / f"{name}.py").read_text()
    assert ast.get_docstring(ast.parse(source))
