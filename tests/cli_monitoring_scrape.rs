// SPDX-License-Identifier: GPL-2.0-only

//! From a device to an alert: what `remapctl export prometheus` writes of recorded devices, as the unit calls it, served by
//! Debian's node_exporter, scraped by its Prometheus, with the rules and the queries of the dashboard on top.

mod cli_lab;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cli_lab::{
    monitoring::{dashboard, queries, with_values, RULES},
    servers::Server,
    text, Recording,
};
use tempfile::TempDir;

const DAY: u64 = 86400;

/// Makes the times of a recording the present ones.
fn now(recording: &Recording) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("it is later than 1970").as_secs();
    recording.put("now", &now.to_string());
    recording.attribute("scan/last_pass", &(now - 3 * DAY).to_string());
    let other = "sys/block/dm-1/remap/scan/last_pass";
    recording.put(other, &(now - 3 * DAY).to_string());
}

/// Two devices that are well: `safe` and `well`.
fn two() -> Recording {
    let recording = Recording::of_one();
    recording.device("well", 1);
    recording.disk("8:32", "sdc");
    recording.disk("8:48", "sdd");
    recording.change("dm/well/table", "8:0 8:16", "8:32 8:48");
    now(&recording);
    recording
}

/// Of `safe`, all that can be wrong at a time.
fn in_trouble(recording: &Recording) {
    for (file, value) in [
        ("score", "120"),
        ("level", "danger"),
        ("trend", "declining"),
        ("failure_probability", "412"),
        ("confidence", "85"),
        ("severity", "9"),
        ("time_to_failure", "259200"),
        ("time_to_spare_exhaustion", "864000"),
    ] {
        recording.attribute(&format!("health/{file}"), value);
    }
    recording.status("0/238520 0 0", "238000/238520 16 8");
    recording.status("spare_free 238520", "spare_free 516");
    recording.status("spare_failed 0", "spare_failed 4");
    recording.status("rw - -", "ro needs_check storm");
    recording.status("degraded -", "degraded b");
    recording.status("pending_dropped 0", "pending_dropped 24");
    recording.put("sys/block/dm-0/dm/suspended", "1");
    recording.put(
        "proc/self/mountinfo",
        "29 1 8:0 / /mnt rw - ext4 /dev/sda rw",
    );
}

/// What is told of that.
const TOLD: [&str; 14] = [
    "DmRemapFailureNear",
    "DmRemapFailurePredicted",
    "DmRemapLostSectors",
    "DmRemapMapCannotChange",
    "DmRemapMetadataCopyLost",
    "DmRemapNeedsCheck",
    "DmRemapPendingDropped",
    "DmRemapPendingSectors",
    "DmRemapRawMainInUse",
    "DmRemapSpareDeviceFails",
    "DmRemapSpareLow",
    "DmRemapSpareRunsOut",
    "DmRemapStorm",
    "DmRemapSuspended",
];

/// Calls the tool as the unit does, but for a recording and to another folder; the exit code.
fn export(recording: &Recording, folder: &Path) -> Option<i32> {
    let unit = fs::read_to_string("system/systemd/remapctl-export.service").expect("the unit");
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let mut words = line.expect("it starts something").split(' ');
    assert_eq!(words.next(), Some("/usr/sbin/remapctl"));
    let collected = "/var/lib/prometheus/node-exporter";
    let folder = folder.to_str().expect("letters");
    let words: Vec<String> = words.map(|word| word.replace(collected, folder)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    recording.run(&words).status.code()
}

/// Prometheus' settings: both servers scraped each second; the rules, each alert after one second.
fn settings(folder: &Path, node: u16) -> PathBuf {
    let rules = fs::read_to_string(RULES).expect("the rules");
    let lines = rules.lines().map(|line| match line.trim_start() {
        short if short.starts_with("for: ") => "        for: 1s\n".to_owned(),
        _ => format!("{line}\n"),
    });
    fs::write(folder.join("rules.yml"), lines.collect::<String>()).expect("a file");
    let settings = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\n\
         scrape_configs:\n  \
           - job_name: node\n    \
             static_configs: [{{targets: ['127.0.0.1:{node}'], labels: {{instance: one}}}}]\n"
    );
    let file = folder.join("prometheus.yml");
    fs::write(&file, settings).expect("a file");
    file
}

/// What is told at the moment: `NAME DEVICE`.
fn firing(prometheus: &Server) -> BTreeSet<String> {
    let data = prometheus.api("alerts");
    let alerts = data["alerts"].as_array().expect("a list");
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    let name = |alert: &serde_json::Value| {
        let label = |key: &str| alert["labels"][key].as_str().unwrap_or("-").to_owned();
        format!("{} {}", label("alertname"), label("device"))
    };
    firing.map(name).collect()
}

