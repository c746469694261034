"""Writes the pictures that ImagesTests reads and prints the values it expects after resizing.

    python Tests/ImagesTests/write_pictures.py

Needs Pillow and NumPy. Pixel (x, y) is 10 x + 30 y + 5 in grey, and (20 x + 10, 40 y + 20, 5 x + 25
y + 30) in colour; every picture is 9 x 5 pixels.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 9, 5
FOLDER = Path(__file__).parent / "Pictures"
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
grey = (10 * x + 30 * y + 5).astype(np.uint8)
colour = np.stack([20 * x + 10, 40 * y + 20, 5 * x + 25 * y + 30], axis=-1).astype(np.uint8)


def chunk(kind, data):
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def write_png(name, width, height, depth, colour_type, interlace, rows):
    """Writes a PNG file byte by byte, in forms that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlace)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    (FOLDER / name).write_bytes(data)


def adam7(pixels):
    rows = b""
    for left, top, dx, dy in [
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]:
        for row in pixels[top::dy, left::dx]:
            if row.size:
                rows += b"\0" + row.tobytes()
    return rows


def write_pngs():
    Image.fromarray(grey).save(FOLDER / "grey.png")
    Image.fromarray(colour).save(FOLDER / "colour.png")
    alpha = np.full((HEIGHT, WIDTH, 1), 77, np.uint8)
    Image.fromarray(np.concatenate([colour, alpha], axis=-1)).save(FOLDER / "alpha.png")
    palette = Image.new("P", (WIDTH, HEIGHT))
    palette.putpalette(colour.reshape(-1).tobytes())
    palette.putdata(list(range(WIDTH * HEIGHT)))
    palette.save(FOLDER / "palette.png")
    Image.fromarray((grey >= 128).astype(np.uint8) * 255).convert("1").save(FOLDER / "bits.png")
    wide = (colour.astype(">u2") * 257).reshape(HEIGHT, -1)
    write_png(
        "sixteen.png", WIDTH, HEIGHT, 16, 2, 0, b"".join(b"\0" + row.tobytes() for row in wide))
    write_png("interlaced.png", WIDTH, HEIGHT, 8, 2, 1, adam7(colour))
    write_png("huge.png", 2_000_000, 2_000_000, 8, 2, 0, b"\0" * 100)
    write_png("empty.png", 0, 5, 8, 2, 0, b"\0")


def write_jpegs():
    Image.fromarray(grey).save(FOLDER / "grey.jpg", quality=95)
    picture = Image.fromarray(colour)
    picture.save(FOLDER / "colour.jpg", quality=98, subsampling=0)
    picture.save(FOLDER / "progressive.jpg", quality=98, subsampling=0, progressive=True)
    picture.convert("CMYK").save(FOLDER / "cmyk.jpg", quality=98, subsampling=0)


def write_bmp(name, bits, compression, height, rows, table=b""):
    """Writes a BMP file byte by byte; `table` is the part after the header."""
    offset = 14 + 40 + len(table)
    header = struct.pack(
        "<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(rows), 0, 0, 0, 0)
    data = b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + header + table + rows
    (FOLDER / name).write_bytes(data)


def write_bmps():
    Image.fromarray(grey).save(FOLDER / "grey.bmp")
    Image.fromarray(colour).save(FOLDER / "colour.bmp")
    Image.open(FOLDER / "palette.png").save(FOLDER / "palette.bmp")
    Image.open(FOLDER / "bits.png").save(FOLDER / "bits.bmp")
    # 32 bits per pixel, top-down, with an unused highest byte.
    wide = np.concatenate([colour[:, :, ::-1], np.full((HEIGHT, WIDTH, 1), 9, np.uint8)], axis=-1)
    write_bmp("wide.bmp", 32, 0, -HEIGHT, wide.tobytes())
    # Masks of 8 bits each for red, green and blue in 32 bits, in reverse order.
    masks = struct.pack("<III", 0xFF, 0xFF00, 0xFF0000)
    fields = np.concatenate([colour, np.zeros((HEIGHT, WIDTH, 1), np.uint8)], axis=-1)[::-1]
    write_bmp("fields.bmp", 32, 3, HEIGHT, fields.tobytes(), masks)
    # Run-length encoding: a run of one, literal pixels, ends of lines, end of file; a grey palette.
    table = b"".join(bytes([i, i, i, 0]) for i in range(256))
    rows = b"".join(
        bytes([1, row[0], 0, WIDTH - 1, *row[1:], *([0] * ((WIDTH - 1) % 2)), 0, 0])
        for row in grey[::-1].tolist())
    write_bmp("runs.bmp", 8, 1, HEIGHT, rows + b"\0\1", table)
    write_bmp("huge.bmp", 24, 0, 2_000_000_000, b"\0" * 100)


def write_others():
    picture, plain = Image.fromarray(colour), Image.fromarray(grey)
    alpha = np.concatenate([colour, np.full((HEIGHT, WIDTH, 1), 77, np.uint8)], axis=-1)
    picture.save(FOLDER / "colour.tif")
    picture.save(FOLDER / "lzw.tif", compression="tiff_lzw")
    picture.save(FOLDER / "deflate.tif", compression="tiff_adobe_deflate")
    picture.save(FOLDER / "big.tif", big_tiff=True)
    picture.transpose(Image.Transpose.ROTATE_180).save(FOLDER / "turned.tif", tiffinfo={274: 3})
    Image.open(FOLDER / "palette.png").save(FOLDER / "palette.tif")
    Image.open(FOLDER / "bits.png").save(FOLDER / "bits.tif", compression="group4")
    Image.fromarray(alpha).save(FOLDER / "alpha.tif")
    plain.save(FOLDER / "grey.tif")
    Image.fromarray(grey.astype(np.uint16) * 257).save(FOLDER / "sixteen.tif")

    picture.save(FOLDER / "colour.webp", lossless=True)
    Image.fromarray(alpha).save(FOLDER / "alpha.webp", lossless=True, exact=True)
    picture.save(FOLDER / "lossy.webp", quality=100)
    picture.save(
        FOLDER / "moving.webp", lossless=True, save_all=True, duration=100,
        append_images=[picture.transpose(Image.Transpose.ROTATE_180)])

    picture.save(FOLDER / "colour.jp2", irreversible=False)
    picture.save(FOLDER / "colour.j2k", irreversible=False)
    picture.save(FOLDER / "tiles.jp2", irreversible=False, tile_size=(4, 4))
    Image.fromarray(alpha).save(FOLDER / "alpha.jp2", irreversible=False)
    plain.save(FOLDER / "grey.jp2", irreversible=False)
    picture.save(FOLDER / "lossy.jp2", irreversible=True, quality_layers=[2])

    picture.save(FOLDER / "colour.ppm")
    plain.save(FOLDER / "grey.pgm")
    Image.open(FOLDER / "bits.png").save(FOLDER / "bits.pbm")


def print_resized(width, height):
    resized = Image.fromarray(grey.astype(np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR)
    print(width, height, [float(f"{v:.4f}") for v in np.asarray(resized).reshape(-1)])


FOLDER.mkdir(exist_ok=True)
write_pngs()
write_jpegs()
write_bmps()
write_others()
for size in [(3, 2), (4, 7), (11, 3)]:
    print_resized(*size)
