use super::dashboards::{self, Dashboard};
use super::exposition::Families;
use super::known::{Asked, Known};
use super::promql::Query;
use super::rules::{AlertTests, Rules};

const TOLD: &str = "\
# HELP kefu_edge_refused_total What was refused.
# TYPE kefu_edge_refused_total counter
kefu_edge_refused_total{code=\"1401\"} 2
# TYPE kefu_store_seconds histogram
kefu_store_seconds_bucket{call=\"user, by name\",result=\"ok\",le=\"0.1\"} 8
kefu_store_seconds_sum{call=\"user, by name\",result=\"ok\"} 0.3
kefu_store_seconds_count{call=\"user, by name\",result=\"ok\"} 8
# TYPE kefu_broker_connected gauge
kefu_broker_connected 1
";

fn asks(text: &str) -> Vec<(String, Vec<String>)> {
    Query::parse(text).selectors.into_iter().map(|selector| (selector.metric, selector.labels)).collect()
}

fn metrics(text: &str) -> Vec<String> {
    asks(text).into_iter().map(|(metric, _)| metric).collect()
}

fn missing(text: &str) -> Vec<String> {
    let mut known = Known::new(Families::parse(TOLD));
    known.add_recorded(&[("kefu:refused:rate5m", Query::parse("sum by (code) (kefu_edge_refused_total)"))]);
    known.missing(&Asked { by: "it".to_owned(), query: Query::parse(text) })
}

#[test]
fn metrics_are_told_from_functions_words_and_labels() {
    assert_eq!(metrics("sum by (job) (up{job=~\"kefu(-.+)?\"}) == 0"), ["up"]);
    assert_eq!(metrics("sum(up) by (job) and on (job) rate(a_total[5m]) > bool b:c"), ["up", "a_total", "b:c"]);
    assert_eq!(metrics("histogram_quantile(0.99, sum without (x) (rate(a_bucket[$__rate_interval])))"), ["a_bucket"]);
    assert_eq!(metrics("a offset 1h unless ignoring (x) b / on (y) group_left (z) c"), ["a", "b", "c"]);
    assert_eq!(metrics("max_over_time(a[1h:5m] offset 1d) + 1e3 - .5 * Inf"), ["a"]);
    assert_eq!(metrics("label_replace(a, \"b\", \"$1\", 'c\\'', `d\\`) # e\n or vector(0)"), ["a"]);
    assert_eq!(metrics("{__name__=\"a\"}"), [""], "who does not name a metric is told that there is none");
}

#[test]
fn compared_and_grouped_labels_are_found() {
    let text = "sum by (a, le) (m{b=\"x, y=\\\"}\", c!~\"$d\"}) unless on (e) n{}";
    let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
    assert_eq!(asks(text), [("m".to_owned(), labels(&["b", "c"])), ("n".to_owned(), vec![])]);
    assert_eq!(Query::parse(text).grouped.into_iter().collect::<Vec<_>>(), ["a", "e", "le"]);
}

#[test]
fn what_is_told_or_recorded_is_not_missing() {
    for text in [
        "sum by (code, instance) (rate(kefu_edge_refused_total{job=\"kefu\", code=\"1401\"}[5m]))",
        "kefu:refused:rate5m{code=\"1401\"}",
        "sum by (call, le) (kefu_store_seconds_bucket{result=\"ok\"}) / kefu_store_seconds_count - kefu_store_seconds_sum",
        "kefu_broker_connected == 0",
    ] {
        assert_eq!(missing(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_is_not_there_is_missing() {
    assert_eq!(missing("kefu_edge_refused"), ["it: there is no metric \"kefu_edge_refused\""]);
    assert_eq!(missing("kefu_store_seconds"), ["it: there is no metric \"kefu_store_seconds\""]);
    assert_eq!(missing("kefu_broker_connected_sum"), ["it: there is no metric \"kefu_broker_connected_sum\""]);
    assert_eq!(missing("kefu_broker_connected{node=\"a\"}"), ["it: kefu_broker_connected has no label node"]);
    assert_eq!(missing("kefu_store_seconds_count{le=\"1\"}"), ["it: kefu_store_seconds_count has no label le"]);
    let grouped = "it: no metric of the query has a label reason";
    assert_eq!(missing("sum by (reason) (kefu_edge_refused_total)"), [grouped]);
}

fn faults(annotations: &str, expected: &str, quiet: &str) -> Vec<String> {
    let rules = format!(
        "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: m > 0\n    for: 1m\n    labels: {{severity: warning}}\n\
         \x20   annotations: {{summary: 'at {{{{ $labels.log }}}}', description: d, runbook: {annotations}}}\n"
    );
    let expr = "ALERTS{alertname=\"A\", alertstate=\"firing\"}";
    let test = |series: &str, samples: &str| {
        format!(
            "- input_series: [{{series: '{series}', values: '1'}}]\n  \
             promql_expr_test: [{{expr: '{expr}', eval_time: 1m, exp_samples: [{samples}]}}]\n"
        )
    };
    let tests = format!("tests:\n{}{}", test("m{log=\"x\"}", expected), test(quiet, ""));
    let rules: Rules = serde_saphyr::from_str(&rules).unwrap();
    let tests: AlertTests = serde_saphyr::from_str(&tests).unwrap();
    rules.faults(&tests, "# Operating\n\n## Health and metrics\n\n### Disk, full\n")
}

#[test]
fn an_alert_has_a_section_and_two_tests() {
    let (sample, runbook) = ("{labels: 'ALERTS{log=\"x\"}', value: 1}", "docs/operations.md#health-and-metrics");
    assert_eq!(faults(runbook, sample, "m{log=\"y\"}"), Vec::<String>::new());
    assert_eq!(faults("'docs/operations.md#disk-full'", sample, "m"), Vec::<String>::new());
    let wrong = "A: its runbook \"docs/operations.md#disk\" is no section of docs/operations.md";
    assert_eq!(faults("'docs/operations.md#disk'", sample, "m"), [wrong]);
    assert_eq!(faults(runbook, "", "m"), ["A: no test lets it fire"]);
    assert_eq!(faults(runbook, sample, "n"), ["A: no test with the same metrics keeps it from firing"]);
    let unlabelled = "{labels: 'ALERTS{kind=\"log\"}', value: 1}";
    assert_eq!(faults(runbook, unlabelled, "m"), ["A: its text names the label log, which it does not have"]);
}

#[test]
fn panels_say_what_they_show_and_in_which_unit() {
    let board = |unit: &str, variable: &str| {
        let text = format!(
            r#"{{"uid": "kefu-a", "title": "A", "schemaVersion": 41,
                "templating": {{"list": [{{"name": "datasource", "type": "datasource"}},
                                         {{"name": "log", "type": "query", "definition": "{variable}"}}]}},
                "panels": [{{"type": "row", "title": "r"}},
                           {{"type": "timeseries", "title": "p", "description": "d",
                             "fieldConfig": {{"defaults": {{{unit}}}}},
                             "targets": [{{"expr": "m", "datasource": {{"uid": "${{datasource}}"}}}}]}}]}}"#
        );
        Dashboard::parse("kefu-a.json".as_ref(), &text).unwrap()
    };
    let good = board("\"unit\": \"s\"", "label_values(n{x='y'}, log)");
    let asked: Vec<_> = good.asked().into_iter().map(|asked| (asked.by, asked.query)).collect();
    assert_eq!(asked[0], ("kefu-a, \"p\"".to_owned(), Query::parse("m")));
    assert_eq!(asked[1], ("kefu-a, \"log\"".to_owned(), Query::parse("n{x=''} * on (log) 1")));
    assert_eq!(dashboards::faults(&[good]), Vec::<String>::new());
    let faults = dashboards::faults(&[board("", "kefu_logs")]);
    assert_eq!(
        faults,
        ["kefu-a: the variable log is not label_values(…, …)", "kefu-a: the panel \"p\" has no description or no unit"]
    );
}
