// SPDX-License-Identifier: GPL-2.0-only

//! A browser without a window, told what to do through its pipe (the DevTools protocol).

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{json, Value};
use tempfile::TempDir;

/// Chromium with one page.
pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Value,
    last: u64,
    /// What it said that nobody asked for.
    events: Vec<Value>,
    _profile: TempDir,
}

/// What it did for a page that nobody should have to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Noise {
    pub requests: Vec<String>,
    pub complaints: Vec<String>,
}

impl Browser {
    pub fn start() -> Self {
        let profile = TempDir::new().expect("a folder");
        // Its ends of the pipe are the descriptors 3 and 4.
        let mut process = Command::new("sh")
            .args([
                "-c",
                "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
                "sh",
            ])
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromium can be run");
        let mut browser = Browser {
            to: process.stdin.take().expect("a pipe"),
            from: BufReader::new(process.stdout.take().expect("a pipe")),
            process,
            session: Value::Null,
            last: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session = browser.ask("Target.attachToTarget", &attached)["sessionId"].clone();
        for domain in ["Page", "Network", "Log", "Runtime"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if self.session.is_string() {
            message["sessionId"] = self.session.clone();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("it listens");
        loop {
            let said = self.hear();
            if said["id"] == self.last {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
            self.events.push(said);
        }
    }

    fn hear(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).expect("it speaks");
        assert_eq!(bytes.pop(), Some(0), "chromium has ended");
        serde_json::from_slice(&bytes).expect("it speaks JSON")
    }

    /// Loads a file; the answer is what it asked for besides, and what it complained of.
    pub fn load(&mut self, file: &Path) -> Noise {
        let url = format!("file://{}", file.display());
        self.events.clear();
        self.ask("Page.navigate", &json!({ "url": url }));
        let is = |event: &Value, method: &str| event["method"] == method;
        while !self.events.iter().any(|e| is(e, "Page.loadEventFired")) {
            let event = self.hear();
            self.events.push(event);
        }
        // What it does after that it has done when it has drawn twice.
        let drawn = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))";
        self.value(drawn);
        let mut noise = Noise::default();
        for event in self.events.drain(..) {
            let params = &event["params"];
            if is(&event, "Network.requestWillBeSent") && params["request"]["url"] != url.as_str() {
                noise.requests.push(params["request"]["url"].to_string());
            }
            let complaints = [
                "Log.entryAdded",
                "Runtime.consoleAPICalled",
                "Runtime.exceptionThrown",
            ];
            if complaints.iter().any(|method| is(&event, method)) {
                noise.complaints.push(params.to_string());
            }
        }
        noise
    }

    /// How wide and high the window is, and which colours are preferred: `light` or `dark`.
    pub fn look(&mut self, width: u32, height: u32, scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.ask("Emulation.setDeviceMetricsOverride", &size);
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.ask("Emulation.setEmulatedMedia", &media);
    }

    /// As if it were printed on paper this wide.
    pub fn on_paper(&mut self, width: u32) {
        self.look(width, 1123, "light");
        self.ask("Emulation.setEmulatedMedia", &json!({ "media": "print" }));
    }

    /// What an expression of JavaScript is.
    pub fn value(&mut self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.ask("Runtime.evaluate", &params);
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// A picture of the window, or of all of the page, as PNG.
    pub fn picture(&mut self, whole: bool) -> Vec<u8> {
        let params = json!({ "format": "png", "captureBeyondViewport": whole });
        let mut params = params;
        if whole {
            let size = self.ask("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
            params["clip"] = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        }
        let answer = self.ask("Page.captureScreenshot", &params);
        from_base64(answer["data"].as_str().expect("a picture"))
    }

    /// The page as it is printed, as PDF on A4.
    pub fn print(&mut self) -> Vec<u8> {
        let params = json!({ "printBackground": false, "paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": true });
        let answer = self.ask("Page.printToPDF", &params);
        from_base64(answer["data"].as_str().expect("a document"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for letter in text.bytes().filter(|b| *b != b'=') {
        let digit = DIGITS.iter().position(|d| *d == letter).expect("a digit");
        bits = (bits << 6) | u32::try_from(digit).expect("six bits");
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).expect("eight bits"));
        }
    }
    bytes
}
