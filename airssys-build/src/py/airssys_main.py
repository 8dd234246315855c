"""Imports a component's `main`, and writes down what that took, for the next build to compare.

It runs once, while the component is built. The record is written beside this file.
"""

import builtins
import io
import json
import sys

# The folders of the component stay as they are.
sys.dont_write_bytecode = True


class Observer:
    """Finds no module, but sees each that is looked for."""

    def __init__(self):
        self.modules = []

    def find_spec(self, name, path=None, target=None):
        self.modules.append([name, None if path is None else list(path)])


class Opened:
    """Opens files, and sees which."""

    def __init__(self):
        self.files = []
        self.open = io.open

    def __call__(self, file, mode="r", *args, **options):
        if not isinstance(file, int) and "r" in mode:
            self.files.append(str(file))
        return self.open(file, mode, *args, **options)


observer, opened = Observer(), Opened()
sys.meta_path.insert(0, observer)
io.open = builtins.open = opened
try:
    import airssys_entry as main
finally:
    io.open = builtins.open = opened.open
    sys.meta_path.remove(observer)

modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
record = {
    "path": sys.path,
    "looked_for": observer.modules,
    "files": sorted({file for file in modules if file} | set(opened.files)),
}
with open(__file__.rpartition("/")[0] + "/inputs.json", "w", encoding="utf-8") as file:
    json.dump(record, file)


def __getattr__(name):
    return getattr(main, name)
