"""Errors with their place in the component's sources."""

import linecache
import os
import traceback

# The folder of the SDK, as Python sees it while the component is built.
_SDK = os.path.dirname(__file__)
# The names of folders of sources, by their paths in the build.
_FOLDERS: dict[str, str] = {}


def _shown(filename: str) -> str | None:
    """Returns the name of a source file as its author knows it, or None for a file of the SDK."""
    folder, file = os.path.split(filename)
    if folder == _SDK and file.startswith("airssys"):
        return None
    for folder, name in _FOLDERS.items():
        if filename.startswith(folder + "/"):
            return name + filename[len(folder) :]
    return filename


def name_folder(folder: str, name: str) -> None:
    """Has the files of a folder shown under this name, with their lines."""
    _FOLDERS[folder] = name
    for path, _, files in os.walk(folder):
        for file in files:
            if file.endswith(".py"):
                _keep_lines(path + "/" + file)


def _keep_lines(file: str) -> None:
    """Keeps the lines of a file, because an instance has no files."""
    with open(file, encoding="utf-8", errors="replace") as opened:
        text = opened.read()
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)


def _frames(error: traceback.TracebackException) -> None:
    """Names the files of an error and of its causes, and drops the frames of the SDK."""
    seen = set()
    errors = [error]
    while errors:
        error = errors.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        kept = []
        for frame in error.stack:
            name = _shown(frame.filename)
            if name is not None:
                frame.filename = name
                kept.append(frame)
        error.stack[:] = kept
        if getattr(error, "filename", None):
            # A mistake in the syntax has a file, but no frame.
            error.filename = _shown(error.filename) or error.filename
        errors += [cause for cause in (error.__cause__, error.__context__, *(error.exceptions or ())) if cause]


def described(error: BaseException) -> str:
    """Returns an error's kind, message, places and causes."""
    shown = traceback.TracebackException.from_exception(error)
    _frames(shown)
    return "".join(shown.format()).rstrip()


def summary(error: BaseException) -> str:
    """Returns an error's kind, message and place, in one line."""
    text = str(error)
    kind = type(error).__name__
    line = f"{kind}: {text}" if text else kind
    for frame, number in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = _shown(frame.f_code.co_filename)
        if name is not None:
            return f"{line} ({name}:{number})"
    return line


