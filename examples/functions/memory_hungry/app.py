"""Memory-hungry: holds all frames of a film at once. Runs out of memory at sizes that are too small for them."""

import zlib

FRAME_BYTES = 4 * 1024 * 1024


def handler(event, context):
    """`mb`: memory that the frames take together."""
    count = int(event.get("mb", 300)) * 1024 * 1024 // FRAME_BYTES
    frames = [bytearray([number % 256]) * FRAME_BYTES for number in range(count)]
    checksum = 0
    for frame in frames:
        checksum = zlib.crc32(frame[:65_536], checksum)
    return {"frames": len(frames), "checksum": checksum}
