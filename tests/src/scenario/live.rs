//! Events that go on happening while the lab runs, some of them coming into sight late.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::directory::Scope;
use crate::event::Event;
use crate::scenario::bulk::Recipe;
use crate::time::Instant;

/// Time that passes at least from one event to the next: without it a stream would never be caught up with.
const SHORTEST_SPACING: TimeDelta = TimeDelta::microseconds(100);

/// One endless stream of events for each subscription.
#[derive(Debug)]
pub struct Live {
    streams: Vec<Stream>,
    /// From this instant on nothing happens any more.
    end: Option<Instant>,
}

#[derive(Debug)]
struct Stream {
    recipe: Arc<Recipe>,
    next: u32,
}

impl Live {
    /// Streams after these recipes, until `end` if there is one.
    pub fn new(recipes: Vec<Recipe>, end: Option<Instant>) -> Live {
        let streams = recipes
            .into_iter()
            .map(|recipe| Recipe {
                spacing: recipe.spacing.max(SHORTEST_SPACING),
                ..recipe
            })
            .map(|recipe| Stream {
                recipe: Arc::new(recipe),
                next: 0,
            })
            .collect();
        Live { streams, end }
    }

    /// The events that have happened by now and were not given before.
    pub fn until(&mut self, now: Instant) -> Vec<(Scope, Event)> {
        let now = self.end.map_or(now, |end| now.min(end));
        let mut due = Vec::new();
        for Stream { recipe, next } in &mut self.streams {
            while recipe.times(*next).0 <= now {
                let scope = Scope::Subscription(recipe.subscription.clone());
                due.push((scope, Event::from_recipe(recipe.clone(), *next)));
                *next += 1;
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    #[test]
    fn events_come_once_each_as_time_passes_and_stop_at_the_end() {
        let start = time::parse_strict("2026-05-04T10:00:00Z").unwrap();
        let at = |second| start + TimeDelta::seconds(second);
        let recipe = Recipe {
            subscription: "a".to_owned(),
            start,
            spacing: TimeDelta::milliseconds(500),
            latest: TimeDelta::zero(),
            seed: 1,
        };
        let mut live = Live::new(vec![recipe], Some(at(10)));
        assert_eq!(live.until(at(1)).len(), 3);
        assert_eq!(live.until(at(1)).len(), 0);
        assert_eq!(live.until(at(2)).len(), 2);
        assert_eq!(live.until(at(60)).len(), 16);
    }
}
