// SPDX-License-Identifier: GPL-2.0-only
//! Draws how the cost of an I/O grows with the entries of the map, from what `make bench` has measured:
//!
//! ```text
//! cargo run --example growth -- target/bench.tsv docs/growth.svg
//! ```

use std::collections::HashMap;
use std::env;
use std::fs;

use anyhow::{anyhow, ensure, Context, Result};
use plotters::prelude::*;

const LICENSE: &str = "<!-- SPDX-License-Identifier: GPL-2.0-only -->";

/// What an I/O may cost with a million entries elsewhere.
const BAR: f64 = 250.0;

fn main() -> Result<()> {
    let mut args = env::args().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else {
        return Err(anyhow!("usage: growth BENCH.TSV PICTURE.SVG"));
    };
    let text = fs::read_to_string(&from).with_context(|| from.clone())?;
    let mut values = HashMap::new();
    for line in text.lines() {
        let mut words = line.split('\t');
        if let (Some(name), Some(value)) = (words.next(), words.next()) {
            values.insert(name, value.parse::<f64>().with_context(|| line.to_owned())?);
        }
    }
    let above = |op: &str| -> Result<Vec<(f64, f64)>> {
        let base = values.get(format!("linear_{op}").as_str());
        let base = *base.context("linear was not measured")?;
        let mut points = Vec::new();
        for entries in [2u32, 10, 100, 1000, 10_000, 100_000, 1_000_000] {
            let name = format!("remap_{entries}_{op}");
            if let Some(value) = values.get(name.as_str()) {
                points.push((f64::from(entries), value - base));
            }
        }
        ensure!(!points.is_empty(), "nothing was measured with entries");
        Ok(points)
    };
    draw(&to, &above("read")?, &above("write")?).map_err(|why| anyhow!("{to}: {why}"))?;
    let picture = fs::read_to_string(&to)?;
    fs::write(&to, format!("{LICENSE}\n{picture}"))?;
    Ok(())
}

fn draw(
    to: &str,
    reads: &[(f64, f64)],
    writes: &[(f64, f64)],
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(to, (720, 400)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d((1f64..2e6).log_scale(), 0f64..300f64)?;
    chart
        .configure_mesh()
        .x_desc("entries in the map, none of them touched")
        .y_desc("instructions above linear")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    let bar = LineSeries::new([(1.0, BAR), (2e6, BAR)], &RED);
    chart
        .draw_series(bar)?
        .label("the bar at a million")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], RED));
    for (points, name, color) in [(reads, "read", BLUE), (writes, "write", GREEN)] {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), &color))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color));
        let dots = points.iter().map(|&at| Circle::new(at, 3, color.filled()));
        chart.draw_series(dots)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}
