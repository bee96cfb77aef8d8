//! One activity log: its events in the order of time, what is in sight of a query, and what has been shown.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::event::Event;
use crate::filter::Filter;
use crate::time::{self, Instant};

/// The place of an event in its log: its time in ticks, then the order in which it was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The event's time.
    pub ticks: i64,
    /// Tells events of one instant apart.
    pub sequence: u32,
}

/// In which order a query shows events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As Azure's own log does.
    NewestFirst,
    /// As Microsoft Graph can be asked to.
    OldestFirst,
}

/// What a query finds from one place on.
#[derive(Debug)]
pub struct Found {
    /// In the order of the query.
    pub places: Vec<Place>,
    /// Where the next page goes on: beyond the last event of this one.
    pub rest: Option<Place>,
}

#[derive(Debug)]
struct Entry {
    event: Event,
    shown: u32,
}

/// The log of one scope.
#[derive(Debug, Default)]
pub struct Log {
    entries: BTreeMap<Place, Entry>,
    next_sequence: u32,
}

impl Log {
    /// Adds an event; queries see it from `visible_at` on.
    pub fn add(&mut self, event: Event) {
        let place = Place {
            ticks: time::ticks(event.time),
            sequence: self.next_sequence,
        };
        self.next_sequence += 1;
        self.entries.insert(place, Entry { event, shown: 0 });
    }

    /// The newest `limit` events in sight that match the filter and, on a further page, lie before a place.
    ///
    /// The place is all that a query remembers between its pages. An event that comes into sight meanwhile is met if it
    /// lies ahead and missed if it lies behind, which is what a reader of late events has to cope with.
    pub fn find(&self, now: Instant, filter: &Filter, before: Option<Place>, limit: usize) -> Found {
        self.find_in(Order::NewestFirst, now, filter, before, limit)
    }

    /// The same in either order; on a further page, beyond a place.
    pub fn find_in(
        &self,
        order: Order,
        now: Instant,
        filter: &Filter,
        beyond: Option<Place>,
        limit: usize,
    ) -> Found {
        let low = Place {
            ticks: time::ticks(filter.start),
            sequence: 0,
        };
        let high = Place {
            ticks: filter.end.map_or(i64::MAX, time::ticks),
            sequence: u32::MAX,
        };
        let (low, high) = match (order, beyond) {
            (Order::NewestFirst, Some(place)) if place <= high => {
                (Bound::Included(low), Bound::Excluded(place))
            }
            (Order::OldestFirst, Some(place)) if place >= low => {
                (Bound::Excluded(place), Bound::Included(high))
            }
            _ => (Bound::Included(low), Bound::Included(high)),
        };
        // A range that ends where it starts, or before, would panic.
        let is_empty = match (low, high) {
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (Bound::Included(low) | Bound::Excluded(low), Bound::Excluded(high) | Bound::Included(high)) => {
                low >= high
            }
            _ => false,
        };
        if is_empty {
            return Found {
                places: Vec::new(),
                rest: None,
            };
        }
        let in_sight = |entry: &Entry| {
            entry.event.visible_at <= now && filter.term.as_ref().is_none_or(|term| entry.event.matches(term))
        };
        let range = self.entries.range((low, high));
        let places = |found: &mut dyn Iterator<Item = (&Place, &Entry)>| -> Vec<Place> {
            found
                .filter(|(_, entry)| in_sight(entry))
                .map(|(place, _)| *place)
                .take(limit + 1)
                .collect()
        };
        let mut places = match order {
            Order::NewestFirst => places(&mut range.rev()),
            Order::OldestFirst => places(&mut range.into_iter()),
        };
        let more = places.len() > limit;
        places.truncate(limit);
        Found {
            rest: places.last().copied().filter(|_| more),
            places,
        }
    }

    /// The event at a place.
    pub fn event(&self, place: Place) -> Option<&Event> {
        self.entries.get(&place).map(|entry| &entry.event)
    }

    /// Remembers that a page with this event went out whole.
    pub fn mark_shown(&mut self, place: Place) {
        if let Some(entry) = self.entries.get_mut(&place) {
            entry.shown += 1;
        }
    }

    /// Every event, oldest first, with the number of pages that have carried it.
    pub fn events(&self) -> impl Iterator<Item = (&Event, u32)> {
        self.entries.values().map(|entry| (&entry.event, entry.shown))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(second: i64) -> Instant {
        time::parse_strict("2026-05-04T10:00:00Z").unwrap() + TimeDelta::seconds(second)
    }

    fn log(events: &[(i64, i64)]) -> Log {
        let mut log = Log::default();
        for (number, (time, visible)) in events.iter().enumerate() {
            log.add(Event::new(
                &number.to_string(),
                at(*time),
                at(*visible),
                "{}".to_owned(),
            ));
        }
        log
    }

    fn ids(log: &Log, found: &Found) -> Vec<String> {
        found
            .places
            .iter()
            .map(|place| log.event(*place).unwrap().id().into_owned())
            .collect()
    }

    fn between(start: i64, end: i64) -> Filter {
        Filter {
            start: at(start),
            end: Some(at(end)),
            term: None,
        }
    }

    #[test]
    fn pages_go_from_newest_to_oldest_and_both_bounds_belong() {
        let log = log(&[(0, 0), (1, 1), (2, 2), (2, 2), (3, 3)]);
        let first = log.find(at(9), &between(1, 2), None, 2);
        assert_eq!(ids(&log, &first), ["3", "2"]);
        let second = log.find(at(9), &between(1, 2), first.rest, 2);
        assert_eq!(ids(&log, &second), ["1"]);
        assert_eq!(second.rest, None);
    }

    #[test]
    fn pages_go_from_oldest_to_newest_where_that_is_wanted() {
        let log = log(&[(0, 0), (1, 1), (2, 2), (2, 2), (3, 3), (3, 99)]);
        let find = |beyond| log.find_in(Order::OldestFirst, at(9), &between(1, 3), beyond, 2);
        let first = find(None);
        assert_eq!(ids(&log, &first), ["1", "2"]);
        let second = find(first.rest);
        assert_eq!(ids(&log, &second), ["3", "4"]);
        assert_eq!(second.rest, None);
        assert!(find(second.places.last().copied()).places.is_empty());
    }

    #[test]
    fn an_event_is_out_of_sight_until_its_moment() {
        let log = log(&[(0, 0), (1, 60)]);
        assert_eq!(ids(&log, &log.find(at(59), &between(0, 9), None, 10)), ["0"]);
        assert_eq!(ids(&log, &log.find(at(60), &between(0, 9), None, 10)), ["1", "0"]);
    }

    #[test]
    fn an_event_appearing_behind_a_running_query_is_not_on_its_pages() {
        let log = log(&[(0, 0), (1, 1), (2, 2), (3, 30)]);
        let first = log.find(at(10), &between(0, 9), None, 2);
        assert_eq!(ids(&log, &first), ["2", "1"]);
        assert_eq!(ids(&log, &log.find(at(31), &between(0, 9), first.rest, 2)), ["0"]);
    }

    #[test]
    fn a_place_at_or_before_the_start_finds_nothing() {
        let log = log(&[(0, 0), (5, 5)]);
        let place = Some(Place {
            ticks: time::ticks(at(3)),
            sequence: 0,
        });
        assert!(log.find(at(9), &between(3, 9), place, 2).places.is_empty());
    }
}
