"""Makes tests/fixtures/*: one drawn picture in every format and state that a photo may come in.

Run: python tests/reference/photos.py   (Pillow 12, pillow-heif)

The picture is 64 × 48: left half red above green, right half blue above white.
"""

import struct
import zlib
from pathlib import Path

import pillow_heif
from PIL import Image

FOLDER = Path("tests/fixtures")
RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 160, 60), (40, 60, 200), (250, 250, 250)


def picture(size=(64, 48)):
    image = Image.new("RGB", size, WHITE)
    width, height = size
    image.paste(RED, (0, 0, width // 2, height // 2))
    image.paste(GREEN, (0, height // 2, width // 2, height))
    image.paste(BLUE, (width // 2, 0, width, height // 2))
    return image


def grey16(image):
    values = [v * 257 for v in image.convert("L").tobytes()]
    raw = b"".join(
        b"\0" + struct.pack(f">{image.width}H", *values[y * image.width : (y + 1) * image.width])
        for y in range(image.height)
    )
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", image.width, image.height, 16, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


plain = picture()
plain.save(FOLDER / "plain.jpg", quality=95, subsampling=0)
plain.save(FOLDER / "plain.png")
plain.save(FOLDER / "plain.bmp")
plain.save(FOLDER / "plain.webp", lossless=True)
plain.convert("L").save(FOLDER / "grey.jpg", quality=95)
plain.convert("CMYK").save(FOLDER / "cmyk.jpg", quality=95, subsampling=0)
(FOLDER / "grey16.png").write_bytes(grey16(plain))

# The right half is fully transparent; its hidden colour is black.
transparent = plain.convert("RGBA")
transparent.paste((0, 0, 0, 0), (32, 0, 64, 48))
transparent.save(FOLDER / "alpha.png")

# Stored lying on its side, with the EXIF orientation that turns it upright again.
exif = Image.Exif()
exif[0x0112] = 6
plain.transpose(Image.Transpose.ROTATE_90).save(FOLDER / "rotated.jpg", quality=95, subsampling=0, exif=exif)

second = Image.new("RGB", plain.size, (0, 0, 0))
plain.save(FOLDER / "animated.gif", save_all=True, append_images=[second], duration=100)
plain.save(FOLDER / "animated.webp", save_all=True, append_images=[second], duration=100, lossless=True)
plain.save(FOLDER / "plain.avif", quality=95, subsampling="4:4:4")
pillow_heif.register_heif_opener()
plain.save(FOLDER / "plain.heic", quality=95)
plain.save(FOLDER / "plain.tiff")

Image.new("1", (10_000, 10_000), 1).save(FOLDER / "100-megapixels.png", optimize=True)
Image.new("RGB", (12_000, 40), GREEN).save(FOLDER / "12000x40.png", optimize=True)
Image.new("RGB", (1, 1), BLUE).save(FOLDER / "1x1.png")
jpeg = (FOLDER / "plain.jpg").read_bytes()
(FOLDER / "truncated.jpg").write_bytes(jpeg[: len(jpeg) * 2 // 3])
(FOLDER / "corrupt.jpg").write_bytes(jpeg[:200] + bytes(300) + jpeg[-2:])
png = (FOLDER / "plain.png").read_bytes()
(FOLDER / "truncated.png").write_bytes(png[: len(png) * 2 // 3])
(FOLDER / "text.jpg").write_text("This is a text file with a picture's name.\n")
(FOLDER / "empty.jpg").write_bytes(b"")
