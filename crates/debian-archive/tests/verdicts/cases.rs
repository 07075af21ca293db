//! Signed texts, keyrings, and what is to be said of them: by this crate, and by gpgv.

use crate::forge::{
    FLAG_CERTIFY, FLAG_ENCRYPT, FLAG_SIGN, Key, SHA1, SHA2_256, Says, armor, canonical, clearsigned,
};

/// A text, who is trusted, and the verdict.
pub struct Case {
    pub name: &'static str,
    pub keyring: Vec<u8>,
    pub text: String,
    /// `Ok`, or a part of the error's sentence.
    pub verdict: Result<(), &'static str>,
    /// Why gpgv says something else, where it does.
    pub gpgv_differs: Option<&'static str>,
}

pub const TEXT: &str =
    "Origin: Test\nDescription: with blanks \t\n- dash\n-----not a head\n\nend\n";

const DAY: u32 = 86_400;

/// All cases, for a clock that shows `now` (seconds since 1970).
pub fn cases(now: u32) -> Vec<Case> {
    let maker = Maker { now };
    [maker.plain(), maker.times(), maker.subkeys(), maker.several(), maker.texts()]
        .into_iter()
        .flatten()
        .collect()
}

struct Maker {
    now: u32,
}

impl Maker {
    fn key(&self, seed: u8) -> Key {
        Key::new(seed, self.now - 1000 * DAY)
    }

    fn then(&self) -> Says {
        Says::at(self.now - 10 * DAY)
    }

    fn own(&self) -> Says {
        Says { flags: Some(FLAG_CERTIFY | FLAG_SIGN), ..Says::at(self.now - 900 * DAY) }
    }

    fn ring(&self) -> Vec<u8> {
        self.key(1).certificate(&self.own())
    }

    fn signed(&self, says: &Says) -> String {
        clearsigned(TEXT, &[self.key(1).sign(says, &[&canonical(TEXT)])])
    }

    fn plain(&self) -> Vec<Case> {
        let (ring, then) = (|| self.ring(), self.then());
        let sha256 = self.signed(&Says { hash: SHA2_256, ..then.clone() });
        let direct = [
            self.key(1).packet(false),
            self.key(1).about_itself(&Says { kind: 0x1F, ..self.own() }),
        ];
        let other = Key::new(2, self.now - 1000 * DAY).certificate(&self.own());
        vec![
            good("one key", ring(), self.signed(&then)),
            good("SHA-256", ring(), sha256.replace("SHA512", "SHA256")),
            good(
                "a keyring in armour",
                armor("PUBLIC KEY BLOCK", &ring()).into(),
                self.signed(&then),
            ),
            bad("another key", other.clone(), self.signed(&then), "not in the keyring"),
            good("several keys", [other, ring()].concat(), self.signed(&then)),
            bad(
                "a key without a user",
                self.key(1).packet(false),
                self.signed(&then),
                "no valid signature of its own",
            ),
            good(
                "a key without a user that speaks for itself",
                direct.concat(),
                self.signed(&then),
            ),
            bad(
                "SHA-1",
                ring(),
                self.signed(&Says { hash: SHA1, ..then.clone() }).replace("SHA512", "SHA1"),
                "SHA-1, which can be forged",
            )
            .gpgv("gpgv takes SHA-1, and apt refuses what it then reports"),
            bad(
                "MD5",
                ring(),
                self.signed(&Says { hash: 1, ..then.clone() }).replace("SHA512", "MD5"),
                "MD5, which can be forged",
            ),
            bad(
                "an unknown hash",
                ring(),
                self.signed(&Says { hash: 99, ..then.clone() }),
                "hash that is not supported (number 99)",
            ),
            bad(
                "a critical part that nobody knows",
                ring(),
                self.signed(&Says { critical: true, ..then.clone() }),
                "subpacket 100",
            ),
            bad(
                "no time",
                ring(),
                self.signed(&Says { created: None, ..then.clone() }),
                "does not say when",
            ),
            bad(
                "no name of a key",
                ring(),
                self.signed(&Says { names_key: false, ..then.clone() }),
                "not in the keyring",
            ),
            good("a signature over bytes", ring(), self.signed(&Says { kind: 0, ..then.clone() })),
            bad(
                "a signature over a key",
                ring(),
                self.signed(&Says { kind: 0x13, ..then.clone() }),
                "not over data",
            ),
            bad(
                "a signature of version 6",
                ring(),
                self.signed(&Says { version: 6, ..then }),
                "version 6",
            ),
        ]
    }

