"""Profiles: what is in the files, and what a wrong one says."""

import pytest

from mvemotion.errors import InputError
from mvemotion.profiles import list_profiles, load_profile
from mvemotion.specs import PAPER_FORMAT, list_networks


@pytest.mark.parametrize("name", list_profiles())
def test_every_profile_gives_a_training_configuration_for_each_of_its_rows(name):
    profile = load_profile(name)
    assert profile.rows
    for row in profile.rows:
        assert profile.config(row, seed=5).seed == 5


def test_the_paper_profile_is_the_paper_at_its_sizes():
    profile = load_profile("paper")
    assert profile.rows == list_networks()
    assert profile.clip_format == PAPER_FORMAT


def test_the_smoke_profile_needs_no_clips_and_trains_every_row():
    profile = load_profile("smoke")
    assert profile.rows == list_networks()
    assert profile.synthetic


def test_the_sample_profile_uses_the_papers_input_sizes():
    assert load_profile("sample").clip_format == PAPER_FORMAT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('dataset = "sample"\ndescription = ""\nrows = ["music_a9"]', "unknown rows"),
        ('dataset = "mine"\ndescription = ""', "dataset must be one of"),
        ('dataset = "sample"\ndescription = ""\nspeed = 3', "speed"),
        ('dataset = "sample"\ndescription = ""\n[clip_format]\nframe = 3', "frame"),
        ("dataset = ", "cannot be read"),
    ],
)
def test_a_profile_with_a_mistake_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_profile(str(path))


def test_training_settings_that_do_not_exist_are_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('dataset = "sample"\ndescription = ""\n[training]\nepoch = 3')
    with pytest.raises(InputError, match="epoch"):
        load_profile(str(path)).config("music_a2")
