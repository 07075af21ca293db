//! docker/ray.sh and docker/health.py on this machine, with a `ray` that only says how it was called. What they do with
//! a real Ray, in containers, is in `ci/check-ray-sh.sh`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;

fn docker(name: &str) -> String {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("docker").join(name).into_string()
}

/// A node with this `ray`, a shell script, in a scrubbed environment.
struct Node {
    folder: tempfile::TempDir,
    ray: &'static str,
    variables: Vec<(&'static str, String)>,
}

/// Says how it was called, and ends.
const SAYS: &str = "echo \"ray $*\"";

impl Node {
    fn new(ray: &'static str) -> Self {
        Node { folder: tempfile::tempdir().unwrap(), ray, variables: Vec::new() }
    }

    fn set(mut self, name: &'static str, value: impl ToString) -> Self {
        self.variables.push((name, value.to_string()));
        self
    }

    fn spawn(&self) -> Child {
        let folder = self.folder.path();
        let open = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(folder, open.clone()).unwrap();
        fs_err::write(folder.join("ray"), format!("#!/bin/sh\n{}\n", self.ray)).unwrap();
        fs_err::set_permissions(folder.join("ray"), open).unwrap();
        symlink("/usr/bin/python3", folder.join("python")).unwrap();
        // Root would become the user `ray`, whom this machine does not have.
        let is_root = fs_err::metadata("/proc/self").unwrap().uid() == 0;
        let user: &[&str] = if is_root {
            &["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "bash"]
        } else {
            &["bash"]
        };
        // A copy: that user may not be let into the folder of this checkout.
        let script = folder.join("ray.sh");
        fs_err::copy(docker("ray.sh"), &script).unwrap();
        Command::new(user[0])
            .args(&user[1..])
            .arg(&script)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[track_caller]
    fn exits(&self, status: i32) -> (String, String) {
        finished(self.spawn().wait_with_output().unwrap(), status)
    }
}

#[track_caller]
fn finished(output: Output, status: i32) -> (String, String) {
    let (out, err) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(status), "{out}{err}");
    (out, err)
}

fn terminate(child: &Child) {
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// docker/health.py on this port, for as long as the value lives.
struct Health(Child);

impl Health {
    fn start(port: u16, ray_port: u16) -> Self {
        let child = Command::new("python3")
            .arg(docker("health.py"))
            .env("RAY_HEALTH_PORT", port.to_string())
            .env("RAY_PORT", ray_port.to_string())
            .env("RAY_NODE_IP", "192.0.2.7")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut health = Health(child);
        let mut line = String::new();
        BufReader::new(health.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("/health"), "{line}");
        health
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn without_a_whitelist_the_node_is_the_head_with_the_options_that_are_set() {
    let node = Node::new(SAYS).set("RAY_NUM_CPUS", 3).set("RAY_MEMORY", "").set("RAY_NUM_GPUS", 0);
    let (out, _) = node.set("RAY_DASHBOARD_PORT", 8300).exits(1);
    let wanted = "ray start --block --head --port=6379 --dashboard-host=0.0.0.0 --dashboard-port=8300 \
                  --num-cpus=3 --num-gpus=0\n";
    assert_eq!(out, wanted);
}

#[test]
fn a_host_of_the_whitelist_that_is_this_node_makes_it_the_head() {
    for own in ["localhost", "198.51.100.9"] {
        let node = Node::new(SAYS).set("RAY_HEAD_WHITELIST", own).set("RAY_WAIT", 0);
        let (out, _) = node.set("RAY_NODE_IP", "198.51.100.9").exits(1);
        assert!(out.contains("--head"), "{own}: {out}");
        assert!(out.contains("--node-ip-address=198.51.100.9"), "{own}: {out}");
    }
}

#[test]
fn a_worker_joins_the_first_host_whose_ray_answers() {
    let ray = TcpListener::bind("127.0.0.3:0").unwrap();
    let port = ray.local_addr().unwrap().port();
    let node = Node::new(SAYS).set("RAY_ROLE", "worker").set("RAY_PORT", port);
    let node = node.set("RAY_HEALTH_PORT", free_port());
    let (out, _) = node.set("RAY_HEAD_WHITELIST", "127.0.0.2, 127.0.0.3").exits(1);
    assert_eq!(out, format!("ray start --block --address=127.0.0.3:{port}\n"));
}

#[test]
fn a_head_that_is_still_starting_is_waited_for_and_the_next_host_is_not_taken() {
    let other = TcpListener::bind("127.0.0.3:0").unwrap();
    let (port, health_port) = (other.local_addr().unwrap().port(), free_port());
    let health = Health::start(health_port, port);
    let node = || {
        let node = Node::new(SAYS).set("RAY_ROLE", "worker").set("RAY_PORT", port);
        let node = node.set("RAY_HEALTH_PORT", health_port);
        node.set("RAY_HEAD_WHITELIST", "127.0.0.2,127.0.0.3")
    };
    let (_, err) = node().set("RAY_WAIT", 1).exits(1);
    assert!(err.contains("error: no Ray head within 1 s"), "{err}");
    assert!(err.contains(&format!("127.0.0.2:{port}: ")), "{err}");
    assert!(err.contains("(its health service answers)"), "{err}");

    let node = node();
    let mut child = node.spawn();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("waiting up to 120 s for a head"), "{line}");
    let _head = TcpListener::bind(("127.0.0.2", port)).unwrap();
    let (out, _) = finished(child.wait_with_output().unwrap(), 1);
    assert_eq!(out, format!("ray start --block --address=127.0.0.2:{port}\n"));
    drop(health);
}

#[test]
fn settings_that_cannot_be_are_said() {
    let cases = [
        ("RAY_ROLE", "worker", "a worker must be told its head: RAY_HEAD_WHITELIST is empty"),
        ("RAY_ROLE", "boss", "RAY_ROLE is 'boss': auto, head or worker"),
        ("RAY_WAIT", "soon", "RAY_WAIT is 'soon': a number of seconds"),
    ];
    for (name, value, message) in cases {
        let (out, err) = Node::new(SAYS).set(name, value).exits(2);
        assert!(out.is_empty() && err.contains(message), "{out}{err}");
    }
}

#[test]
fn it_ends_with_the_status_of_ray_and_never_well_when_ray_ended_by_itself() {
    let (_, err) = Node::new("exit 7").exits(7);
    assert!(err.contains("Ray has ended (status 7)"), "{err}");
    Node::new("exit 0").exits(1);
}

#[test]
fn sigterm_ends_ray_and_then_the_script() {
    let node = Node::new("trap 'echo bye; exit 15' TERM; echo up; while :; do sleep 0.05; done");
    let mut child = node.spawn();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let from = Instant::now();
    terminate(&child);
    finished(child.wait_with_output().unwrap(), 0);
    out.read_to_string(&mut line).unwrap();
    assert_eq!(line, "up\nbye\n");
    assert!(from.elapsed() < Duration::from_secs(5), "{:?}", from.elapsed());
}

#[test]
fn sigterm_ends_a_ray_that_does_not_listen_within_ten_seconds() {
    let node = Node::new("trap '' TERM; echo up; exec sleep 100 >/dev/null 2>&1");
    let mut child = node.spawn();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let from = Instant::now();
    terminate(&child);
    let (_, err) = finished(child.wait_with_output().unwrap(), 0);
    assert!(err.contains("Ray did not end in time and is killed"), "{err}");
    assert!(from.elapsed() < Duration::from_secs(10), "{:?}", from.elapsed());
}

#[test]
fn sigterm_ends_a_worker_that_still_waits() {
    let node = Node::new(SAYS).set("RAY_ROLE", "worker").set("RAY_PORT", free_port());
    let node = node.set("RAY_HEALTH_PORT", free_port()).set("RAY_HEAD_WHITELIST", "127.0.0.2");
    let mut child = node.spawn();
    let mut line = String::new();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    err.read_line(&mut line).unwrap();
    assert!(line.contains("waiting up to"), "{line}");
    let from = Instant::now();
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(from.elapsed() < Duration::from_secs(5), "{:?}", from.elapsed());
}

#[test]
fn the_health_service_says_whether_ray_takes_connections_and_ends_at_once() {
    let (port, ray_port) = (free_port(), free_port());
    let mut health = Health::start(port, ray_port);
    let answer = get(port, "/health");
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let wanted = serde_json::json!({"status": "healthy", "node_ip": "192.0.2.7", "ray": false});
    assert_eq!(body, wanted);
    let _ray = TcpListener::bind(("127.0.0.1", ray_port)).unwrap();
    assert!(get(port, "/health?again").contains("\"ray\": true"));
    assert!(get(port, "/else").starts_with("HTTP/1.0 404 "));

    let check = |port: u16| {
        let mut check = Command::new("python3");
        check.args([&docker("health.py"), "--check"]).env("RAY_HEALTH_PORT", port.to_string());
        check.output().unwrap().status.code()
    };
    assert_eq!((check(port), check(free_port())), (Some(0), Some(1)));
    let from = Instant::now();
    terminate(&health.0);
    assert_eq!(health.0.wait().unwrap().code(), Some(0));
    assert!(from.elapsed() < Duration::from_secs(5), "{:?}", from.elapsed());
}

#[test]
fn init_writes_them_as_they_are_here_and_ready_to_run() {
    let envlock = crate::support::Envlock::new();
    envlock.run(["init", "--platform"]).exits(0);
    for (name, runs) in [("ray.sh", true), ("health.py", true), ("notebooks/ray_pyg.py", false)] {
        let written = envlock.path(&format!("docker/{name}"));
        assert_eq!(fs_err::read(&written).unwrap(), fs_err::read(docker(name)).unwrap(), "{name}");
        let mode = fs_err::metadata(&written).unwrap().permissions().mode();
        assert_eq!(mode & 0o100 != 0, runs, "{name}: {mode:o}");
    }
}