    fn times(&self) -> Vec<Case> {
        let then = self.then();
        let key = self.key(1);
        let dying = |days: u32| Says { key_expires_after: Some(days * DAY), ..self.own() };
        let longer = Says { created: Some(self.now - 800 * DAY), ..dying(5000) };
        let forever = Says { created: Some(self.now - 800 * DAY), ..self.own() };
        let young = Key::new(1, self.now - 5 * DAY);
        let young_own = Says { created: Some(self.now - 5 * DAY), ..self.own() };
        let revocation = key.about_itself(&Says { kind: 0x20, ..Says::at(self.now - 5 * DAY) });
        let revoked = [
            key.packet(false),
            revocation,
            key.certificate(&self.own())[key.packet(false).len()..].to_vec(),
        ];
        let forged = Key::new(2, key.created)
            .about_itself(&Says { kind: 0x20, ..Says::at(self.now - 5 * DAY) });
        let not_revoked = [
            key.packet(false),
            forged,
            key.certificate(&self.own())[key.packet(false).len()..].to_vec(),
        ];
        let twice = |other: &Says| {
            let second = key.certificate(other);
            [key.certificate(&dying(50)), second].concat()
        };
        vec![
            bad(
                "a key that has expired",
                key.certificate(&dying(995)),
                self.signed(&then),
                "which has expired on",
            ),
            good("a key that will expire", key.certificate(&dying(5000)), self.signed(&then)),
            good("a key whose end was moved", twice(&longer), self.signed(&then))
                .gpgv("gpgv takes the first of two keys that are the same"),
            good("a key whose end was taken away", twice(&forever), self.signed(&then))
                .gpgv("gpgv takes the first of two keys that are the same"),
            bad(
                "a key made after the signature",
                young.certificate(&young_own),
                clearsigned(TEXT, &[young.sign(&then, &[&canonical(TEXT)])]),
                "which was made later",
            ),
            bad("a revoked key", revoked.concat(), self.signed(&then), "which is revoked"),
            good("a revocation by somebody else", not_revoked.concat(), self.signed(&then)),
            bad(
                "a signature that has expired",
                self.ring(),
                self.signed(&Says { expires_after: Some(9 * DAY), ..then.clone() }),
                "has expired on",
            ),
            good(
                "a signature that will expire",
                self.ring(),
                self.signed(&Says { expires_after: Some(11 * DAY), ..then }),
            ),
            good(
                "a signature of tomorrow",
                self.ring(),
                self.signed(&Says::at(self.now + DAY / 2)),
            ),
            bad(
                "a signature of next week",
                self.ring(),
                self.signed(&Says::at(self.now + 7 * DAY)),
                "from the future",
            )
            .gpgv("gpgv does not compare a signature's time with the clock"),
        ]
    }

    fn subkeys(&self) -> Vec<Case> {
        let key = self.key(1);
        let sub = Key::new(3, self.now - 500 * DAY);
        let own = Says { flags: Some(FLAG_CERTIFY), ..self.own() };
        let of_sub = Says { flags: Some(FLAG_SIGN), ..Says::at(self.now - 500 * DAY) };
        let with = |says: &Says, confirms| {
            [key.certificate(&own), key.subkey(&sub, says, confirms)].concat()
        };
        let text = || clearsigned(TEXT, &[sub.sign(&self.then(), &[&canonical(TEXT)])]);
        let stranger = Key::new(4, self.now - 1000 * DAY);
        let stolen = [stranger.certificate(&own), key.subkey(&sub, &of_sub, true)].concat();
        let revoked = [with(&of_sub, true), key.revokes(&sub, self.now - DAY)].concat();
        let ends = Says { key_expires_after: Some(400 * DAY), ..of_sub.clone() };
        let dead = Says { key_expires_after: Some(900 * DAY), ..own.clone() };
        let of_dead = [key.certificate(&dead), key.subkey(&sub, &of_sub, true)];
        let encrypts = Says { flags: Some(FLAG_ENCRYPT), ..of_sub.clone() };
        let by_primary = self.signed(&self.then());
        vec![
            good("a subkey", with(&of_sub, true), text()),
            bad(
                "a subkey that does not confirm",
                with(&of_sub, false),
                text(),
                "does not confirm its primary key",
            ),
            bad("a subkey of somebody else", stolen, text(), "its primary key does not confirm"),
            bad("a revoked subkey", revoked, text(), "which is revoked"),
            bad("a subkey that has expired", with(&ends, true), text(), "which has expired on"),
            bad(
                "a subkey of a key that has expired",
                of_dead.concat(),
                text(),
                "which has expired on",
            ),
            bad("a subkey for encryption", with(&encrypts, true), text(), "not for signatures"),
            bad(
                "a primary key that may only certify",
                with(&of_sub, true),
                by_primary,
                "not for signatures",
            ),
        ]
    }

