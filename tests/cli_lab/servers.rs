// SPDX-License-Identifier: GPL-2.0-only

//! Servers that run beside a test, on 127.0.0.1 alone, and end with it.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(90);

/// A server that runs until this goes.
pub struct Server {
    name: &'static str,
    child: Child,
    pub port: u16,
}

impl Server {
    /// Starts a server that answers `path` when it is ready. `args` gets the address that it is to listen at.
    pub fn start(
        name: &'static str,
        program: &str,
        path: &str,
        args: &dyn Fn(&str) -> Vec<String>,
    ) -> Self {
        // Another program may take a port between the two; then this one ends at once.
        for _ in 0..5 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let port = free.local_addr().expect("it has one").port();
            drop(free);
            let child = Command::new(program)
                .args(args(&format!("127.0.0.1:{port}")))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap_or_else(|e| panic!("{program}: {e}"));
            let mut server = Server { name, child, port };
            server.until(|server| {
                let ended = server.child.try_wait().expect("it can be asked");
                let ready = ended.is_some() || server.get(path).is_some();
                ready.then_some(()).ok_or("it is not ready".to_owned())
            });
            if server.child.try_wait().expect("it can be asked").is_none() {
                return server;
            }
        }
        panic!("{name} does not start");
    }

    /// What it answers, if it is 200.
    pub fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        // In this version the answer ends with the connection.
        let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).expect("it is text");
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1);
        (status == Some("200")).then(|| body.to_owned())
    }

    /// The `data` of what Prometheus answers in JSON.
    pub fn api(&self, path: &str) -> Value {
        let body = self.get(&format!("/api/v1/{path}"));
        let body = body.unwrap_or_else(|| panic!("{} does not answer {path}", self.name));
        let mut answer: Value = serde_json::from_str(&body).expect("it is JSON");
        assert_eq!(answer["status"], "success", "{path}: {body}");
        answer["data"].take()
    }

    /// The series that Prometheus has for a query.
    pub fn query(&self, query: &str) -> Vec<Value> {
        let mut data = self.api(&format!("query?query={}", encoded(query)));
        match data["result"].take() {
            Value::Array(series) => series,
            other => panic!("{query}: {other}"),
        }
    }

    /// Waits until something is so. Until then `so` says what is.
    pub fn until(&mut self, so: impl Fn(&mut Self) -> Result<(), String>) {
        let begin = Instant::now();
        while let Err(what) = so(self) {
            assert!(begin.elapsed() < LIMIT, "{}: {what}", self.name);
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As a part of an address.
fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    });
    bytes.collect()
}
