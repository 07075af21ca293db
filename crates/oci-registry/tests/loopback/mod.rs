// A registry in memory on loopback, as much of it as an example needs: one request a connection.

/// Starts it; `HOST:PORT`.
fn loopback() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let host = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        let mut stored = std::collections::HashMap::new();
        for stream in listener.incoming() {
            // A connection that breaks is the client's to make again.
            let _ = stream.and_then(|stream| answer(stream, &mut stored));
        }
    });
    host
}

fn answer(
    stream: std::net::TcpStream,
    stored: &mut std::collections::HashMap<String, Vec<u8>>,
) -> std::io::Result<()> {
    use std::io::{BufRead, BufReader, Read, Write};
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (method, path) = first.split_once(' ').unwrap_or_default();
    let path = path.split(' ').next().unwrap_or_default().to_owned();
    let (status, header, answer) = match method {
        "POST" => ("202 Accepted", format!("Location: {path}session"), vec![]),
        "PUT" => {
            // A blob is stored under its digest, a manifest under the name that it is put by.
            let blob = path.split_once("/uploads/session?digest=");
            let name = blob.map(|(before, digest)| format!("{before}/{}", digest.replace("%3A", ":")));
            stored.insert(name.unwrap_or(path), body);
            ("201 Created", "X-Stored: 1".to_owned(), vec![])
        }
        _ => match stored.get(&path) {
            Some(found) => ("200 OK", "X-Stored: 1".to_owned(), found.clone()),
            None => ("404 Not Found", "X-Stored: 0".to_owned(), vec![]),
        },
    };
    let mut stream = reader.into_inner();
    let length = answer.len();
    write!(stream, "HTTP/1.1 {status}\r\n{header}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")?;
    if method != "HEAD" {
        stream.write_all(&answer)?;
    }
    stream.flush()
}
