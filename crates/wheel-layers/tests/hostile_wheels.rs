//! Wheels that were made to harm or to mislead: each is refused, by its own name.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use oci_digest::Sha256;
use wheel_layers::tree::{Content, Kind, Node, Owner, Tree};
use wheel_layers::{
    Environment, Error, Flaw, PathOwners, Source, SpliceError, Wheel, install, measure, splice,
    write_zstd,
};

const FILE: &str = "x-1-py3-none-any.whl";

/// A member of a zip, with every field that can lie.
#[derive(Clone)]
struct Member {
    name: Vec<u8>,
    local_name: Option<Vec<u8>>,
    packed: Vec<u8>,
    stated: (u32, u32),
    local_stated: Option<(u32, u32)>,
    crc: u32,
    local_crc: Option<u32>,
    method: u16,
    local_method: Option<u16>,
    flags: u16,
    local_flags: Option<u16>,
    mode: u32,
    extra: Vec<u8>,
    offset: Option<u32>,
}

fn member(name: &str, content: &[u8]) -> Member {
    let mut deflate = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::default());
    deflate.write_all(content).unwrap();
    let packed = deflate.finish().unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(content);
    Member {
        name: name.into(),
        local_name: None,
        stated: (packed.len() as u32, content.len() as u32),
        local_stated: None,
        packed,
        crc: crc.sum(),
        local_crc: None,
        method: 8,
        local_method: None,
        flags: 1 << 11,
        local_flags: None,
        mode: 0o100_644,
        extra: vec![],
        offset: None,
    }
}

/// The bytes of a zip, written field by field.
fn zip(members: &[Member]) -> Vec<u8> {
    let (mut file, mut directory) = (vec![], vec![]);
    for m in members {
        let offset = m.offset.unwrap_or(file.len() as u32);
        let name = m.local_name.as_ref().unwrap_or(&m.name);
        let (packed, size) = m.local_stated.unwrap_or(m.stated);
        file.extend(b"PK\x03\x04\x14\0");
        file.extend(m.local_flags.unwrap_or(m.flags).to_le_bytes());
        file.extend(m.local_method.unwrap_or(m.method).to_le_bytes());
        file.extend([0; 4]);
        [m.local_crc.unwrap_or(m.crc), packed, size]
            .iter()
            .for_each(|field| file.extend(field.to_le_bytes()));
        file.extend((name.len() as u16).to_le_bytes());
        file.extend([0; 2]);
        file.extend(name);
        file.extend(&m.packed);
        directory.extend(b"PK\x01\x02\x14\x03\x14\0");
        directory.extend(m.flags.to_le_bytes());
        directory.extend(m.method.to_le_bytes());
        directory.extend([0; 4]);
        [m.crc, m.stated.0, m.stated.1].iter().for_each(|f| directory.extend(f.to_le_bytes()));
        directory.extend((m.name.len() as u16).to_le_bytes());
        directory.extend((m.extra.len() as u16).to_le_bytes());
        directory.extend([0; 6]);
        directory.extend((m.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&m.name);
        directory.extend(&m.extra);
    }
    let (start, length, count) = (file.len() as u32, directory.len() as u32, members.len() as u16);
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    [count, count].iter().for_each(|field| file.extend(field.to_le_bytes()));
    [length, start].iter().for_each(|field| file.extend(field.to_le_bytes()));
    file.extend([0, 0]);
    file
}

fn row(name: &str, content: &[u8]) -> String {
    let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::of(content).as_bytes());
    format!("{name},sha256={hash},{}\n", content.len())
}

