// SPDX-License-Identifier: GPL-2.0-only

//! The page of `remapctl report` in a browser: nothing is asked for, nothing complained of, all of it can be read on a
//! phone, by day and by night, and printed.
//!
//! With `DM_REMAP_PICTURES=DIR` the pictures of the documentation are made there (`make pictures`).

mod cli_lab;

use std::{env, fs, path::PathBuf};

use cli_lab::{browser::Browser, story, Recording};
use tempfile::TempDir;

/// A page of three devices, in a folder that goes with it.
fn page() -> (TempDir, PathBuf) {
    let story = story::of_three();
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("report.html");
    let name = file.to_str().expect("letters");
    let args = ["report", "--history", story.history(), "--output", name];
    let (said, code) = story.recording.says(&args);
    assert_eq!((said.as_str(), code), ("", 0));
    (folder, file)
}

/// Each text whose colour is too near to what is behind it: a ratio below 4.5, by the rule of WCAG.
const CONTRAST: &str = "(() => {
    const light = ([r, g, b]) => [r, g, b]
        .map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const parts = text => text.match(/[\\d.]+/g).map(Number);
    const behind = at => {
        for (; at; at = at.parentElement) {
            const back = parts(getComputedStyle(at).backgroundColor);
            if (back.length < 4 || back[3] > 0) return back;
        }
        return [255, 255, 255];
    };
    const bad = [];
    let seen = 0;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const at = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !at.getClientRects().length) continue;
        seen += 1;
        const style = getComputedStyle(at);
        const [a, b] = [parts(at.namespaceURI.endsWith('svg') ? style.fill : style.color), behind(at)].map(light);
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) bad.push(ratio.toFixed(1) + ' ' + texts.currentNode.data);
    }
    return [seen, bad];
})()";

/// What is read as one and goes over two lines.
const BROKEN: &str =
    "[...document.querySelectorAll('.whole, .time')].filter(e => e.offsetParent && (innerWidth > 640 || e.matches('.whole')))
    .map(e => { const range = document.createRange(); range.selectNodeContents(e); return [range.getClientRects().length, e.textContent]; })
    .filter(([lines]) => lines > 1)";

/// No table has larger letters than the words around it.
const LARGEST_TABLE: &str = "(() => {
    const size = e => parseFloat(getComputedStyle(e).fontSize);
    return Math.max(...[...document.querySelectorAll('table')].map(size)) <= size(document.body);
})()";

#[test]
fn a_browser_loads_it_without_a_word_and_without_a_request() {
    let (_folder, file) = page();
    let mut browser = Browser::start();
    let noise = browser.load(&file);
    assert!(noise.requests.is_empty(), "{noise:?}");
    assert!(noise.complaints.is_empty(), "{noise:?}");
    for (width, height) in [(360, 740), (768, 1024), (1280, 900)] {
        for scheme in ["light", "dark"] {
            browser.look(width, height, scheme);
            let widest = browser.value("document.documentElement.scrollWidth");
            assert!(widest.as_u64() <= Some(width.into()), "{widest} of {width}");
            let reach = "Math.max(...[...document.body.querySelectorAll('*')].map(e => e.getBoundingClientRect().right))";
            let reach = browser.value(reach).as_f64().expect("a number");
            assert!(reach <= f64::from(width) + 0.5, "{reach} of {width}");
            assert_eq!(browser.value(BROKEN), serde_json::json!([]), "{width}");
            let contrast = browser.value(CONTRAST);
            assert!(contrast[0].as_u64() > Some(100), "{contrast}");
            assert_eq!(contrast[1], serde_json::json!([]), "{width} {scheme}");
            let back = browser.value("getComputedStyle(document.body).backgroundColor");
            assert_eq!(back == "rgb(255, 255, 255)", scheme == "light", "{back}");
            keep(&format!("{width}-{scheme}.png"), &browser.picture(true));
        }
    }
    // A4, without its margins.
    browser.on_paper(680);
    assert_eq!(browser.value("document.documentElement.scrollWidth"), 680);
    assert_eq!(browser.value(CONTRAST)[1], serde_json::json!([]));
    assert_eq!(browser.value(BROKEN), serde_json::json!([]));
    assert_eq!(browser.value(LARGEST_TABLE), true);
    keep("print.png", &browser.picture(true));
    let printed = browser.print();
    assert!(printed.starts_with(b"%PDF-"));
    keep("print.pdf", &printed);
}

#[test]
fn the_longest_name_does_not_widen_it() {
    let recording = Recording::empty();
    // As long as device-mapper lets it be.
    let name = "n".repeat(127);
    recording.device(&name, 0);
    recording.put("sys/block/dm-0/remap/health/evidence", &"e".repeat(200));
    let scores = vec!["1000"; 1024].join(" ");
    recording.put(&format!("dm/{name}/messages/health-1024"), &scores);
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("report.html");
    let (said, code) = recording.says(&["report", "-o", file.to_str().expect("letters")]);
    assert_eq!((said.as_str(), code), ("", 0));
    let mut browser = Browser::start();
    browser.look(360, 740, "light");
    browser.load(&file);
    assert_eq!(browser.value("document.documentElement.scrollWidth"), 360);
}

#[test]
fn what_would_be_complained_of_is_seen() {
    let (_folder, file) = page();
    let text = fs::read_to_string(&file).expect("the page");
    let with = |more: &str| {
        let text = text.replacen("<main>", &format!("<main>{more}"), 1);
        fs::write(&file, text).expect("a file");
    };
    let mut browser = Browser::start();
    // The page itself forbids it.
    with("<img src=\"http://127.0.0.1:9/x.png\"><script>document.title = 'run'</script>");
    let noise = browser.load(&file);
    assert_eq!(noise.complaints.len(), 2, "{noise:?}");
    assert_ne!(browser.value("document.title"), "run");
    // And if it did not, it would be asked for.
    let open = fs::read_to_string(&file).expect("the page").replacen(
        "default-src 'none'",
        "default-src *",
        1,
    );
    fs::write(&file, open).expect("a file");
    let noise = browser.load(&file);
    assert_eq!(
        noise.requests,
        ["\"http://127.0.0.1:9/x.png\""],
        "{noise:?}"
    );
    // What is too wide and too pale is seen as well.
    with("<p style=\"width:50rem;color:#ccc;background:#fff\">pale</p>");
    browser.look(360, 740, "light");
    browser.load(&file);
    assert!(
        browser
            .value("document.documentElement.scrollWidth")
            .as_u64()
            > Some(360)
    );
    assert_eq!(browser.value(CONTRAST)[1][0], "1.6 pale");
}

/// Keeps something to look at, if that is wanted.
fn keep(name: &str, bytes: &[u8]) {
    if let Some(folder) = env::var_os("DM_REMAP_LOOK") {
        fs::write(PathBuf::from(folder).join(name), bytes).expect("it can be kept");
    }
}

#[test]
fn the_picture_of_the_documentation() {
    let (_folder, file) = page();
    let mut browser = Browser::start();
    browser.look(1000, 1150, "light");
    browser.load(&file);
    let picture = browser.picture(false);
    assert!(
        picture.starts_with(b"\x89PNG") && picture.len() < 200_000,
        "{}",
        picture.len()
    );
    if let Some(folder) = env::var_os("DM_REMAP_PICTURES") {
        fs::write(PathBuf::from(folder).join("report.png"), picture).expect("it can be written");
    }
}
