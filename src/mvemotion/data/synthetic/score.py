"""The tune of a synthetic clip: notes in time, composed from its factors."""

from dataclasses import dataclass, replace

import numpy as np

from mvemotion.data.synthetic.factors import Factors

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
MAJOR_FIVE, MINOR_FIVE = (0, 2, 4, 7, 9), (0, 3, 5, 7, 10)  # pentatonic
PROGRESSIONS = {  # roots as scale degrees from 0; the triads follow from the scale
    False: ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4)),
    True: ((0, 5, 2, 6), (0, 3, 5, 4), (0, 6, 5, 4)),
}
GRACE_S = 0.07
CLASHES = (1, 6, 11, 13)  # semitones above a chord tone that rub: seconds, tritone, sevenths


@dataclass(frozen=True)
class Note:
    """One note: start and length in seconds, pitch in MIDI numbers, gain from 0 to 1."""

    voice: str
    start_s: float
    length_s: float
    pitch: float
    gain: float


def compose(factors: Factors) -> list[Note]:
    """Pad, bass, melody and drums from the first to the last second of the clip."""
    rng = factors.generator("tune")
    tonic = int(rng.integers(-5, 6))
    chords = _chords(factors, tonic, rng)
    notes = [note for chord in chords for note in _accompany(factors, chord, rng)]
    return notes + _melody(factors, chords, rng) + _drums(factors, rng)


@dataclass(frozen=True)
class _Chord:
    start_s: float
    length_s: float
    pitches: tuple[int, ...]  # root, third, fifth above C
    scale: tuple[int, ...]  # pitch classes for the melody


def _chords(factors: Factors, tonic: int, rng) -> list[_Chord]:
    scale = MINOR if factors.is_minor else MAJOR
    five = MINOR_FIVE if factors.is_minor else MAJOR_FIVE
    tune = tuple((tonic + p) % 12 for p in (five if factors.is_pentatonic else scale))
    roots = PROGRESSIONS[factors.is_minor][int(rng.integers(3))]
    length_s = (4 if factors.tempo_bpm > 100 else 2) * 60 / factors.tempo_bpm
    count = int(np.ceil(factors.duration_s / length_s))
    steps = [[roots[i % 4] + third for third in (0, 2, 4)] for i in range(count)]
    pitches = [tuple(tonic + scale[s % 7] + 12 * (s // 7) for s in chord) for chord in steps]
    return [_Chord(i * length_s, length_s, pitches[i], tune) for i in range(count)]


def _accompany(factors: Factors, chord: _Chord, rng) -> list[Note]:
    """A held chord, sometimes with tones that rub, and a bass on every beat or second beat."""
    pad = [Note("pad", chord.start_s, chord.length_s, 60 + p, 0.30) for p in chord.pitches]
    for pitch in chord.pitches:
        if rng.random() < factors.dissonance:
            clash = 60 + pitch + int(rng.choice(CLASHES))
            pad.append(Note("pad", chord.start_s, chord.length_s, clash, 0.34))
    beat_s = 60 / factors.tempo_bpm * (1 if factors.notes_per_beat > 1.6 else 2)
    starts = chord.start_s + np.arange(round(chord.length_s / beat_s)) * beat_s
    root = 36 + chord.pitches[0] % 12
    return pad + [Note("bass", float(start), beat_s * 0.9, root, 0.55) for start in starts]


def _melody(factors: Factors, chords: list[_Chord], rng) -> list[Note]:
    """A phrase a chord: a new one, or the first one again."""
    phrases = []
    for chord in chords:
        is_repeated = phrases and rng.random() < factors.repetition
        phrases.append(phrases[0] if is_repeated else _phrase(factors, chord, rng))
    notes = [
        replace(note, start_s=chord.start_s + note.start_s)
        for chord, phrase in zip(chords, phrases, strict=True)
        for note in phrase
    ]
    return [note for note in notes if note.start_s < factors.duration_s - 0.05]


def _phrase(factors: Factors, chord: _Chord, rng) -> list[Note]:
    """A walk over the scale about the centre pitch, on a grid that varies with the rhythm."""
    notes, start_s, pitch = [], 0.0, factors.pitch_midi
    while chord.length_s - start_s > 0.05:
        stretch = 2.0 ** (rng.normal() * 1.1 * factors.rhythm_variation)
        quarters = max(1, round(4 * stretch / factors.notes_per_beat))
        length_s = min(quarters, 12) * 15 / factors.tempo_bpm
        length_s = min(length_s, chord.length_s - start_s)
        pitch = _next_pitch(factors, chord, pitch, rng)
        if rng.random() > 0.08:  # a rest now and then
            note = Note("melody", start_s, length_s, pitch, 0.6 + 0.2 * rng.random())
            is_adorned = rng.random() < factors.ornaments and length_s > 2 * GRACE_S
            notes += _adorn(note, chord) if is_adorned else [note]
        start_s += length_s
    return notes


def _adorn(note: Note, chord: _Chord) -> list[Note]:
    """The note after a short one from the next step of the scale above."""
    above = next(p for p in range(int(note.pitch) + 1, 140) if p % 12 in chord.scale)
    grace = replace(note, length_s=GRACE_S, pitch=float(above))
    return [grace, replace(note, start_s=note.start_s + GRACE_S, length_s=note.length_s - GRACE_S)]


def _next_pitch(factors: Factors, chord: _Chord, pitch: float, rng) -> float:
    half = factors.pitch_range / 2
    pull = 0.45 * (factors.pitch_midi - pitch)
    aim = pitch + pull + rng.normal() * half * 0.8
    aim = float(np.clip(aim, factors.pitch_midi - half, factors.pitch_midi + half))
    octave = range(int(aim) - 7, int(aim) + 8)
    nearest = min((p for p in octave if p % 12 in chord.scale), key=lambda p: abs(p - aim))
    is_off_scale = rng.random() < 0.5 * factors.dissonance
    return float(nearest + (int(rng.choice((-1, 1))) if is_off_scale else 0))


def _drums(factors: Factors, rng) -> list[Note]:
    """Kick and snare in turn, hats between; fewer and softer with little percussion."""
    half_beat_s = 30 / factors.tempo_bpm
    notes = []
    for step in range(int(factors.duration_s / half_beat_s)):
        voice = ("kick", "hat", "snare", "hat")[step % 4]
        is_swapped = rng.random() < 0.35 * factors.rhythm_variation
        voice = ("kick", "snare", "hat")[int(rng.integers(3))] if is_swapped else voice
        if rng.random() < 0.25 + factors.percussion:
            gain = factors.percussion * (0.8 + 0.2 * rng.random())
            notes.append(Note(voice, step * half_beat_s, 0.25, 0.0, float(gain)))
    return notes
