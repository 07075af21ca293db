#![no_main]
//! Any bytes as a wheel that is to be installed: refused, or a tree whose members lie in the file.

use wheel_layers::tree::{Content, Kind, Owner};
use wheel_layers::{Environment, Wheel, install};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(wheel) = Wheel::read(data, "x-1-py3-none-any.whl", Some(1 << 24)) else { return };
    let environment = Environment {
        root: "opt/py".into(),
        python_minor: "3.14".into(),
        is_virtual: false,
        owner: Owner { uid: 1000, gid: 1000 },
        installer: "fuzz".into(),
    };
    let Ok(tree) = install(&wheel, 0, &environment) else { return };
    for (path, node) in tree.iter() {
        assert!(path == "opt/py" || path.starts_with("opt/py/"));
        assert!(!path.split('/').any(|part| matches!(part, "" | "." | "..")));
        if let Kind::File(Content::Member(member)) = &node.kind {
            assert!(member.offset + member.compressed <= data.len() as u64);
        }
    }
});
