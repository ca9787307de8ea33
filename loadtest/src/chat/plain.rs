//! The same messages, published by a plain client to the same JetStream.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::{Hall, Options, WINDOW};
use crate::client::Marker;
use crate::clock;
use crate::jetstream::{Demand, JetStream, Published, message, publish};
use crate::latency::Latency;
use crate::report::{Report, grouped};
use crate::site::Site;

/// A longer run tells nothing new, and would fill a disk.
const LONGEST: Duration = Duration::from_secs(60);
/// Percentiles that are compared.
const COMPARED: [(&str, f64); 2] = [("p50", 50.0), ("p99", 99.0)];

/// Publishes while nobody chats: everybody stays connected and is quiet. `acked` is how many messages a second the chat
/// had acked.
pub async fn run(
    site: &Site,
    jetstream: &JetStream,
    options: &Options,
    hall: &Hall,
    acked: f64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let messages = messages(hall)?;
    let bytes = messages.first().map_or(0, Bytes::len);
    println!("a plain publisher with the same messages, {bytes} bytes each");
    let published = publish(jetstream, site, &messages, options.demand(hall.flows().len())).await?;
    let Published { per_second, in_flight, replicas, on_disk, .. } = published;
    let storage = if on_disk { "in files" } else { "in memory" };
    let json = json!({"per_second": per_second, "bytes": bytes, "in_flight": in_flight, "replicas": replicas,
        "on_disk": on_disk});
    let text = format!(
        "{}/s, {bytes} bytes each, at most {in_flight} unanswered, on {replicas} servers {storage}",
        grouped(per_second)
    );
    report.number("plain published", json, text);
    report.latency("plain ack", &published.ack);
    report.costs_while("plain: ", &published.costs);
    let (json, text) = compared(acked, &hall.latencies().ack.borrow(), per_second, &published.ack);
    report.number("chat to plain", json, text);
    Ok(())
}

impl Options {
    /// What the chat asked for, of as many flows.
    fn demand(&self, flows: usize) -> Demand {
        let each = if self.rate.is_some() { WINDOW } else { self.window };
        Demand {
            in_flight: flows * each as usize,
            rate: self.rate,
            warmup: Duration::from_secs(self.warmup),
            measured: self.measured().min(LONGEST),
        }
    }
}

/// The last message of each visitor as an edge published it.
fn messages(hall: &Hall) -> anyhow::Result<Vec<Bytes>> {
    let of = |(index, visitor)| {
        let n = hall.visitors_flow(index).sent();
        message(visitor, Marker { intended_ns: clock::now_ns(), flow: u32::try_from(index)?, n })
    };
    hall.visitors().iter().enumerate().map(of).collect()
}

/// Rate and latencies of the chat as multiples of the plain publisher's.
fn compared(acked: f64, ack: &Latency, published: f64, plain: &Latency) -> (serde_json::Value, String) {
    let mut json = serde_json::Map::new();
    let rate = ratio(acked, published);
    json.insert("rate".to_owned(), rate.into());
    let mut text = format!("{} of the rate", shown(rate));
    for (name, percentile) in COMPARED {
        let ratio = ratio(ack.ms(percentile), plain.ms(percentile));
        json.insert(format!("ack_{name}"), ratio.into());
        text.push_str(&format!(", {} times the ack's {name}", shown(ratio)));
    }
    (json.into(), text)
}

/// `None` where there is nothing to compare with.
fn ratio(number: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| number / of)
}

fn shown(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "?".to_owned(), |ratio| format!("{ratio:.2}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn demand(line: &str, flows: usize) -> Demand {
        Line::parse_from(line.split(' ')).options.demand(flows)
    }

    fn latency(ms: u64) -> Latency {
        let mut latency = Latency::default();
        latency.record_ns(ms * 1_000_000);
        latency
    }

    #[test]
    fn as_much_is_asked_of_the_plain_publisher() {
        let window = demand("x --window 4 --seconds 7 --warmup 2", 200);
        assert_eq!((window.in_flight, window.rate), (800, None));
        assert_eq!((window.warmup, window.measured), (Duration::from_secs(2), Duration::from_secs(7)));
        let rate = demand("x --rate 300", 10);
        assert_eq!((rate.in_flight, rate.rate), (320, Some(300)));
        assert_eq!(demand("x --minutes 30", 1).measured, LONGEST, "a soak");
    }

    #[test]
    fn the_chat_is_compared_with_the_plain_publisher() {
        let (json, text) = compared(250.0, &latency(30), 1_000.0, &latency(10));
        assert_eq!(text, "0.25 of the rate, 3.00 times the ack's p50, 3.00 times the ack's p99");
        assert_eq!(json["rate"], 0.25);
        let ack = json["ack_p99"].as_f64().expect("a number");
        assert!((ack - 3.0).abs() < 0.01, "{ack}");
    }

    #[test]
    fn nothing_is_no_measure() {
        let (json, text) = compared(250.0, &latency(30), 0.0, &Latency::default());
        assert_eq!(text, "? of the rate, ? times the ack's p50, ? times the ack's p99");
        assert!(json["rate"].is_null());
    }
}
