//! The SVG plot of `cargo glimpse eval --sweep`: accuracy against shots, one curve per way, and against ways, one
//! curve per shot.

use std::{fmt::Write, path::Path};

use super::{eval::Report, files};
use crate::Error;

const PANEL: (f64, f64) = (360.0, 280.0);
const MARGIN: f64 = 48.0;
/// Room for the names of curves, right of a panel's margin.
const NAMES: f64 = 16.0;
/// Names of curves are as far from each other at least.
const LINE: f64 = 13.0;
/// The method that is plotted where several were measured.
const PLOTTED: &str = "finetune";

/// Which number runs along the horizontal axis; the other one tells the curves apart.
#[derive(Clone, Copy, PartialEq)]
enum Axis {
    Shot,
    Way,
}

impl Axis {
    fn of(self, report: &Report) -> usize {
        match self {
            Axis::Shot => report.shot,
            Axis::Way => report.way,
        }
    }

    fn other(self) -> Self {
        match self {
            Axis::Shot => Axis::Way,
            Axis::Way => Axis::Shot,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Axis::Shot => "shots per class",
            Axis::Way => "classes",
        }
    }
}

/// Writes the plot of the default method, or of the last one that was measured.
///
/// # Errors
/// [`Error::Io`].
pub fn write(file: &Path, reports: &[Report]) -> Result<(), Error> {
    let default = reports.iter().any(|report| report.method == PLOTTED);
    let method = match (default, reports.last()) {
        (false, Some(last)) => last.method,
        _ => PLOTTED,
    };
    let shown: Vec<&Report> = reports.iter().filter(|report| report.method == method).collect();
    files::write(file, svg(method, &shown))
}

fn svg(method: &str, reports: &[&Report]) -> String {
    let (width, height) = (2.0 * PANEL.0 + 4.0 * MARGIN + NAMES, PANEL.1 + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' font-family='system-ui, sans-serif' font-size='12'>\n\
         <title>Accuracy of {method} against ways and shots</title>\n\
         <rect width='{width}' height='{height}' fill='#fff'/>\n"
    );
    panel(&mut svg, reports, Axis::Shot, MARGIN);
    panel(&mut svg, reports, Axis::Way, PANEL.0 + 3.0 * MARGIN);
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, reports: &[&Report], axis: Axis, left: f64) {
    let lowest = reports.iter().map(|report| report.accuracy).fold(1.0, f64::min);
    let lowest = (lowest * 10.0).floor() / 10.0;
    let most = reports.iter().map(|report| axis.of(report)).max().unwrap_or(1).max(2) as f64;
    let x = |value: usize| left + PANEL.0 * (value as f64).ln() / most.ln();
    let y = |accuracy: f64| MARGIN + PANEL.1 * (1.0 - accuracy) / (1.0 - lowest).max(0.1);
    let _ = writeln!(svg, "<g stroke='#ccc' fill='#555'>");
    for tenth in (lowest * 10.0).round() as u32..=10 {
        let accuracy = f64::from(tenth) / 10.0;
        let (right, level) = (left + PANEL.0, y(accuracy));
        let _ = writeln!(svg, "<path d='M{left:.0} {level:.1}H{right:.0}'/>");
        let percent = tenth * 10;
        let _ = writeln!(
            svg,
            "<text stroke='none' text-anchor='end' x='{:.0}' y='{:.1}'>{percent} %</text>",
            left - 6.0,
            level + 4.0
        );
    }
    for value in values(reports, axis) {
        let bottom = MARGIN + PANEL.1 + 18.0;
        let _ = writeln!(
            svg,
            "<text stroke='none' text-anchor='middle' x='{:.1}' y='{bottom:.0}'>{value}</text>",
            x(value)
        );
    }
    let (middle, bottom) = (left + PANEL.0 / 2.0, MARGIN + PANEL.1 + 38.0);
    let _ = writeln!(
        svg,
        "<text stroke='none' text-anchor='middle' x='{middle:.0}' y='{bottom:.0}'>{}</text>\n</g>",
        axis.name()
    );
    let curves = values(reports, axis.other());
    let mut last_name: Option<f64> = None;
    for (index, curve) in curves.iter().enumerate() {
        let mut points: Vec<(usize, f64)> = reports
            .iter()
            .filter(|report| axis.other().of(report) == *curve)
            .map(|report| (axis.of(report), report.accuracy))
            .collect();
        points.sort_by_key(|(value, _)| *value);
        let path: Vec<String> = points
            .iter()
            .map(|(value, accuracy)| format!("{:.1} {:.1}", x(*value), y(*accuracy)))
            .collect();
        let hue = 220 + 130 * index / curves.len().max(1);
        let _ = writeln!(
            svg,
            "<path fill='none' stroke='hsl({hue} 70% 45%)' stroke-width='2' d='M{}'/>",
            path.join("L")
        );
        if let Some((value, accuracy)) = points.last() {
            let label = match axis {
                Axis::Shot => format!("{curve}-way"),
                Axis::Way => format!("{curve}-shot"),
            };
            let level = y(*accuracy) + 4.0;
            // More ways lie lower, more shots higher.
            let level = match (axis, last_name) {
                (_, None) => level,
                (Axis::Shot, Some(last)) => level.max(last + LINE),
                (Axis::Way, Some(last)) => level.min(last - LINE),
            };
            last_name = Some(level);
            let _ = writeln!(
                svg,
                "<text fill='hsl({hue} 70% 35%)' x='{:.1}' y='{level:.1}'>{label}</text>",
                x(*value) + 5.0
            );
        }
    }
}

/// The different values on an axis, ascending.
fn values(reports: &[&Report], axis: Axis) -> Vec<usize> {
    let mut values: Vec<usize> = reports.iter().map(|report| axis.of(report)).collect();
    values.sort_unstable();
    values.dedup();
    values
}
