"""Modules that are imported late: by a handler, when the files of the build are gone.

While the component is built, the standard library and the component's own files are compiled and kept in
memory. An instance imports them from there.
"""

import ast
import importlib.util
import marshal
import os
import sys
import warnings
import zlib
from importlib.machinery import ModuleSpec

STDLIB = "/python"

# Parts of the standard library that need a terminal, a screen, processes or a compiler, or only test it.
LEFT_OUT = {
    "__pycache__",
    "_pyrepl",
    "curses",
    "ensurepip",
    "idlelib",
    "lib-dynload",
    "multiprocessing",
    "pydoc_data",
    "site-packages",
    "test",
    "tkinter",
    "turtledemo",
    "venv",
}
LEFT_OUT_FILES = {"antigravity.py", "pydoc.py", "this.py", "turtle.py"}


class Kept:
    """Finds modules that were kept in memory."""

    def __init__(self) -> None:
        # The compressed code of each module, and its file.
        self.code: dict[str, tuple[bytes, str]] = {}
        self.packages: set[str] = set()

    def keep(self, name: str, file: str, is_package: bool) -> None:
        with open(file, "rb") as opened:
            source = opened.read()
        try:
            code = compile(source, file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            # Packages have files for other versions of Python, and templates. Importing them fails anyway.
            return
        self.code[name] = (zlib.compress(marshal.dumps(code), 6), file)
        if is_package:
            self.packages.add(name)

    def keep_folder(self, folder: str, left_out: set[str] = frozenset()) -> None:
        """Keeps the modules below a folder of Python's search path. The first folder that has one counts."""
        for path, folders, files in os.walk(folder):
            folders[:] = sorted(name for name in folders if name.isidentifier() and name not in left_out)
            package = ".".join(os.path.relpath(path, folder).split("/")).lstrip(".")
            if package and package not in self.code:
                # A folder without `__init__.py` is a package too.
                self.packages.add(package)
            for file in sorted(files):
                module, ending = os.path.splitext(file)
                if ending != ".py" or file in left_out:
                    continue
                is_package = module == "__init__"
                name = package if is_package else f"{package}.{module}" if package else module
                if name and name not in self.code:
                    self.keep(name, path + "/" + file, is_package)

    def has(self, name: str) -> bool:
        return name in self.code or name in self.packages

    # The protocol of a finder.
    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name in self.code:
            is_package = name in self.packages
            spec = ModuleSpec(name, self, origin=self.code[name][1], is_package=is_package)
            spec.has_location = True
            return spec
        if name in self.packages:
            return ModuleSpec(name, None, is_package=True)
        return None

    # The protocol of a loader.
    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: object) -> None:
        code, _ = self.code[module.__name__]
        exec(marshal.loads(zlib.decompress(code)), vars(module))

    def get_code(self, name: str) -> object:
        return marshal.loads(zlib.decompress(self.code[name][0]))

    def is_package(self, name: str) -> bool:
        return name in self.packages


class _Imports(ast.NodeVisitor):
    """The imports of a module that have to succeed."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.found: list[tuple[str, int]] = []
        # Names that a module is imported from, which may be modules as well.
        self.names: list[str] = []

    def visit_Try(self, node: ast.Try) -> None:
        """Leaves out imports that the source has an answer to."""
        if any(_catches_imports(handler.type) for handler in node.handlers):
            for part in [*node.handlers, *node.orelse, *node.finalbody]:
                self.visit(part)
        else:
            self.generic_visit(node)

    def visit_With(self, node: ast.With) -> None:
        """Leaves out imports below `suppress(ImportError)`."""
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and any(_catches_imports(argument) for argument in call.args):
                return
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        """Leaves out imports for checkers of types, and those for some versions or platforms only."""
        names = {getattr(part, "attr", getattr(part, "id", None)) for part in ast.walk(node.test)}
        if names & {"sys", "os", "platform"}:
            return
        for part in node.orelse if "TYPE_CHECKING" in names else [*node.body, *node.orelse]:
            self.visit(part)

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(alias.name, node.lineno) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        name = node.module or ""
        if node.level:
            try:
                name = importlib.util.resolve_name("." * node.level + name, self.package)
            except ImportError:
                return
        if name:
            self.found.append((name, node.lineno))
            self.names += [f"{name}.{alias.name}" for alias in node.names]


def _catches_imports(caught: ast.expr | None) -> bool:
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    names = {kind.id for kind in kinds if isinstance(kind, ast.Name)}
    return caught is None or bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def absent_imports(folder: str, kept: Kept) -> list[str]:
    """Returns a line for each import that would fail in `main`, or in a module of its folder that it imports.

    It does not matter whether the import stands at the top or in a function.
    """
    lines = []
    modules = ["main"]
    for name in modules:
        _, file = kept.code.get(name, (b"", ""))
        if not file.startswith(folder + "/"):
            continue
        with open(file, "rb") as opened:
            tree = ast.parse(opened.read())
        imports = _Imports(name if kept.is_package(name) else name.rpartition(".")[0])
        imports.visit(tree)
        for wanted, line in imports.found:
            if not (kept.has(wanted) or wanted in sys.modules or wanted in sys.builtin_module_names):
                lines.append(f"src{file[len(folder) :]}:{line}: no module named `{wanted}`")
        followed = [wanted for wanted, _ in imports.found] + imports.names
        modules += [wanted for wanted in followed if kept.has(wanted) and wanted not in modules]
    return lines


def _keep_path(kept: Kept) -> None:
    for folder in sys.path:
        if os.path.isdir(folder) and not folder.startswith(STDLIB + "/"):
            kept.keep_folder(folder, LEFT_OUT | LEFT_OUT_FILES if folder == STDLIB else {"__pycache__"})


def keep_all(source_folder: str) -> Kept:
    """Keeps the modules of Python's search path, and has them found when their files are gone."""
    kept = Kept()
    with warnings.catch_warnings():
        # Python warns about the component's own sources when it imports them.
        warnings.simplefilter("ignore")
        _keep_path(kept)
    absent = absent_imports(source_folder, kept)
    if absent:
        raise ImportError(
            "the component would not have these modules; add their packages to the dependencies in pyproject.toml, "
            "or catch the ImportError:\n  " + "\n  ".join(absent)
        )
    sys.meta_path.append(kept)
    return kept
