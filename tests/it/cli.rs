//! The command line as a whole.

use crate::support::Envlock;

#[test]
fn a_wrong_option_is_a_usage_error() {
    let run = Envlock::new().run(["resolve", "--colour"]).exits(2);
    assert!(run.stderr().contains("--colour"), "{}", run.stderr());
}

#[test]
fn init_writes_a_spec_that_is_the_built_in_stack_and_never_overwrites() {
    let envlock = Envlock::new();
    envlock.run(["init"]).exits(0);
    let text = envlock.read("envlock.toml");
    let spec = envlock::spec::parse("envlock.toml", &text).unwrap();
    assert_eq!(spec, envlock::spec::builtin().unwrap());
    envlock.write("envlock.toml", "# mine\n");
    envlock.run(["init"]).exits(2);
    assert_eq!(envlock.read("envlock.toml"), "# mine\n");
}

#[test]
fn completions_name_the_commands() {
    let script = Envlock::new().run(["completions", "bash"]).exits(0).stdout();
    assert!(script.contains("rollback"));
}