    fn several(&self) -> Vec<Case> {
        let (first, second) = (self.key(1), self.key(2));
        let text = canonical(TEXT);
        let good_one = || first.sign(&self.then(), &[&text]);
        let other = || second.sign(&self.then(), &[&text]);
        let wrong = |key: &Key| key.sign(&self.then(), &[b"another text"]);
        let both = || [self.ring(), second.certificate(&self.own())].concat();
        let weak = || second.sign(&Says { hash: 1, ..self.then() }, &[&text]);
        vec![
            good(
                "two keys, one is trusted",
                self.ring(),
                clearsigned(TEXT, &[other(), good_one()]),
            ),
            good("two keys, both are trusted", both(), clearsigned(TEXT, &[other(), good_one()])),
            good(
                "two keys, and the wrong one is a stranger's",
                self.ring(),
                clearsigned(TEXT, &[wrong(&second), good_one()]),
            ),
            bad(
                "two keys, and one of them signed something else",
                both(),
                clearsigned(TEXT, &[wrong(&second), good_one()]),
                "changed after it was signed",
            ),
            good("a weak one beside a good one", both(), clearsigned(TEXT, &[good_one(), weak()])),
            bad(
                "a text that was changed",
                self.ring(),
                clearsigned(TEXT, &[good_one()]).replace("Origin: Test", "Origin: Evil"),
                "changed after it was signed",
            ),
            bad(
                "a text that was made longer",
                self.ring(),
                clearsigned(&format!("{TEXT}\n"), &[good_one()]),
                "changed after it was signed",
            ),
            bad("no signature in the armour", self.ring(), clearsigned(TEXT, &[]), "there is none"),
        ]
    }

    fn texts(&self) -> Vec<Case> {
        let whole = self.signed(&self.then());
        let crlf = whole.replace('\n', "\r\n");
        let blanks = whole.replace("end\n", "end  \n");
        vec![
            good("lines that end with CR LF", self.ring(), crlf),
            good("blanks at a line's end", self.ring(), blanks),
            bad(
                "a text before",
                self.ring(),
                format!("Origin: Evil\n\n{whole}"),
                "something before",
            )
            .gpgv("gpgv reads what is inside only; apt compares, and refuses"),
            bad("a text after", self.ring(), format!("{whole}\nOrigin: Evil\n"), "something after")
                .gpgv("gpgv reads what is inside only; apt compares, and refuses"),
            bad(
                "a head with something else",
                self.ring(),
                whole.replace("Hash: SHA512\n", "Hash: SHA512\nOrigin: Evil\n"),
                "something else than `Hash:`",
            ),
            bad(
                "a line with a dash that is not escaped",
                self.ring(),
                whole.replace("- - dash", "- dash"),
                "changed after it was signed",
            ),
            bad("a lone CR", self.ring(), whole.replace("end\n", "end\r \n"), "control characters")
                .gpgv("GnuPG takes a CR for a blank, RFC 9580 does not"),
            bad("a cut text", self.ring(), whole[..whole.len() - 40].to_owned(), "signature"),
        ]
    }
}

fn good(name: &'static str, keyring: Vec<u8>, text: String) -> Case {
    Case { name, keyring, text, verdict: Ok(()), gpgv_differs: None }
}

fn bad(name: &'static str, keyring: Vec<u8>, text: String, error: &'static str) -> Case {
    Case { name, keyring, text, verdict: Err(error), gpgv_differs: None }
}

impl Case {
    fn gpgv(self, why: &'static str) -> Self {
        Case { gpgv_differs: Some(why), ..self }
    }
}
