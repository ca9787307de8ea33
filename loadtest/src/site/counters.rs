//! Counters of routers and archivers, read where they are.

use anyhow::Context as _;
use futures::future::try_join_all;

/// The addresses of the processes that count.
#[derive(Debug)]
pub struct Scrape {
    client: reqwest::Client,
    urls: Vec<String>,
}

/// Outcomes at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Those that routers decided.
    pub decided: i64,
    /// Those that archivers wrote.
    pub archived: i64,
}

impl Scrape {
    /// Of the processes at these URLs, such as `http://127.0.0.1:6006`.
    pub fn new(urls: &[String]) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build().context("no HTTP client")?;
        Ok(Self { client, urls: urls.iter().map(|url| format!("{}/metrics", url.trim_end_matches('/'))).collect() })
    }

    /// The counters of all processes together; an error when one does not answer.
    pub async fn counters(&self) -> anyhow::Result<Counters> {
        let texts = try_join_all(self.urls.iter().map(|url| self.text(url))).await?;
        Ok(Counters::of(&texts))
    }

    async fn text(&self, url: &str) -> anyhow::Result<String> {
        let answer = async { self.client.get(url).send().await?.error_for_status()?.text().await };
        answer.await.with_context(|| format!("{url} does not answer"))
    }
}

impl Counters {
    fn of(texts: &[String]) -> Self {
        let of_all = |name| texts.iter().map(|text| sum(text, name)).sum();
        Self { decided: of_all("kefu_router_outcomes_total"), archived: of_all("kefu_archiver_outcomes_total") }
    }
}

/// The sum of a metric over all its labels.
fn sum(text: &str, name: &str) -> i64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
        rest.rsplit_once(' ')?.1.parse::<f64>().ok()
    });
    values.sum::<f64>() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_only() {
        let text = "# HELP kefu_x_total x\nkefu_x_total{verdict=\"changed\"} 7\nkefu_x_total{verdict=\"unchanged\"} 2\n\
                    kefu_x_total_more 100\nkefu_y 4\n";
        assert_eq!(sum(text, "kefu_x_total"), 9);
        assert_eq!(sum(text, "kefu_y"), 4);
        assert_eq!(sum(text, "kefu_z"), 0);
    }

    #[test]
    fn routers_and_archivers_of_all_processes_are_added() {
        let texts = [
            "kefu_router_outcomes_total{verdict=\"accepted\"} 70\n",
            "kefu_router_outcomes_total{verdict=\"accepted\"} 30\nkefu_router_outcomes_total{verdict=\"rejected\"} 1\n",
            "kefu_archiver_outcomes_total 40\n",
            "kefu_archiver_outcomes_total 50\n",
        ];
        assert_eq!(Counters::of(&texts.map(str::to_owned)), Counters { decided: 101, archived: 90 });
        assert_eq!(Counters::of(&[]), Counters { decided: 0, archived: 0 });
    }
}
