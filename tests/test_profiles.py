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


def test_the_paper_profile_searches_every_frame_in_full_precision():
    profile = load_profile("paper")
    assert (profile.faces, profile.detector) == ("all", "coarse")
    assert {profile.config(row).precision for row in profile.rows} == {"32-true"}


HEAD = 'dataset = "sample"\ndescription = "mine"\n'


def write_profile(folder, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("setting", "rows"),
    [
        ('mmtm = "concatenate"', {"video_a3_mmtm", "video_a3_mmtm+music_a0"}),
        ("swap_pathways = true", {"video_a3", "video_a3_mmtm", "video_a3_mmtm+music_a0"}),
    ],
)
def test_an_alternative_applies_to_the_rows_that_have_what_it_changes(tmp_path, setting, rows):
    chosen = '["face_a2", "music_a2", "video_a3", "video_a3_mmtm", "video_a3_mmtm+music_a0"]'
    text = f"{HEAD}rows = {chosen}\nreferences = ['face_r2plus1d_18']\ntraining = {{{setting}}}"
    profile = load_profile(write_profile(tmp_path, text))
    name, usual = setting.split(" ")[0], {"mmtm": "sum", "swap_pathways": False}
    changed = {row for row in profile.rows if getattr(profile.config(row), name) != usual[name]}
    assert changed == rows
    assert getattr(profile.config("face_r2plus1d_18"), name) == usual[name]


def test_an_alternative_that_no_row_has_is_refused(tmp_path):
    text = HEAD + 'rows = ["music_a2"]\ntraining = {mmtm = "concatenate"}'
    with pytest.raises(InputError, match=r"mmtm: none of the rows .* video_a3_mmtm$"):
        load_profile(write_profile(tmp_path, text))


def test_a_profile_of_ones_own_may_set_everything(tmp_path):
    text = """
        rows = ["music_a2", "face_a2"]
        faces = "every-5"
        detector = "plain"
        clip_format.duration_s = 3
        training = {epochs = 3, learning_rate = 1}
        overrides."music_a2" = {epochs = 4, optimizer = "sgd"}
        synthetic = {clips_per_class = {Train = 1, test = 0}, size = [96, 72], difficulty = 1}
    """
    profile = load_profile(write_profile(tmp_path, HEAD + text))
    assert profile.rows == ("face_a2", "music_a2")  # in the paper's order
    assert (profile.faces, profile.detector) == ("every-5", "plain")
    assert profile.clip_format.duration_s == 3
    assert [profile.config(row).epochs for row in profile.rows] == [3, 4]
    assert profile.config("music_a2").optimizer == "sgd"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset = ", "cannot be read"),
        ('dataset = "mine"\ndescription = ""', "dataset 'mine': dataset must be one of"),
        ('dataset = "sample"', "no description"),
        (HEAD + "speed = 3", r"unknown \['speed'\]; choose from"),
        (HEAD + 'name = "x"', r"unknown \['name'\]"),
        (HEAD + "training = 3", r"\[training\] is 3: give a table"),
        (HEAD + "[clip_format]\nframe = 3", r"\[clip_format\]: unknown \['frame'\]"),
        (HEAD + "[clip_format]\nslow_frames = 65", "slow_frames is 65; at most frames, 64"),
        (HEAD + 'faces = "some"', "face search 'some'"),
        (HEAD + "faces = 3", "face search '3'"),
        (HEAD + 'detector = "best"', "face detector 'best': must be one of coarse, quick, plain"),
    ],
)
def test_a_profile_with_a_mistake_is_refused_by_name(tmp_path, text, message):
    with pytest.raises(InputError, match=rf"(?s)profile .*mine.toml: .*{message}"):
        load_profile(write_profile(tmp_path, text))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('["music_a9"]', r"unknown rows \['music_a9'\]"),
        ('"music_a2"', r"rows = 'music_a2': give \"all\", or a list of ids"),
        ("[]", r"rows = \[\]: give"),
        ("[3]", r"rows = \[3\]: give"),
        ("3", "rows = 3: give"),
    ],
)
def test_rows_are_all_or_a_list_of_known_ids(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        load_profile(write_profile(tmp_path, f"{HEAD}rows = {rows}"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("epoch = 3", r"unknown \['epoch'\]; choose from augment, batch_size, epochs"),
        ("seed = 3", r"unknown \['seed'\]"),
        ('network = "music_a2"', r"unknown \['network'\]"),
        ("epochs = -3", "epochs -3"),
        ("epochs = 2.5", "epochs = 2.5: give one like 20"),
        ('epochs = "3"', "epochs = '3': give one like 20"),
        ("augment = 1", "augment = 1: give one like False"),
        ('optimizer = "adamw"', "optimizer 'adamw': choose from"),
    ],
)
@pytest.mark.parametrize("table", ["training", 'overrides."face_a2_se"'])
def test_training_settings_are_checked_for_every_row_when_it_is_loaded(
    tmp_path, table, settings, message
):
    with pytest.raises(InputError, match=message):
        load_profile(write_profile(tmp_path, f"{HEAD}[{table}]\n{settings}"))


def test_overrides_of_what_is_no_network_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"\[overrides\] of unknown rows \['music_a9'\]"):
        load_profile(write_profile(tmp_path, f"{HEAD}[overrides.music_a9]\nepochs = 3"))
    with pytest.raises(InputError, match=r'\[overrides."music_a2"\] is 3: give a table'):
        load_profile(write_profile(tmp_path, f"{HEAD}overrides = {{music_a2 = 3}}"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("clip_per_class = {Train = 2}", r"unknown \['clip_per_class'\]; choose from"),
        ('out_dir = "x"', r"unknown \['out_dir'\]"),
        ("workers = 2", r"unknown \['workers'\]"),
        ("clips_per_class = 3", "clips_per_class = 3: give one like"),
        ("clips_per_class = {Train = -1}", "clips_per_class .*: give whole numbers, 0 or more"),
        ("clips_per_class = {train = 1}", "split 'train': not one of"),
        ("duration_s = -6.0", "duration -6.0 s"),
        ("seed = -1", "non-negative"),
        ("fps = 12.5", "fps = 12.5: give one like 25"),
        ("size = [320]", r"size = \[320\]: give one like \(320, 180\)"),
    ],
)
def test_options_of_the_synthetic_clips_are_checked_when_it_is_loaded(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        load_profile(write_profile(tmp_path, f"{HEAD}[synthetic]\n{options}"))
