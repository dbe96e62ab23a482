// SPDX-License-Identifier: GPL-2.0-only

//! The results as pictures.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;

use super::{
    judge::{Method, Score},
    report::Results,
    trial::TOGETHER,
};

const COLORS: [RGBColor; 6] = [
    RGBColor(0, 92, 175),
    RGBColor(214, 93, 14),
    RGBColor(60, 140, 60),
    RGBColor(150, 60, 150),
    RGBColor(120, 120, 120),
    RGBColor(190, 150, 0),
];

/// A line or a cloud of points with a name.
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

struct Chart<'a> {
    file: &'a str,
    title: &'a str,
    x: (&'a str, std::ops::Range<f64>),
    y: (&'a str, std::ops::Range<f64>),
    lines: bool,
    legend: SeriesLabelPosition,
    series: Vec<Series>,
}

/// Writes `detection.svg`, `lead.svg` and `precision-recall.svg` into `folder`.
pub fn draw(folder: &Path, results: &Results) -> anyhow::Result<()> {
    let tail = results
        .detection
        .iter()
        .filter(|d| d.bursts.starts_with("long"));
    // What was not run has no picture.
    if !results.detection.is_empty() {
        chart(
            folder,
            Chart {
                file: "detection.svg",
                title: "Errors that were met, long tail",
                x: ("days since they came", 0.0..14.0),
                y: ("part of all errors", 0.0..1.0),
                legend: SeriesLabelPosition::LowerRight,
                lines: true,
                series: tail.map(|d| Series::parts(&d.way, &d.days, 14.0)).collect(),
            },
        )?;
    }
    fn of<'a>(results: &'a Results, method: &'a str) -> impl Iterator<Item = &'a Score> {
        let all = results.prediction.iter();
        let fails = |s: &&Score| s.failing > 0 && s.population != TOGETHER;
        all.filter(move |s| s.method == method).filter(fails)
    }
    let methods = Method::ALL.map(Method::name);
    if of(results, &methods[0]).next().is_none() {
        return Ok(());
    }
    let leads = methods.iter().map(|method| {
        let failing: u32 = of(results, method).map(|s| s.failing).sum();
        let leads = || of(results, method).flat_map(|s| s.leads.iter());
        let at_least = |day: f64| leads().filter(|lead| **lead >= day).count() as f64;
        let days = (0..=240).map(|i| f64::from(i) / 2.0);
        Series {
            name: method.clone(),
            points: days
                .map(|day| (day, at_least(day) / f64::from(failing)))
                .collect(),
        }
    });
    chart(
        folder,
        Chart {
            file: "lead.svg",
            title: "Lead of the alarm, all kinds that fail",
            x: ("days before the failure, at least", 0.0..120.0),
            y: ("part of the disks that degraded", 0.0..1.0),
            legend: SeriesLabelPosition::UpperRight,
            lines: true,
            series: leads.collect(),
        },
    )?;
    let points = methods.iter().map(|method| Series {
        name: method.clone(),
        points: of(results, method)
            .filter_map(|s| s.recall.zip(s.precision))
            .collect(),
    });
    chart(
        folder,
        Chart {
            file: "precision-recall.svg",
            title: "A point for each kind of disk that fails",
            x: ("found at least seven days before", 0.0..1.02),
            y: ("alarms that were right", 0.0..1.02),
            legend: SeriesLabelPosition::LowerLeft,
            lines: false,
            series: points.collect(),
        },
    )
}

impl Series {
    /// The part of `values` that is at most x.
    fn parts(name: &str, values: &[f64], most: f64) -> Series {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |x: f64| sorted.partition_point(|v| *v <= x) as f64 / sorted.len() as f64;
        let points = (0..=200).map(|i| f64::from(i) / 200.0 * most);
        Series {
            name: name.into(),
            points: points.map(|x| (x, at(x))).collect(),
        }
    }
}

fn chart(folder: &Path, chart: Chart) -> anyhow::Result<()> {
    let path = folder.join(chart.file);
    paint(&path, chart).map_err(|e| anyhow!("cannot draw {}: {e}", path.display()))
}

fn paint(path: &Path, chart: Chart) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, (800, 500)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut area = ChartBuilder::on(&root)
        .caption(chart.title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(54)
        .build_cartesian_2d(chart.x.1, chart.y.1)?;
    area.configure_mesh()
        .x_desc(chart.x.0)
        .y_desc(chart.y.0)
        .light_line_style(WHITE)
        .draw()?;
    for (series, color) in chart.series.into_iter().zip(COLORS) {
        let style = color.stroke_width(2);
        let drawn = if chart.lines {
            area.draw_series(LineSeries::new(series.points, style))?
        } else {
            let dots = series
                .points
                .into_iter()
                .map(|p| Circle::new(p, 6, color.filled()));
            area.draw_series(dots)?
        };
        drawn
            .label(series.name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 3), (x + 16, y + 3)], color.filled()));
    }
    area.configure_series_labels()
        .position(chart.legend)
        .background_style(WHITE.mix(0.8))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    root.present()?;
    Ok(())
}