/// The members of a wheel with these files.
fn wheel(files: &[(&str, &str)]) -> Vec<Member> {
    let mut files = files.to_vec();
    for (name, text) in [
        ("x-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: x\nVersion: 1\n"),
        ("x-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    ] {
        if !files.iter().any(|(there, _)| *there == name) {
            files.push((name, text));
        }
    }
    let record: String = files.iter().map(|(name, text)| row(name, text.as_bytes())).collect();
    files.push(("x-1.dist-info/RECORD", &record));
    files.iter().map(|(name, text)| member(name, text.as_bytes())).collect()
}

fn read(members: &[Member]) -> Result<Wheel, Error> {
    Wheel::read(&zip(members)[..], FILE, None)
}

fn environment() -> Environment {
    Environment {
        root: "opt/conda/envs/py".into(),
        python_minor: "3.14".into(),
        is_virtual: false,
        owner: Owner { uid: 1000, gid: 1000 },
        installer: "test".into(),
    }
}

/// A file of the environment that was made.
fn text(tree: &Tree, path: &str) -> String {
    match &tree.get(&format!("opt/conda/envs/py/{path}")).unwrap().kind {
        Kind::File(Content::Bytes(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn tree(files: &[(&str, &str)]) -> Result<Tree, Error> {
    install(&read(&wheel(files))?, 0, &environment())
}

/// What is refused when `change` is made to the member `x/a.py` of a good wheel.
fn flaw(change: impl FnOnce(&mut Member)) -> Flaw {
    let mut members = wheel(&[("x/a.py", "a = 1\n"), ("x/b.py", "b = 1\n")]);
    read(&members).unwrap();
    change(&mut members[0]);
    let name = String::from_utf8_lossy(&members[0].name).into_owned();
    flaw_of(read(&members), &name)
}

fn flaw_of<T: std::fmt::Debug>(result: Result<T, Error>, name: &str) -> Flaw {
    let error = result.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(FILE), "{text}");
    let Error::Member { member, flaw, .. } = error else { panic!("{error:?}") };
    assert_eq!(member, name);
    flaw
}

#[test]
fn names_that_leave_the_environment_are_refused() {
    for name in ["../x.py", "x/../../y.py", "/etc/passwd", "x\\..\\y.py", "C:/x.py", "x//y.py"] {
        assert!(matches!(flaw(|m| m.name = name.into()), Flaw::Path(_)), "{name}");
    }
}

#[test]
fn links_devices_and_folders_named_as_files_are_refused() {
    assert_eq!(flaw(|m| m.mode = 0o120_777), Flaw::Symlink);
    for mode in [0o010_644, 0o020_644, 0o040_755, 0o140_755] {
        assert_eq!(flaw(|m| m.mode = mode), Flaw::Special(mode));
    }
}

#[test]
fn names_that_are_there_twice_are_refused() {
    assert_eq!(flaw(|m| m.name = "x/b.py".into()), Flaw::Duplicate);
    let mut members = wheel(&[("x/a.py", "a = 1\n")]);
    members.push(member("x/a.py/b", b""));
    assert_eq!(flaw_of(read(&members), "x/a.py/b"), Flaw::FileAndFolder);
}

#[test]
fn names_that_readers_decode_differently_are_refused() {
    let unmarked = |m: &mut Member| (m.name, m.flags) = ("x/ä.py".into(), 0);
    assert_eq!(flaw(unmarked), Flaw::Name);
    assert_eq!(flaw(|m| m.name = b"x/\xff.py".into()), Flaw::Name);
    // Info-ZIP's field with another name for it.
    let other = |m: &mut Member| m.extra = b"\x75\x70\x0b\x00\x01\0\0\0\0../x.p".to_vec();
    assert_eq!(flaw(other), Flaw::Name);
}

#[test]
fn headers_that_disagree_are_refused() {
    assert_eq!(flaw(|m| m.local_name = Some("x/c.py".into())), Flaw::Header("name"));
    assert_eq!(flaw(|m| m.local_method = Some(0)), Flaw::Header("method"));
    for flags in [1 << 11 | 1, 1 << 11 | 1 << 3] {
        assert_eq!(flaw(|m| m.local_flags = Some(flags)), Flaw::Header("set of flags"));
    }
    assert_eq!(flaw(|m| m.local_stated = Some((m.stated.0, 7))), Flaw::Header("size"));
    assert_eq!(flaw(|m| m.local_stated = Some((0, 0))), Flaw::Header("size"));
}

#[test]
fn sizes_that_lie_are_refused() {
    assert_eq!(flaw(|m| m.stated.0 = 5000), Flaw::Outside);
    let stored = |m: &mut Member| (m.method, m.stated) = (0, (m.stated.0, 600));
    assert!(matches!(flaw(stored), Flaw::Sizes { unpacked: 600, .. }));
    let bomb = |m: &mut Member| m.stated.1 = u32::MAX - 1;
    assert!(matches!(flaw(bomb), Flaw::Bomb { unpacked: 4_294_967_294, .. }));
    // A bomb within what deflate can do, and more than was promised.
    let zeros = "\0".repeat(1 << 20);
    let file = zip(&wheel(&[("x/zeros", &zeros)]));
    let error = Wheel::read(&file[..], FILE, Some(1 << 16)).unwrap_err();
    assert!(matches!(error, Error::Unpacked { promised: 65_536, .. }), "{error}");
    assert!(error.to_string().contains(FILE), "{error}");
}

#[test]
fn members_that_share_bytes_are_refused() {
    let mut members = wheel(&[("x/a.py", "a = 1\n"), ("x/b.py", "b = 1\n")]);
    // The same header for two names.
    members[1].offset = Some(0);
    members[1].local_name = Some("x/a.py".into());
    assert_eq!(flaw_of(read(&members), "x/b.py"), Flaw::Overlap("x/a.py".into()));
    // A member around another one.
    let inner = zip(&[member("y", b"y")]);
    let mut outer = wheel(&[]);
    let mut around = member("x/a.zip", &inner);
    (around.method, around.packed) = (0, inner.clone());
    around.stated = (inner.len() as u32, inner.len() as u32);
    let mut inside = member("y", b"y");
    inside.offset = Some(30 + "x/a.zip".len() as u32);
    outer.insert(0, around);
    outer.push(inside);
    assert_eq!(flaw_of(read(&outer), "y"), Flaw::Overlap("x/a.zip".into()));
}

#[test]
fn encrypted_and_unknown_data_is_refused() {
    for bit in [0, 6, 13] {
        assert_eq!(flaw(|m| m.flags |= 1 << bit), Flaw::Encrypted);
    }
    for method in [1, 9, 12, 14, 93, 99] {
        assert_eq!(flaw(|m| m.method = method), Flaw::Method(method));
    }
    for (method, name) in [(12, "bzip2 (method 12)"), (14, "lzma (method 14)"), (7, "method 7")] {
        let text = Flaw::Method(method).to_string();
        assert!(text.contains(&format!("compressed with {name}, ")), "{text}");
    }
}

#[test]
fn a_text_with_another_checksum_is_refused() {
    let mut members = wheel(&[]);
    members[1].crc ^= 1;
    assert_eq!(flaw_of(read(&members), "x-1.dist-info/WHEEL"), Flaw::Crc);
    let mut members = wheel(&[]);
    members[1].stated.1 += 1;
    let refused = flaw_of(read(&members), "x-1.dist-info/WHEEL");
    assert!(matches!(refused, Flaw::Damaged(_)), "{refused}");
}

#[test]
fn a_second_directory_or_bytes_after_the_end_are_refused() {
    let mut file = zip(&wheel(&[]));
    file.extend(b"more");
    assert!(matches!(Wheel::read(&file[..], FILE, None), Err(Error::Zip { .. })));
    let mut file = b"before".to_vec();
    file.extend(zip(&wheel(&[])));
    assert!(Wheel::read(&file[..], FILE, None).is_err());
}

#[test]
fn a_header_before_streamed_data_may_leave_out_any_of_its_numbers() {
    const STREAMED: u16 = 1 << 3;
    let mut members = wheel(&[("x/a.py", "a = 1\n")]);
    let (crc, stated) = (members[0].crc, members[0].stated);
    for (crc, local) in
        [(0, stated), (crc, (0, 0)), (0, (0, 0)), (crc, stated), (crc, (0, stated.1))]
    {
        members[0].flags |= STREAMED;
        (members[0].local_crc, members[0].local_stated) = (Some(crc), Some(local));
        read(&members).unwrap();
    }
    let streamed = |m: &mut Member| m.flags |= STREAMED;
    let lie = |m: &mut Member| (streamed(m), m.local_crc = Some(7)).0;
    assert_eq!(flaw(lie), Flaw::Header("checksum"));
    let lie = |m: &mut Member| (streamed(m), m.local_stated = Some((0, 7))).0;
    assert_eq!(flaw(lie), Flaw::Header("size"));
    // Without that flag a zero is a number like any other.
    assert_eq!(flaw(|m| m.local_crc = Some(0)), Flaw::Header("checksum"));
    // How hard the packer tried, and what an ASCII name is written in, change nothing.
    members[0].local_flags = Some(members[0].flags ^ (0b110 | 1 << 11));
    read(&members).unwrap();
}

/// A wheel with the one module `x/a.py` and this RECORD.
fn with_record(text: &str) -> Result<Wheel, Error> {
    let mut members = wheel(&[("x/a.py", "a = 1\n")]);
    members.pop();
    members.push(member("x-1.dist-info/RECORD", text.as_bytes()));
    read(&members)
}

/// The rows of all but that module, without sizes.
fn other_rows() -> String {
    let [metadata, wheel] = ["METADATA", "WHEEL"].map(|name| {
        let name = format!("x-1.dist-info/{name}");
        let members = self::wheel(&[]);
        let member = members.iter().find(|m| m.name == name.as_bytes()).unwrap();
        let mut text = String::new();
        flate2::read::DeflateDecoder::new(&member.packed[..]).read_to_string(&mut text).unwrap();
        row(&name, text.as_bytes())
    });
    metadata + &wheel
}

#[test]
fn files_that_record_does_not_vouch_for_are_installed_recorded_and_told_of() {
    let (others, own) = (other_rows(), row("x/a.py", b"a = 1\n"));
    assert_eq!(with_record(&(others.clone() + &own)).unwrap().doubt(), None);
    for (line, why) in [
        (String::new(), "does not list `x/a.py`"),
        (format!("/{own}"), "has a path from the root for `x/a.py`"),
        ("x/a.py,,6\n".to_owned(), "has no hash that counts for `x/a.py`"),
        ("x/a.py,md5=x,6\n".to_owned(), "has no hash that counts for `x/a.py`"),
    ] {
        let wheel = with_record(&(others.clone() + &line)).unwrap();
        let told = wheel.doubt().unwrap();
        assert!(told.contains(FILE) && told.contains(why), "{told}");
        let tree = install(&wheel, 0, &environment()).unwrap();
        let record = text(&tree, "lib/python3.14/site-packages/x-1.dist-info/RECORD");
        assert!(record.contains(&own), "{record}");
    }
    let none = with_record("").unwrap().doubt().unwrap();
    assert!(none.contains("does not list 3 of its files (`x-1.dist-info/METADATA`, …)"), "{none}");
}

#[test]
fn a_record_that_contradicts_a_file_is_refused() {
    let others = other_rows();
    let short = with_record(&format!("{others}{}", row("x/a.py", b"a")));
    assert!(matches!(flaw_of(short, "x/a.py"), Flaw::RecordedSize { size: 6, .. }));
    let rooted = with_record(&format!("{others}/{}", row("x/a.py", b"a")));
    assert!(matches!(flaw_of(rooted, "x/a.py"), Flaw::RecordedSize { size: 6, .. }));
    let unread = with_record("\"");
    assert!(matches!(flaw_of(unread, "x-1.dist-info/RECORD"), Flaw::Line(_)));
}

#[test]
fn a_file_with_another_hash_than_record_states_is_refused_when_its_layer_is_made() {
    let content = "a = 1\n".repeat(20_000);
    for (stated, large) in [("x = 1\n", false), ("a = 1\n", false), ("x", true), (&*content, true)]
    {
        let module = if large { content.as_str() } else { "a = 1\n" };
        let mut members = wheel(&[("x/a.py", module)]);
        members.pop();
        let size = module.len();
        let hash = row("x/a.py", stated.as_bytes());
        let (line, _) = hash.rsplit_once(',').unwrap();
        let record = format!("{}{line},{size}\n", other_rows());
        members.push(member("x-1.dist-info/RECORD", record.as_bytes()));
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&zip(&members)).unwrap();
        let wheel = Wheel::read(&file, FILE, None).unwrap();
        let tree = install(&wheel, 0, &environment()).unwrap();
        let source = Source { name: FILE.into(), file };
        let layer = splice(&tree, [source], 0).unwrap();
        let (gzip, zstd) = (measure(&layer), write_zstd(&layer, std::io::sink()));
        assert_eq!(gzip.is_ok(), stated == module);
        assert_eq!(zstd.is_ok(), stated == module);
        for error in [gzip.err(), zstd.err()].into_iter().flatten() {
            assert!(matches!(error, SpliceError::Recorded { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.starts_with(FILE) && text.contains("site-packages/x/a.py"), "{text}");
        }
    }
}

#[test]
fn a_script_with_another_hash_than_record_states_is_refused() {
    let script = "x-1.data/scripts/run";
    let mut members = wheel(&[("x/a.py", "a = 1\n"), (script, "#!python\nprint()\n")]);
    let record = other_rows() + &row("x/a.py", b"a = 1\n") + &row(script, b"#!python\nexit()!\n");
    members.pop();
    members.push(member("x-1.dist-info/RECORD", record.as_bytes()));
    assert_eq!(flaw_of(read(&members), script), Flaw::RecordedHash);
}

#[test]
fn names_that_differ_in_case_and_files_that_were_written_twice_are_installed() {
    let mut members = wheel(&[("x/a.py", "a = 1\n"), ("x/A.py", "a = 2\n"), ("X/a.py", "a = 3\n")]);
    members.insert(0, members[0].clone());
    let tree = install(&read(&members).unwrap(), 0, &environment()).unwrap();
    for name in ["x/a.py", "x/A.py", "X/a.py"] {
        let path = format!("opt/conda/envs/py/lib/python3.14/site-packages/{name}");
        assert!(tree.get(&path).is_some(), "{name}");
    }
}

#[test]
fn another_distribution_inside_or_a_format_of_the_future_is_refused() {
    let text = |error: Error| error.to_string();
    let file = zip(&wheel(&[]));
    for other in ["y-1-py3-none-any.whl", "x-2-py3-none-any.whl", "x-1.post1-py3-none-any.whl"] {
        let error = text(Wheel::read(&file[..], other, None).unwrap_err());
        assert!(error.contains(other) && error.contains("x-1.dist-info"), "{error}");
    }
    // An index may add a local part to the file's name, and 1.0 is 1.
    for same in ["x-1+cu130-py3-none-any.whl", "X-1.0-py3-none-any.whl"] {
        Wheel::read(&file[..], same, None).unwrap();
    }
    let local = [("x-1.dist-info/METADATA", "Name: x\nVersion: 1+cu130\n")];
    let error = text(tree(&local).unwrap_err());
    assert!(error.contains("is that of x 1+cu130"), "{error}");
    let two = text(tree(&[("y-1.dist-info/METADATA", "")]).unwrap_err());
    assert!(two.contains("x-1.dist-info, y-1.dist-info"), "{two}");
    let future = text(tree(&[("x-1.dist-info/WHEEL", "Wheel-Version: 2.0\n")]).unwrap_err());
    assert!(future.contains("`2.0`"), "{future}");
}

#[test]
fn places_that_are_unknown_or_taken_are_refused() {
    for name in ["x-1.data/lib/a", "x-1.data/scripts", "x-1.data/../a", "x.data"] {
        assert!(matches!(flaw_of(tree(&[(name, "")]), name), Flaw::Scheme | Flaw::Path(_)));
    }
    let twice = tree(&[("x/a.py", "1"), ("x-1.data/purelib/x/a.py", "2")]);
    let path = "opt/conda/envs/py/lib/python3.14/site-packages/x/a.py";
    assert_eq!(flaw_of(twice, "x/a.py"), Flaw::Twice(path.into()));
}

#[test]
fn two_wheels_may_bring_equal_files_and_no_different_ones() {
    let (one, same) = (tree(&[("n/a.py", "a")]).unwrap(), tree(&[("n/a.py", "a")]).unwrap());
    let other = tree(&[("n/a.py", "b")]).unwrap();
    let below = tree(&[("n/a.py/b.py", "b")]).unwrap();
    let all = |second: Tree| Tree::of_all([("one".into(), one.clone()), ("two".into(), second)]);
    assert_eq!(all(same).unwrap(), one);
    for second in [other, below] {
        let error = all(second).unwrap_err();
        let Error::Conflict { first, second, path } = &error else { panic!("{error:?}") };
        assert_eq!((first.as_str(), second.as_str()), ("one", "two"));
        assert!(path.starts_with("opt/conda/envs/py/lib/"), "{path}");
    }
}

#[test]
fn of_a_package_that_distributions_share_any_declaration_will_do() {
    let pkgutil = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n";
    let (with_comment, more) = (format!("# shared\n{pkgutil}"), format!("{pkgutil}a = 1\n"));
    let of = |text: &str| tree(&[("n/__init__.py", text)]).unwrap();
    let mut owners = PathOwners::default();
    let mut add = |text: &str| {
        let tree = of(text);
        let shared = tree.path_entries().filter(|(path, _)| path.ends_with("/n/__init__.py"));
        owners.add("a wheel", shared)
    };
    add(pkgutil).unwrap();
    add(&with_comment).unwrap();
    for other in [more.as_str(), "# nothing\n", ""] {
        assert!(matches!(add(other).unwrap_err(), Error::Conflict { .. }), "{other}");
    }
}

#[test]
fn every_kind_of_file_finds_its_place() {
    let tree = tree(&[
        ("n/a.py", "a"),
        ("n/__pycache__/a.cpython-314.pyc", "c"),
        ("n/a.pyc", "c"),
        ("n/only.pyc", "c"),
        ("x-1.data/scripts/run", "#!pythonw -s\nprint()\n"),
        ("x-1.data/scripts/tool", "\x7fELF"),
        ("x-1.data/scripts/start.exe", "MZ"),
        ("x-1.data/headers/x.h", "h"),
        ("x-1.data/data/share/x/x.json", "{}"),
        ("x-1.dist-info/entry_points.txt", "[console_scripts]\nstart = n.a:main [all]\n"),
        ("x-1.dist-info/RECORD.jws", "{}"),
        ("x-1.dist-info/direct_url.json", "{}"),
    ])
    .unwrap();
    let shown = |(path, node): (&str, &Node)| {
        let path = path.strip_prefix("opt/conda/envs/py").unwrap();
        let path = path.replace("lib/python3.14/site-packages", "site");
        (node.kind != Kind::Folder).then(|| format!("{:o} {path}", node.mode))
    };
    let files: Vec<_> = tree.iter().filter_map(shown).collect();
    let expected = [
        "755 /bin/run",
        "755 /bin/start",
        "755 /bin/tool",
        "644 /include/python3.14/x/x.h",
        "644 /site/n/a.py",
        "644 /site/n/only.pyc",
        "644 /site/x-1.dist-info/INSTALLER",
        "644 /site/x-1.dist-info/METADATA",
        "644 /site/x-1.dist-info/RECORD",
        "644 /site/x-1.dist-info/WHEEL",
        "644 /site/x-1.dist-info/entry_points.txt",
        "644 /share/x/x.json",
    ];
    assert_eq!(files, expected);
    let text = |path: &str| text(&tree, path);
    assert_eq!(text("bin/run"), "#!/opt/conda/envs/py/bin/python\nprint()\n");
    assert!(text("bin/start").starts_with("#!/opt/conda/envs/py/bin/python\n"));
    let record = text("lib/python3.14/site-packages/x-1.dist-info/RECORD");
    let own = row("../../../bin/start", text("bin/start").as_bytes());
    assert!(record.starts_with(&row("../../../bin/run", text("bin/run").as_bytes())), "{record}");
    assert!(record.contains(&own) && record.contains(&row("n/a.py", b"a")), "{record}");
    assert!(record.contains("\nx-1.dist-info/RECORD,,\n"), "{record}");
    assert_eq!(record.lines().count(), files.len());
}
