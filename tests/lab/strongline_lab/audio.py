"""Judges of audio: where it lies, how alike it is, how good it sounds."""

import struct
from dataclasses import dataclass

import numpy as np
from pesq import pesq
from scipy.signal import correlate

from . import g711

RATE = 8000


def read_wav(path):
    """Mono or the first channel as int16, and the rate. Bears a header whose sizes were never filled in."""
    data = path.read_bytes()
    assert data[:4] == b"RIFF", f"{path} is no WAV file"
    position, channels, rate = 12, 1, RATE
    while position + 8 <= len(data):
        tag, size = data[position : position + 4], struct.unpack_from("<I", data, position + 4)[0]
        body = position + 8
        if tag == b"fmt ":
            channels, rate = struct.unpack_from("<HI", data, body + 2)
        if tag == b"data":
            end = len(data) if size in (0, 0xFFFFFFFF) else min(body + size, len(data))
            samples = np.frombuffer(data[body : body + (end - body) // (2 * channels) * 2 * channels], dtype="<i2")
            return samples[::channels].copy(), rate
        position = body + size + (size & 1)
    return np.zeros(0, dtype=np.int16), rate


def write_wav(path, samples, rate=RATE):
    payload = np.asarray(samples, dtype="<i2").tobytes()
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 36 + len(payload)) + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16) + b"data" + struct.pack("<I", len(payload)) + payload
    )


def tone(hertz, seconds, rate=RATE, amplitude=0.4):
    time = np.arange(int(seconds * rate)) / rate
    return (amplitude * 32767 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def tone_seconds(samples, hertz, rate=RATE, share=0.8):
    """How many seconds of the samples, in blocks of 100 ms, have at least `share` of their energy at the frequency."""
    block = rate // 10
    turn = np.exp(-2j * np.pi * hertz * np.arange(block) / rate)
    found = 0
    for start in range(0, len(samples) - block + 1, block):
        piece = np.asarray(samples[start : start + block], dtype=np.float64)
        energy = np.sum(piece**2)
        # below about -50 dBFS it is silence, whatever its spectrum
        if energy > block * 100.0**2 and 2 * abs(np.dot(piece, turn)) ** 2 / (block * energy) >= share:
            found += 1
    return found / 10


@dataclass(frozen=True)
class Likeness:
    """How one recording compares with what was sent."""

    delay_s: float
    correlation: float
    pesq: float
    codec_pesq: float
    codec_correlation: float

    def __str__(self):
        return (
            f"delay {self.delay_s * 1000:.0f} ms, correlation {self.correlation:.4f} (codec alone "
            f"{self.codec_correlation:.4f}), PESQ-NB {self.pesq:.2f} (codec alone {self.codec_pesq:.2f})"
        )


def compare(sent, received, rate=RATE):
    """Aligns by cross-correlation, then scores the received audio, and the codec alone on the same sample."""
    alone = g711.decode(g711.encode(sent))
    delay, aligned = align(sent, received)
    return Likeness(
        delay_s=delay / rate,
        correlation=correlation(sent, aligned),
        pesq=float(pesq(rate, np.asarray(sent), aligned, "nb")),
        codec_pesq=float(pesq(rate, np.asarray(sent), alone, "nb")),
        codec_correlation=correlation(sent, alone),
    )


def align(sent, received):
    """The delay in samples at which `received` holds `sent`, and that piece of it at the length of `sent`."""
    reference, degraded = np.asarray(sent, dtype=np.float64), np.asarray(received, dtype=np.float64)
    assert len(degraded) > 0, "nothing was received"
    delay = int(np.argmax(correlate(degraded, reference, "full", "fft"))) - (len(reference) - 1)
    piece = np.zeros(len(reference), dtype=np.int16)
    begin, end = max(delay, 0), min(delay + len(reference), len(degraded))
    assert begin < end, "the received audio does not overlap what was sent"
    piece[begin - delay : end - delay] = np.asarray(received[begin:end], dtype=np.int16)
    return delay, piece


def correlation(one, other):
    """The normalised correlation coefficient of two signals of one length."""
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    norm = np.sqrt(np.dot(a, a) * np.dot(b, b))
    return float(np.dot(a, b) / norm) if norm else 0.0
