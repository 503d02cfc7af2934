"""The rooms of the project stand in an order: a module imports from the lines above its own, or from its own line."""

from tests import imports

PLUGINS = ("base_models", "customization", "encoders", "exemplar_sources", "heads", "methods")
# A line lists rooms. A longer name is a part of a room that stands higher or lower than the rest of it. The package of
# a kind of plug-ins, and its private modules, stand high; the plug-ins stand low: who needs one loads it by its name.
ORDER = (
    ("cli", "devices", "locks", "seeds", "artifacts", "evaluation.retrieval"),
    ("plugins", "study"),
    ("reporting.markdown", "miniature.corpus", *PLUGINS, "customization.bank"),
    ("ground_truth",),
    ("evaluation",),
    ("inputs", "release"),
    tuple(f"{kind}.plug-ins" for kind in PLUGINS),
    ("miniature", "miniature.corpus.twins"),
    ("reporting",),
    ("operations",),
    ("commands", "steps"),
    ("__main__", "benchmarks"),
)


def room_of(module: str) -> tuple[str, int]:
    """The longest name in ORDER that fits a module, and its line."""
    name = module.removeprefix("workflow_scripts.")
    kind, _, rest = name.partition(".")
    if kind in PLUGINS and rest and not rest.startswith(("_", "bank")):
        name = f"{kind}.plug-ins"
    fits = [(room, i) for i, line in enumerate(ORDER) for room in line if f"{name}.".startswith(f"{room}.")]
    assert fits, f"{module}: stands in no room; add its room to ORDER"
    return max(fits, key=lambda fit: len(fit[0]))


def test_no_room_imports_from_one_below_it():
    wrong = []
    for line in imports.imports():
        (importer, own), (imported, other) = room_of(line.importer), room_of(line.imported)
        if other > own:
            wrong.append(f"{line.place}: {importer} imports {line.imported}, but {imported} stands below it")
    assert not wrong, "\n".join(wrong)


def test_no_files_import_each_other():
    circles = [module for module in imports.graph() if module in imports.reached([module], imports.graph())]
    assert not circles, "in a circle: " + ", ".join(circles)


def test_private_modules_stay_in_their_package():
    wrong = []
    for line in imports.imports():
        package, _, name = line.imported.rpartition(".")
        if name.startswith("_") and name != "__main__" and not line.importer.startswith(package):
            wrong.append(f"{line.place}: {line.imported} is private to {package}")
    assert not wrong, "\n".join(wrong)


def test_the_order_is_that_of_the_rooms_there_are():
    """A room that is gone, or misspelt, would hold nothing up."""
    rooms = {room_of(module)[0] for module in imports.modules() if module != "workflow_scripts"}
    assert rooms == {room for line in ORDER for room in line}
