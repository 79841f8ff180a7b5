"""Gateway: the program of a node, and the thing that a release of the lab replaces.

The modules of this package, with `tls_lines`, `admin_door` and `lifeline`, are what an artifact holds.
They import the standard library and each other, and uvloop where it is installed; nothing else.
"""
