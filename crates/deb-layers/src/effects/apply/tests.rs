use super::*;
use crate::node::Node;

fn scripts<'a>(package: &'a str, postinst: &'a str) -> Scripts<'a> {
    Scripts {
        package,
        version: "1.0-1",
        architecture: "amd64",
        config: None,
        templates: None,
        preinst: None,
        postinst: Some(postinst),
    }
}

fn settings() -> Settings {
    Settings { day: 20_000, ..Settings::default() }
}

/// The postinst of readline-common, as Debian 13 has it.
const READLINE: &str = "#! /bin/sh -e

install_from_default() {
	if [ ! -f $2 ]; then
		cp -p $1 $2
	fi
}

if [ \"$1\" = \"configure\" ] && [ \"$2\" = \"\" ]; then
	install_from_default /usr/share/readline/inputrc /etc/inputrc
fi

";

fn readline() -> Tree {
    let mut tree = Tree::default();
    tree.put("usr/share/readline/inputrc", Node::file(0o644, "set bell-style none\n")).unwrap();
    tree
}

#[test]
fn a_reviewed_script_has_its_effects() {
    let mut tree = readline();
    let applied = apply(&mut tree, &[scripts("readline-common", READLINE)], &settings()).unwrap();
    assert_eq!(applied, Applied { scripts: 1, omitted: vec![] });
    assert_eq!(tree.read("etc/inputrc").unwrap().unwrap(), "set bell-style none\n");
}

#[test]
fn a_script_changed_by_one_line_is_refused_by_name_and_nothing_is_done() {
    let changed = READLINE.replace("fi\n\nif", "fi\nrm -rf /\n\nif");
    let mut tree = readline();
    let both = [scripts("readline-common", READLINE), scripts("other", &changed)];
    let error = apply(&mut tree, &both, &settings()).unwrap_err();
    let EffectError::UnknownScript { package, version, script, sha256, excerpt } = &error else {
        panic!("{error}")
    };
    assert_eq!((package.as_str(), version.as_str(), *script), ("other", "1.0-1", "postinst"));
    assert_eq!(sha256.len(), 64);
    assert!(excerpt.starts_with("install_from_default() {"), "{excerpt}");
    assert!(tree.get("etc/inputrc").is_none());
    assert_eq!(check(&both, &settings()).len(), 1);
    // The same text under another name is another script.
    assert_eq!(check(&[scripts("other", READLINE)], &settings()).len(), 1);
    let mut with_comment = READLINE.replace("fi\n\nif", "fi\n# about\n  if");
    assert!(check(&[scripts("readline-common", &with_comment)], &settings()).is_empty());
    with_comment.push_str("evil\n");
    assert_eq!(check(&[scripts("readline-common", &with_comment)], &settings()).len(), 1);
}

#[test]
fn a_package_that_is_skipped_has_no_effect() {
    let mut tree = readline();
    let skip = ["unknown".to_owned(), "readline-common".to_owned()].into();
    let both = [scripts("unknown", "#!/bin/sh\nboo\n"), scripts("readline-common", READLINE)];
    let applied = apply(&mut tree, &both, &Settings { skip, ..settings() }).unwrap();
    assert_eq!(applied.scripts, 0);
    assert!(tree.get("etc/inputrc").is_none());
}

#[test]
fn a_generated_script_needs_no_entry_and_its_sections_are_done() {
    let section = |text: &str| {
        format!(
            "#!/bin/sh\nset -e\n# Automatically added by dh_x/1\n{text}# End automatically added section\n"
        )
    };
    let alternative = section(
        "if [ \"$1\" = \"configure\" ] || [ \"$1\" = \"abort-upgrade\" ] || [ \"$1\" = \"abort-deconfigure\" ] || [ \"$1\" = \"abort-remove\" ]; then\n\tupdate-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5\nfi\n",
    );
    let mut tree = Tree::default();
    tree.put("usr/bin/mawk", Node::file(0o755, "")).unwrap();
    apply(&mut tree, &[scripts("mawk", &alternative)], &settings()).unwrap();
    assert!(tree.get("etc/alternatives/awk").is_some());
    let moved = section(
        "dpkg-maintscript-helper rm_conffile /etc/x 1.0~ -- \"$@\"\ndpkg-maintscript-helper rm_conffile /etc/y 1.0~ -- \"$@\"\n",
    );
    assert!(check(&[scripts("any", &moved)], &settings()).is_empty());
    for evil in [
        alternative.replace("mawk 5", "mawk 5\n\trm -rf /"),
        alternative.replace("mawk 5", "mawk $(evil)"),
        moved.replace("/etc/y 1.0~ -- \"$@\"", "/etc/y 1.0~ -- \"$@\"; evil"),
        section("whatever\n"),
    ] {
        let errors = check(&[scripts("any", &evil)], &settings());
        assert!(matches!(&errors[..], [EffectError::UnknownScript { .. }]), "{evil}");
    }
}

#[test]
fn an_entry_that_does_not_hold_in_this_tree_is_refused() {
    // openssl's postinst would make a link where the library brought none.
    let openssl = "#!/bin/sh -e\n\nif [ ! -e /usr/lib/ssl ]\nthen\n  echo Linking /usr/lib/ssl to /etc/ssl\n  ln -sf /etc/ssl /usr/lib/ssl\nfi\n";
    let mut tree = Tree::default();
    let error = apply(&mut tree, &[scripts("openssl", openssl)], &settings()).unwrap_err();
    assert!(error.to_string().ends_with("does not hold here: /usr/lib/ssl is missing"), "{error}");
    tree.put("usr/lib/ssl", Node::directory(0o755)).unwrap();
    apply(&mut tree, &[scripts("openssl", openssl)], &settings()).unwrap();
}

#[test]
fn a_shell_that_comes_to_a_base_is_listed() {
    let mut base = Tree::default();
    base.put("usr/share/debianutils/shells", Node::file(0o644, "/bin/sh\n")).unwrap();
    base.put("etc/shells", Node::file(0o644, "/bin/sh\n")).unwrap();
    let mut tree = Tree::on(base);
    apply(&mut tree, &[], &settings()).unwrap();
    assert_eq!(tree.changes().count(), 0);
    tree.put("usr/share/debianutils/shells.d/zsh", Node::file(0o644, "/bin/zsh\n")).unwrap();
    apply(&mut tree, &[], &settings()).unwrap();
    assert_eq!(tree.read("etc/shells").unwrap().unwrap(), "/bin/sh\n/bin/zsh\n");
}

#[test]
fn a_database_that_nobody_made_is_told() {
    let mut tree = Tree::default();
    tree.put("usr/share/glib-2.0/schemas/org.x.gschema.xml", Node::file(0o644, "")).unwrap();
    let applied = apply(&mut tree, &[], &settings()).unwrap();
    let [(folder, what)] = &applied.omitted[..] else { panic!("{applied:?}") };
    assert_eq!(folder, "/usr/share/glib-2.0/schemas/");
    assert!(what.contains("glib-compile-schemas"));
}

#[test]
fn diversions_are_known_before_anything_is_unpacked() {
    let preinst = "#!/bin/sh\nset -e\n\nif [ \"$1\" = \"install\" ]; then\n\tdpkg-divert --package parallel --add --rename \\\n\t\t--divert /usr/bin/parallel.moreutils \\\n\t\t/usr/bin/parallel\n\tdpkg-divert --package parallel --add --rename \\\n\t\t--divert /usr/share/man/man1/parallel.moreutils.1.gz \\\n\t\t/usr/share/man/man1/parallel.1.gz\nfi\n\nexit 0\n";
    let parallel = Scripts { preinst: Some(preinst), postinst: None, ..scripts("parallel", "") };
    let all = diversions(&[parallel], &settings()).unwrap();
    assert_eq!(all[0], ["/usr/bin/parallel", "/usr/bin/parallel.moreutils", "parallel"]);
    assert_eq!(all.len(), 2);
}
