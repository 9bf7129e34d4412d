"""G.711 mu-law by its formula: the codec alone, against which the server's path is judged."""

import numpy as np

_BIAS = 132
_CLIP = 32635


def encode(samples):
    """int16 samples to mu-law octets (ITU-T G.711, 14-bit magnitude with bias 132)."""
    values = np.asarray(samples, dtype=np.int32)
    magnitude = np.minimum(np.abs(values), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    sign = np.where(values < 0, 0x80, 0)
    return (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8).tobytes()


def decode(octets):
    """mu-law octets to int16 samples."""
    code = ~np.frombuffer(octets, dtype=np.uint8).astype(np.int32) & 0xFF
    magnitude = ((((code & 15) << 3) + _BIAS) << ((code >> 4) & 7)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
