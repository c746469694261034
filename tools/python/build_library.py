"""Builds the library ONNXC and puts it beside the extension module, for setuptools.

The library is `tools/build ONNXC`, or the one that SWIFTONNX_LIBRARY names.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parents[2]
# Image codecs, which the library needs and a machine may lack.
CODECS = re.compile(r"(libpng\S*|libjpeg\S*) => (/\S+)")


class BuildLibrary(build_ext):
    """Builds the library before the extension that is linked with it."""

    def build_extension(self, ext):
        library = os.environ.get("SWIFTONNX_LIBRARY")
        if not library:
            subprocess.run([ROOT / "tools/build", "ONNXC"], check=True, cwd=ROOT)
            library = ROOT / ".build/release/libONNXC.so"
        library = Path(library).resolve()
        ext.include_dirs.append(numpy.get_include())
        ext.library_dirs.append(str(library.parent))
        super().build_extension(ext)
        folder = Path(self.get_ext_fullpath(ext.name)).parent
        shutil.copy2(library, folder / "libONNXC.so")
        if not os.environ.get("SWIFTONNX_LIBRARY"):
            loaded = subprocess.run(
                ["ldd", library], check=True, capture_output=True, text=True
            ).stdout
            for name, path in CODECS.findall(loaded):
                shutil.copy2(path, folder / name)
