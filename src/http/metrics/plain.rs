//! Conversion from OpenMetrics to Prometheus' older text format, 0.0.4, which every tool reads.

/// Converts OpenMetrics text. The older format describes counters and info metrics under their full names, and has
/// neither units nor an end marker.
pub(crate) fn of(open_metrics: &str) -> String {
    let mut plain = String::with_capacity(open_metrics.len());
    // `HELP` comes before `TYPE`, which determines the suffix of the name.
    let mut help = None;
    for line in open_metrics.lines() {
        let words = line
            .strip_prefix("# ")
            .and_then(|line| line.split_once(' '));
        match words {
            Some(("HELP", about)) => help = about.split_once(' '),
            Some(("TYPE", about)) => {
                let (name, kind) = about.split_once(' ').unwrap_or((about, "untyped"));
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    kind => ("", kind),
                };
                if let Some((_, text)) = help.take() {
                    plain.push_str(&format!("# HELP {name}{suffix} {text}\n"));
                }
                plain.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
            }
            _ if line.starts_with('#') => {}
            _ => {
                plain.push_str(line);
                plain.push('\n');
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_converted_to_prometheus_0_0_4() {
        let open_metrics = "# HELP jobs Jobs that ended.\n# TYPE jobs counter\njobs_total{a=\"# b\"} 4\n\
             # HELP build Which it is.\n# TYPE build info\nbuild_info{version=\"1\"} 1\n\
             # HELP time_seconds How long.\n# TYPE time_seconds histogram\n# UNIT time_seconds seconds\n\
             time_seconds_bucket{le=\"+Inf\"} 1\n# EOF\n";
        let plain = "# HELP jobs_total Jobs that ended.\n# TYPE jobs_total counter\njobs_total{a=\"# b\"} 4\n\
             # HELP build_info Which it is.\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n\
             # HELP time_seconds How long.\n# TYPE time_seconds histogram\n\
             time_seconds_bucket{le=\"+Inf\"} 1\n";
        assert_eq!(of(open_metrics), plain);
    }
}
