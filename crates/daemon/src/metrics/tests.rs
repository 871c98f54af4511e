use super::*;

const EXPECT: &str = r#"# HELP depth Items waiting.
# TYPE depth gauge
depth{name="nodes"} -1.5
depth{name="pods"} 3
# HELP duration_seconds How long.
# TYPE duration_seconds histogram
duration_seconds_bucket{verb="GET",le="0.1"} 2
duration_seconds_bucket{verb="GET",le="1"} 3
duration_seconds_bucket{verb="GET",le="+Inf"} 4
duration_seconds_sum{verb="GET"} 5.65
duration_seconds_count{verb="GET"} 4
# HELP read_now Asked for.
# TYPE read_now gauge
read_now 9
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{path="a\\b\"c\nd"} 1
"#;

#[test]
fn the_text_is_prometheus() {
    let registry = Registry::new();
    let depths = registry.gauges("depth", "Items waiting.", ["name"]);
    depths.with(["pods"]).set(3.0);
    depths.with(["nodes"]).add(-1.5);
    depths.with(["gone"]).inc();
    depths.remove(["gone"]);
    let duration = registry.histogram("duration_seconds", "How long.", &[("verb", "GET")], &[0.1, 1.0]);
    for value in [0.05, 0.1, 0.5, 5.0] {
        duration.observe(value);
    }
    registry.counter("requests_total", "Requests.", &[("path", "a\\b\"c\nd")]).inc();
    registry.gauge_from("read_now", "Asked for.", &[], || 9.0);
    assert_eq!(registry.render(), EXPECT);
}

#[test]
fn the_same_name_and_labels_are_the_same_number() {
    let registry = Registry::new();
    let family = registry.counters("requests_total", "Requests.", ["verb", "code"]);
    family.with(["GET", "200"]).add(2);
    let again = registry.counter("requests_total", "Requests.", &[("verb", "GET"), ("code", "200")]);
    again.inc();
    assert_eq!(family.with(["GET", "200"]).get(), 3);
    assert_eq!(family.with(["GET", "404"]).get(), 0);
}

#[test]
#[should_panic(expected = "metric depth is registered with two kinds")]
fn one_name_has_one_kind() {
    let registry = Registry::new();
    registry.counter("depth", "Items.", &[]);
    registry.gauge("depth", "Items.", &[]);
}

#[test]
fn counting_from_many_threads_loses_nothing() {
    let registry = Registry::new();
    let counter = registry.counter("total", "All.", &[]);
    let gauge = registry.gauge("level", "Level.", &[]);
    let histogram = registry.histogram("sizes", "Sizes.", &[], &[1.0]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    counter.inc();
                    gauge.inc();
                    histogram.observe(1.0);
                }
            });
        }
    });
    assert_eq!(
        (counter.get(), gauge.get(), histogram.count(), histogram.sum()),
        (4000, 4000.0, 4000, 4000.0)
    );
}

#[test]
fn the_process_is_measured() {
    let registry = Registry::new();
    registry.process();
    let text = registry.render();
    for name in ["process_resident_memory_bytes ", "process_open_fds ", "process_cpu_seconds_total "] {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        assert_ne!(line, format!("{name}NaN"));
    }
}
