// SPDX-License-Identifier: GPL-2.0-only

//! What the tests of rules and dashboard share: what the dashboard asks.

use std::fs;

use serde_json::Value;

pub const RULES: &str = "system/prometheus/dm-remap.rules.yml";

pub fn dashboard() -> Value {
    let text = fs::read_to_string("system/grafana/dm-remap.json").expect("the dashboard");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Its panels, those inside of rows as well.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let mut all = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        all.push(panel);
        all.extend(panel["panels"].as_array().into_iter().flatten());
    }
    all
}

/// Each query, with the title of the panel that asks it.
pub fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for panel in panels(dashboard) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().expect("a title");
            let query = target["expr"].as_str().expect("a query");
            all.push((title.to_owned(), query.to_owned()));
        }
    }
    all
}

/// A query as Grafana asks it, with all jobs and machines, of the device `safe` on the machine `one`.
pub fn with_values(query: &str) -> String {
    query
        .replace("$job", ".*")
        .replace("$instance", ".*")
        .replace("$machine", "one")
        .replace("$device", "safe")
}
