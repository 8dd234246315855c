"""The component that is built: the classes of `main`, checked.

The build imports this module once, and keeps the memory of Python. Each instance begins with that memory.
"""

import os
import sys

import airssys
import airssys_modules
import airssys_trace

FORM = "Lifecycle, Handler = airssys.component(TheClass)"
FUNCTIONS = {
    "Lifecycle": ("initialize", "health", "shutdown"),
    "Handler": ("handle_message", "handle_callback"),
}


def checked(main, name: str) -> type:
    made = getattr(main, name, None)
    if made is None:
        raise TypeError(f"src/main.py defines no `{name}`; end it with `{FORM}`")
    lacking = [function for function in FUNCTIONS[name] if not callable(getattr(made, function, None))]
    if not isinstance(made, type) or lacking:
        raise TypeError(f"`{name}` of src/main.py is not a class of the contract; end it with `{FORM}`")
    return made


def built() -> tuple[type, type]:
    folder = next(path for path in sys.path if os.path.isfile(path + "/main.py"))
    airssys_trace.name_folder(folder, "src")
    # The imports in functions are checked too, so that none of them fails in an instance only.
    airssys_modules.keep_all(folder)
    import main

    lifecycle, handler = checked(main, "Lifecycle"), checked(main, "Handler")

    class Lifecycle(lifecycle):
        def initialize(self, config):
            airssys._start()
            return super().initialize(config)

    return Lifecycle, handler


try:
    Lifecycle, Handler = built()
except BaseException as error:
    # `airssys build` shows the text between these lines.
    print(f"<airssys>\n{airssys_trace.described(error)}\n</airssys>", file=sys.stderr)
    raise
