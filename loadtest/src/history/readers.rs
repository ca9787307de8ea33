//! Random pages of random conversations.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use memchr::memmem;
use rand::RngExt as _;

use super::Options;
use crate::chat::Hall;
use crate::client::{Rest, Scanner, string};
use crate::clock;
use crate::latency::Latency;
use crate::people::Visitor;
use crate::site::Site;

/// How deep `page` reaches, in items (docs/http-api.md).
const PAGED_ITEMS: u32 = 10_000;
/// Cursors remembered for each conversation.
const CURSORS: usize = 256;

/// How long pages took.
#[derive(Debug, Default)]
pub struct Pages {
    /// Page 1.
    pub newest: Latency,
    /// A random page by its number.
    pub deep: Latency,
    /// A page before a random cursor that an answer gave.
    pub cursor: Latency,
}

impl Pages {
    /// How many were read.
    pub fn count(&self) -> u64 {
        self.newest.count() + self.deep.count() + self.cursor.count()
    }
}

struct Reading<'a> {
    rest: &'a Rest,
    hall: &'a Hall,
    visitors: &'a [Visitor],
    page_size: u32,
    pages: u32,
    scanner: Scanner,
    cursors: RefCell<Vec<Vec<String>>>,
    read: RefCell<Pages>,
}

/// Reads for as long as was asked, with so many readers.
pub async fn read(site: &Site, hall: &Rc<Hall>, options: &Options, each: u32) -> Pages {
    let reading = Reading {
        rest: site.rest(),
        hall,
        visitors: hall.visitors(),
        page_size: options.page_size,
        pages: (each.min(PAGED_ITEMS) / options.page_size).max(1),
        scanner: Scanner::default(),
        cursors: RefCell::new(vec![Vec::new(); hall.visitors().len()]),
        read: RefCell::default(),
    };
    let end = Instant::now() + Duration::from_secs(options.seconds);
    println!("reading pages of {}", options.page_size);
    join_all((0..options.readers).map(|_| async {
        while Instant::now() < end && hall.faults().total() == 0 {
            if let Err(error) = reading.page().await {
                hall.faults().add("pages", || format!("{error:#}"));
            }
        }
    }))
    .await;
    reading.read.into_inner()
}

impl Reading<'_> {
    async fn page(&self) -> anyhow::Result<()> {
        let index = rand::rng().random_range(0..self.visitors.len());
        let known = self.cursor(index);
        let (which, kind): (String, fn(&mut Pages) -> &mut Latency) = match (rand::rng().random_range(0..3), known) {
            (0, _) => (String::new(), |pages| &mut pages.newest),
            (1, Some(cursor)) => (format!("&before={cursor}"), |pages| &mut pages.cursor),
            _ => (format!("&page={}", rand::rng().random_range(1..=self.pages)), |pages| &mut pages.deep),
        };
        let visitor = &self.visitors[index];
        let path =
            format!("/api/v1/chat/messages?conversation_id={}&limit={}{which}", visitor.conversation, self.page_size);
        let asked_ns = clock::now_ns();
        let answer = self.rest.bytes(index, &path, &visitor.token).await?;
        kind(&mut self.read.borrow_mut()).record_ns(clock::now_ns() - asked_ns);
        self.check(&path, &answer);
        if let Some(cursor) = string(&answer, r#""prev":""#) {
            self.remember(index, cursor);
        }
        Ok(())
    }

    /// Something is there, and no message is missing between the first and the last. The oldest page may hold nothing
    /// but the beginning of the session.
    fn check(&self, path: &str, answer: &[u8]) {
        let numbers: Vec<_> = self.scanner.markers(answer).filter_map(|(marker, _)| Some(marker?.n)).collect();
        let dense = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let empty = memmem::find(answer, br#""items":[{"#).is_none();
        if empty || !dense {
            self.hall.faults().add("pages with holes", || format!("{path}: {numbers:?}"));
        }
    }

    fn cursor(&self, index: usize) -> Option<String> {
        let cursors = self.cursors.borrow();
        let known = &cursors[index];
        (!known.is_empty()).then(|| known[rand::rng().random_range(0..known.len())].clone())
    }

    fn remember(&self, index: usize, cursor: &str) {
        let known = &mut self.cursors.borrow_mut()[index];
        if known.len() < CURSORS {
            known.push(cursor.to_owned());
        } else {
            known[rand::rng().random_range(0..CURSORS)] = cursor.to_owned();
        }
    }
}
