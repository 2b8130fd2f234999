"""Which files are clips, and what folders and lists say of them."""

from pathlib import Path

import pytest

from mvemotion.data.sources import describe_file, hash_file, raw_folder, scan
from mvemotion.errors import ClipError, DataError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def ids(root: Path) -> list[str]:
    return [source.id for source in scan(root)]


def test_clips_are_found_with_and_without_a_video_folder_in_any_case(tmp_path):
    touch(tmp_path, "TRAIN/sad/video/a.mp4", "Test/Fear/b.MP4", "validation/Excited/c/d.mkv")
    sources = scan(tmp_path)
    assert [s.id for s in sources] == ["Train/Sad/a", "Validation/Excited/c/d.mkv", "test/Fear/b"]
    assert [(s.split, s.emotion) for s in sources] == [
        ("Train", "Sad"),
        ("Validation", "Excited"),
        ("test", "Fear"),
    ]


def test_sound_files_hidden_files_and_placeholders_are_passed_over(tmp_path):
    touch(
        tmp_path,
        "Train/Sad/video/a.mp4",
        "Train/Sad/video/.a.mp4",
        "Train/Sad/video/placeholder",
        "Train/Sad/audio/a.mp4",
        "Train/Sad/hdf5/a.h5",
        "Train/.cache/Sad/a.mp4",
        "README.md",
    )
    assert ids(tmp_path) == ["Train/Sad/a"]


def test_ids_are_safe_for_every_file_system_and_readable(tmp_path):
    touch(tmp_path, "Train/Sad/DEAP DB?(42): x.mp4", "Train/Sad/ü ☂.mp4")
    assert ids(tmp_path) == ["Train/Sad/DEAP_DB_(42)_x", "Train/Sad/ü_"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Train/Sad/a.mp4", "Train/Sad/video/a.mp4"),
        ("Train/Sad/a.mp4", "Train/Sad/a.avi"),
        ("Train/Sad/a b.mp4", "Train/Sad/a_b.mp4"),
        ("Train/Sad/a.mp4", "Train/Sad/A.mp4"),
        ("Train/Sad/x/a.mp4", "Train/Sad/y/a.mp4"),
    ],
)
def test_two_files_never_share_an_id(tmp_path, first, second):
    found = ids(touch(tmp_path, first, second))
    assert len({clip_id.lower() for clip_id in found}) == 2
    assert ids(tmp_path) == found


@pytest.mark.parametrize("name", ["Train/Relax/a.mp4", "Train/Excitation/video/a.mp4"])
def test_a_folder_of_clips_that_is_no_class_is_an_error_not_a_guess(tmp_path, name):
    touch(tmp_path, "Train/Sad/a.mp4", name)
    with pytest.raises(DataError, match="is none of Excited, Fear"):
        scan(tmp_path)


def test_a_folder_of_clips_that_is_no_split_is_an_error(tmp_path):
    touch(tmp_path, "Train/Sad/a.mp4", "val/Sad/a.mp4")
    with pytest.raises(DataError, match="'val' is none of Train, Validation, test"):
        scan(tmp_path)


