"""Compares installed packages with the requirements, and with the lists of files that they bring.

The arguments are pairs of a file of requirements and of the folder that its packages are in.
"""

import importlib.metadata
import os
import sys

for requirements, folder in zip(sys.argv[1::2], sys.argv[2::2]):
    distributions = importlib.metadata.distributions(path=[folder])
    found = {distribution.metadata["Name"].lower(): distribution for distribution in distributions}
    with open(requirements, encoding="utf-8") as lines:
        names = [line.split("==")[0].strip().lower() for line in lines if "==" in line]
    for name in names:
        if name not in found:
            sys.exit(f"{name} is missing")
        for file in found[name].files or []:
            # pip puts the programs of a package elsewhere, and knows no size of what it compiles.
            if ".." in file.parts or file.size is None:
                continue
            path = str(file.locate())
            if not os.path.isfile(path) or os.path.getsize(path) != file.size:
                sys.exit(f"{path} is missing or damaged")
