use std::{fs, path::Path, sync::Arc};

use kuva::{
    TickFormat,
    plot::{BarPlot, LinePlot, legend::LegendPosition},
    render::{layout::Layout, plots::Plot},
    render_to_svg,
};

use crate::{
    figures::Figures,
    load::{
        Measured,
        contender::Contender,
        latency::{Latencies, Point},
    },
    results,
};

/// Draws what was measured, each plot a file in `folder`.
pub(super) fn draw(folder: &Path) -> Result<(), String> {
    let save = |name, drawn| save(&folder.join(format!("{name}.svg")), drawn);
    if let Some(measured) = results::read::<Measured>("load")? {
        save("throughput", throughput(&measured))?;
    }
    if let Some(all) = results::read::<Vec<Latencies>>("latency")? {
        save("latency-median", latency(&all, "Median of a debit's latency", |point| &point.p50_us))?;
        save("latency-p99", latency(&all, "99th percentile of a debit's latency", |point| &point.p99_us))?;
    }
    Ok(())
}

/// The colour of a contender: they differ also for those who see few colours.
const fn colour(contender: Contender) -> &'static str {
    match contender {
        Contender::Empty => "#999999",
        Contender::Jeton => "#0072b2",
        Contender::Usual => "#cc79a7",
        Contender::CarefulJson => "#e69f00",
        Contender::CarefulHash => "#d55e00",
    }
}

fn save(file: &Path, (plots, layout): (Vec<Plot>, Layout)) -> Result<(), String> {
    let layout = layout.with_width(880.0).with_height(420.0).with_legend_position(LegendPosition::OutsideRightTop);
    let folder = file.parent().unwrap_or(file);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(file, render_to_svg(plots, layout)));
    written.map_err(|error| format!("{}: {error}", file.display()))
}

/// Requests per second, in groups by workload.
fn throughput(measured: &Measured) -> (Vec<Plot>, Layout) {
    let contenders = measured.contenders();
    let names = contenders.iter().map(|contender| contender.name()).collect();
    let bars = measured.workloads().into_iter().fold(BarPlot::new(), |bars, workload| {
        let rate = |contender| measured.figures(workload, contender, |sample| sample.requests_per_second);
        let group = contenders
            .iter()
            .map(|&contender| (rate(contender).map_or(0.0, |rates| rates.median()), colour(contender)));
        bars.with_group(workload.title(), group)
    });
    let plots = vec![Plot::Bar(bars.with_legend(names))];
    let layout = Layout::auto_from_plots(&plots)
        .with_title("Throughput by workload")
        .with_y_label("requests/s")
        .with_y_tick_format(thousands())
        .with_x_tick_rotate(-30.0);
    (plots, layout)
}

/// Latency against load: a line for each contender.
fn latency(all: &[Latencies], title: &str, of: fn(&Point) -> &Figures) -> (Vec<Plot>, Layout) {
    let plots = all.iter().map(|Latencies { contender, points, .. }| {
        let points = points.iter().map(|point| (point.wanted.median(), of(point).median() / 1e3));
        let line = LinePlot::new().with_data(points).with_color(colour(*contender)).with_stroke_width(2.0);
        Plot::Line(line.with_legend(contender.name()))
    });
    let plots = plots.collect::<Vec<_>>();
    let layout = Layout::auto_from_plots(&plots)
        .with_title(title)
        .with_x_label("debits/s, by the clock: 10, 25, 50, 75 and 90 % of what each can do")
        .with_y_label("ms")
        .with_log_scale()
        .with_x_tick_format(thousands())
        .with_y_tick_format(TickFormat::Custom(Arc::new(|number| number.to_string())));
    (plots, layout)
}

fn thousands() -> TickFormat {
    TickFormat::Custom(Arc::new(|number| {
        if number < 1_000.0 { format!("{number:.0}") } else { format!("{:.0}k", number / 1e3) }
    }))
}
