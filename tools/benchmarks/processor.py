"""The name of this machine's processor and the instruction sets that matter here."""

import pathlib

SETS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_vnni": "AVX-512-VNNI", "avx_vnni": "AVX-VNNI",
        "avx512_bf16": "AVX-512-BF16", "amx_int8": "AMX-INT8", "amx_bf16": "AMX-BF16"}


def describe():
    """One line: name, number of processors, instruction sets."""
    lines = [line.partition(":") for line in
             pathlib.Path("/proc/cpuinfo").read_text().splitlines()]
    entries = {key.strip(): value.strip() for key, _, value in lines}
    count = sum(key.strip() == "processor" for key, _, _ in lines)
    flags = entries.get("flags", "").split()
    sets = [name for flag, name in SETS.items() if flag in flags]
    model = entries.get("model name", "unknown processor")
    family = f"family {entries['cpu family']}, model {entries['model']}" if "model" in entries else ""
    return f"{model} ({family}), {count} processors: {', '.join(sets) or 'no vector sets known'}"


if __name__ == "__main__":
    print(describe())
