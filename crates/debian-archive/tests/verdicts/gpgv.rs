//! gpgv's verdict on the same texts.

use std::fs;
use std::path::Path;
use std::process::Command;

use debian_archive::{Keyring, SignatureError, verify_clearsigned, verify_detached};
use jiff::Timestamp;

use crate::cases::{TEXT, cases};

/// Whether gpgv says what apt takes for good: a signature that is right, has not expired, and whose key has not and is not revoked;
/// and none that is wrong.
fn gpgv(folder: &Path, keyring: &[u8], text: &str) -> (bool, String) {
    let (ring, file) = (folder.join("ring.gpg"), folder.join("text.asc"));
    fs::write(&ring, keyring).unwrap();
    if keyring.starts_with(b"-----") {
        let mut gpg = Command::new("gpg");
        gpg.args(["--batch", "--homedir"]).arg(folder).args(["--output", "-", "--dearmor"]);
        let run = gpg.arg(&ring).output().expect("gpg is needed: apt-get install gpg");
        fs::write(&ring, run.stdout).unwrap();
    }
    fs::write(&file, text).unwrap();
    let mut run = Command::new("gpgv");
    run.args(["--status-fd", "1", "--keyring"]).arg(&ring).arg(&file);
    let run = run.output().expect("gpgv is needed: apt-get install gpgv");
    let status = String::from_utf8_lossy(&run.stdout).into_owned();
    let has =
        |word: &str| status.lines().any(|line| line.starts_with(&format!("[GNUPG:] {word} ")));
    let is_good = has("GOODSIG") && has("VALIDSIG") && !has("BADSIG");
    (is_good, status + &String::from_utf8_lossy(&run.stderr))
}

#[test]
fn gpgv_agrees_or_the_difference_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let now = u32::try_from(Timestamp::now().as_second()).unwrap();
    let mut wrong = Vec::new();
    for case in cases(now) {
        let (is_good, said) = gpgv(folder.path(), &case.keyring, &case.text);
        let agrees = is_good == case.verdict.is_ok();
        if agrees == case.gpgv_differs.is_some() {
            wrong.push(format!("{}: agrees: {agrees}\n{said}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What gpg prints, in a home of its own.
fn gpg(home: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("gpg");
    command.args([
        "--batch",
        "--yes",
        "--no-tty",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
    ]);
    let run = command.arg("--homedir").arg(home).args(arguments).output();
    let run = run.expect("gpg is needed: apt-get install gpg gpg-agent");
    assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    run.stdout
}

/// Ends the agent that gpg starts for a home.
struct Home(tempfile::TempDir);

impl Drop for Home {
    fn drop(&mut self) {
        let mut end = Command::new("gpgconf");
        let _ = end.arg("--homedir").arg(self.0.path()).args(["--kill", "gpg-agent"]).status();
    }
}

#[test]
fn what_gpg_signs_with_each_kind_of_key_is_verified() {
    let home = Home(tempfile::tempdir().unwrap());
    let folder = home.0.path();
    let text = folder.join("Release");
    fs::write(&text, TEXT).unwrap();
    let path = text.to_str().unwrap();
    let now = Timestamp::now();
    for (kind, supported) in [
        ("rsa2048", true),
        ("rsa4096", true),
        ("ed25519", true),
        ("nistp256", true),
        ("nistp384", true),
        ("dsa2048", false),
        ("rsa1024", false),
        ("brainpoolP256r1", false),
    ] {
        gpg(folder, &["--quick-gen-key", kind, kind, "sign", "never"]);
        let ring = Keyring::parse(&gpg(folder, &["--export", kind])).unwrap();
        let with = ["--local-user", kind, "--output", "-"];
        let signed = gpg(folder, &[&with[..], &["--clearsign", path]].concat());
        let binary = gpg(folder, &[&with[..], &["--detach-sign", path]].concat());
        let armored = gpg(folder, &[&with[..], &["--armor", "--detach-sign", path]].concat());
        let verdicts = [
            verify_clearsigned(&signed, &ring, now),
            verify_detached(TEXT.as_bytes(), &binary, &ring, now),
            verify_detached(TEXT.as_bytes(), &armored, &ring, now),
        ];
        for found in verdicts {
            let refused = |e: &SignatureError| e.to_string().contains("kind that is not supported");
            let as_expected =
                if supported { found.is_ok() } else { found.as_ref().is_err_and(refused) };
            assert!(as_expected, "{kind}: {found:?}");
        }
        if supported {
            let changed =
                String::from_utf8(signed).unwrap().replace("Origin: Test", "Origin: Evil");
            let found = verify_clearsigned(changed.as_bytes(), &ring, now);
            assert!(matches!(found, Err(SignatureError::Tampered(_))), "{kind}: {found:?}");
            let found = verify_detached(changed.as_bytes(), &binary, &ring, now);
            assert!(matches!(found, Err(SignatureError::Tampered(_))), "{kind}: {found:?}");
        }
    }
}