fn until_fires(prometheus: &mut Server, names: &[&str]) {
    let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    prometheus.until(|it| {
        let firing = firing(it);
        let wrong: Vec<_> = names.symmetric_difference(&firing).collect();
        let all = wrong.is_empty().then_some(());
        all.ok_or(format!("not so of {names:?} and {firing:?}: {wrong:?}"))
    });
}

#[test]
fn from_a_device_to_an_alert_and_back() {
    let folder = TempDir::new().expect("a folder");
    let collected = folder.path().join("collected");
    fs::create_dir(&collected).expect("a folder");
    let file = collected.join("dm-remap.prom");
    let recording = two();
    in_trouble(&recording);
    assert_eq!(export(&recording, &collected), Some(0));

    let node = Server::start(
        "node_exporter",
        "prometheus-node-exporter",
        "/metrics",
        &|at| {
            vec![
                "--collector.disable-defaults".to_owned(),
                "--collector.textfile".to_owned(),
                format!("--collector.textfile.directory={}", collected.display()),
                format!("--web.listen-address={at}"),
                "--log.level=error".to_owned(),
            ]
        },
    );
    let settings = settings(folder.path(), node.port);
    let mut prometheus = Server::start("prometheus", "prometheus", "/-/ready", &|at| {
        vec![
            format!("--config.file={}", settings.display()),
            format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ),
            format!("--web.listen-address={at}"),
            "--log.level=error".to_owned(),
        ]
    });

    // All that was written arrives, each sample as a series.
    prometheus.until(|it| {
        let scraped = !it.query("dm_remap_devices").is_empty();
        scraped.then_some(()).ok_or("nothing is scraped".to_owned())
    });
    let written = fs::read_to_string(&file).expect("the file");
    let mut families = 0;
    for name in written
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
    {
        let name = name.split(' ').next().expect("a name");
        let samples = |line: &&str| {
            line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "))
        };
        let samples = written.lines().filter(samples).count();
        assert_eq!(prometheus.query(name).len(), samples, "{name}");
        families += 1;
    }
    assert!(families > 40, "{families}");
    assert!(prometheus
        .query("node_textfile_scrape_error == 1")
        .is_empty());
    let asked = Command::new("promtool")
        .args([
            "query",
            "instant",
            &format!("http://127.0.0.1:{}", prometheus.port),
        ])
        .arg("dm_remap_health_ratio{device='safe'}")
        .output()
        .expect("promtool");
    let said = text(&asked.stdout);
    let series = "dm_remap_health_ratio{device=\"safe\", instance=\"one\", job=\"node\"} => 0.12 @";
    assert!(said.starts_with(series), "{said}");

    // What is wrong is told, and nothing else, of no other device.
    let told = TOLD.map(|name| format!("{name} safe"));
    until_fires(&mut prometheus, &told.each_ref().map(String::as_str));
    let alerts = prometheus.api("alerts");
    for alert in alerts["alerts"].as_array().expect("a list") {
        let said = alert["annotations"].to_string();
        assert!(
            !said.contains("error") || said.contains("errors come from"),
            "{said}"
        );
        assert!(!said.contains("no value"), "{said}");
    }
    for group in prometheus.api("rules")["groups"]
        .as_array()
        .expect("groups")
    {
        for rule in group["rules"].as_array().expect("rules") {
            assert_eq!(rule["health"], "ok", "{rule}");
        }
    }

    // Each query of the dashboard has an answer.
    for (title, query) in queries(&dashboard()) {
        let series = prometheus.query(&with_values(&query));
        assert!(!series.is_empty(), "{title}: nothing for {query}");
    }

    // When all is well again, nothing is told any more.
    let mended = two();
    assert_eq!(export(&mended, &collected), Some(0));
    until_fires(&mut prometheus, &[]);

    // A device that cannot be looked at; one that goes; a file that nobody writes any more; a file that goes.
    mended.attribute("health/score", "none");
    assert_eq!(export(&mended, &collected), Some(1));
    until_fires(&mut prometheus, &["DmRemapDeviceUnknown safe"]);
    mended.attribute("health/score", "1000");
    mended.remove("sys/block/dm-1/remap/uuid");
    assert_eq!(export(&mended, &collected), Some(0));
    until_fires(&mut prometheus, &["DmRemapDeviceGone well"]);
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let old = File::options().write(true).open(&file).expect("the file");
    old.set_modified(hour_ago).expect("a time");
    until_fires(
        &mut prometheus,
        &["DmRemapDeviceGone well", "DmRemapExportStale -"],
    );
    fs::remove_file(&file).expect("the file");
    until_fires(&mut prometheus, &["DmRemapExportMissing -"]);
}