def test_a_folder_without_clips_says_what_was_found_and_expected(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(DataError, match=r"no clip found among \['notes.txt'\]; clips must lie in"):
        scan(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        scan(tmp_path / "absent")


# --- Class folders --------------------------------------------------------------------------------
def test_the_layout_may_begin_below_as_unpacked_archives_leave_it(tmp_path):
    touch(tmp_path, "fetch.lock.json", "a.zip", "a/sample/Train/Sad/1.mp4", "b/x/test/Sad/1.mp4")
    assert ids(tmp_path) == ["Train/Sad/1", "test/Sad/1"]


def test_class_folders_need_no_splits(tmp_path):
    touch(tmp_path, "sad/video/a.mp4", "FEAR/b.mkv", "notes/readme.txt")
    found = [(s.id, s.split, s.emotion) for s in scan(tmp_path)]
    assert found == [("Fear/b.mkv", "", "Fear"), ("Sad/a", "", "Sad")]


def test_class_folders_beside_splits_are_an_error(tmp_path):
    touch(tmp_path, "Train/Sad/a.mp4", "Sad/b.mp4")
    with pytest.raises(DataError, match="'Sad' is none of Train, Validation, test"):
        scan(tmp_path)


# --- Lists ----------------------------------------------------------------------------------------
def write_list(folder: Path, text: str, name: str = "list.csv") -> Path:
    touch(folder, "a.mp4", "clips/b c, d.mkv", "Sad/video/e.mp4")
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


def test_a_list_names_files_labels_splits_and_groups(tmp_path):
    outside = touch(tmp_path / "elsewhere", "f.mp4") / "f.mp4"
    folder = tmp_path / "raw"
    text = (
        "label,PATH, group,rating,split\n"
        "SAD,a.mp4,,5,\n"
        'fear,"clips/b c, d.mkv",one,,TEST\n'
        "\n"
        "Sad,Sad/video/e.mp4,two,3,train\n"
        f"Excited,{outside},,,validation\n"
    )
    sources = scan(write_list(folder, text))
    assert [(s.id, s.split, s.group, s.path) for s in sources] == [
        ("Excited/f", "Validation", "", outside),
        ("Fear/clips/b_c_d.mkv", "test", "one", folder / "clips/b c, d.mkv"),
        ("Sad/a", "", "", folder / "a.mp4"),
        ("Sad/e", "Train", "two", folder / "Sad/video/e.mp4"),
    ]
    described = [describe_file(s, folder)["path"] for s in sources]
    assert described == [str(outside), "clips/b c, d.mkv", "a.mp4", "Sad/video/e.mp4"]


def test_paths_are_relative_to_the_list_wherever_one_works(tmp_path, monkeypatch):
    touch(tmp_path, "clips/a.mp4", "lists/b.mp4")
    (tmp_path / "lists" / "l.csv").write_text("path,label\n../clips/a.mp4,Sad\nb.mp4,Sad\n")
    monkeypatch.chdir(tmp_path)
    sources = scan(Path("lists/../lists/l.csv"))
    assert [(s.id, s.path) for s in sources] == [
        ("Sad/a", tmp_path / "clips/a.mp4"),
        ("Sad/b", tmp_path / "lists/b.mp4"),
    ]
    described = [describe_file(s, raw_folder("lists/l.csv"))["path"] for s in sources]
    assert described == [str(tmp_path / "clips/a.mp4"), "b.mp4"]


def test_a_folder_with_a_list_of_the_usual_name_is_read_by_it(tmp_path):
    write_list(tmp_path, "path,label\na.mp4,Fear\n", name="videos.csv")
    assert ids(tmp_path) == ["Fear/a"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_list_saved_by_a_spreadsheet_is_read(tmp_path, newline):
    text = "\ufeff" + newline.join(["path,label", "a.mp4,Sad", '"clips/b c, d.mkv",Fear', ","])
    assert ids(write_list(tmp_path, text)) == ["Fear/clips/b_c_d.mkv", "Sad/a"]


def test_a_file_that_is_not_there_is_a_clip_all_the_same(tmp_path):
    sources = scan(write_list(tmp_path, "path,label\na.mp4,Sad\ngone.mp4,Sad\n"))
    assert [s.path.name for s in sources] == ["a.mp4", "gone.mp4"]
    assert describe_file(sources[1], tmp_path)["size_bytes"] is None
    with pytest.raises(ClipError, match=r"missing: no file .*gone\.mp4; put it there"):
        hash_file(sources[1].path)


def test_a_list_of_which_no_file_is_there_ends_the_work(tmp_path):
    path = write_list(tmp_path, "path,label\nx/a.mp4,Sad\ny.mp4,Sad\n")
    with pytest.raises(DataError, match=r"none of its 2 files exists, such as .*x/a\.mp4; paths"):
        scan(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("b.mp4,Happy", "line 3: label 'Happy' is none of Excited, Fear"),
        ("b.mp4,", "line 3: label '' is none of"),
        ("b.mp4", "line 3: label '' is none of"),
        (",Sad", "line 3: path is empty"),
        ("b.mp4,Sad,val", "line 3: split 'val' is none of Train, Validation, test, nor empty"),
        ("b, c.mp4,Sad,test", "line 3: .* stands beyond the last column; quote values"),
        ("./x/../a.mp4,Fear", r"line 3: path './x/../a\.mp4' stands in line 2 too; keep one"),
        ('"b.mp4"x,Sad', "line 3: .*mend the line"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named(tmp_path, line, message):
    path = write_list(tmp_path, f"path,label,split\na.mp4,Sad,\n{line}\n")
    with pytest.raises(DataError, match=message):
        scan(path)


def test_five_lines_are_named_and_the_others_counted(tmp_path):
    path = write_list(tmp_path, "path,label\n" + "".join(f"{i}.mp4,Joy\n" for i in range(8)))
    with pytest.raises(DataError, match=r"line 2: (.|\n)*line 6: label 'Joy'.*\n.*and 3 more"):
        scan(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.mp4,Sad\n", r"line 1: columns \['file', 'label'\]; one path is needed"),
        ("path;label\na.mp4;Sad\n", r"line 1: columns \['path;label'\].*commas between"),
        ("path,label,path\na,Sad,b\n", "one path is needed"),
        ("", "one path and one label is needed"),
        ("path,label\n", "no clip found"),
        ("path,label\na.mp4,Sad\nä.mp4,Sad\n".encode("latin-1"), "line 3: byte 0xE4 is not UTF-8"),
        ("path,label\n".encode("utf-16"), "line 1: byte 0xFF is not UTF-8"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        scan(write_list(tmp_path, text))
