//! Plays a script: decides, request by request, whether something goes wrong.

use crate::random::Random;
use crate::route::Endpoint;
use crate::script::{Action, Script, When};

/// The traits of a request that a fault can look at.
#[derive(Clone, Copy, Debug)]
pub struct Traits<'a> {
    /// Where it goes.
    pub endpoint: Endpoint,
    /// The subscription in its path, or empty.
    pub subscription: &'a str,
    /// Its page number.
    pub page: u32,
}

/// A script that is being played.
#[derive(Debug)]
pub struct Player {
    script: Script,
    /// For each fault, the matching requests met and the times it acted.
    counts: Vec<(u64, u64)>,
}

impl Player {
    /// Starts from the beginning.
    pub fn new(script: Script) -> Player {
        Player {
            counts: vec![(0, 0); script.faults.len()],
            script,
        }
    }

    /// What happens to this request.
    pub fn next(&mut self, request: Traits<'_>) -> Option<Action> {
        for (index, (fault, (met, acted))) in self.script.faults.iter().zip(&mut self.counts).enumerate() {
            if !fault.on.matches(request) || fault.on.times.is_some_and(|times| *acted >= times) {
                continue;
            }
            *met += 1;
            let draw = Random::for_item(self.script.seed ^ index as u64, *met).fraction();
            if *met >= fault.on.from && draw < fault.on.chance {
                *acted += 1;
                return Some(fault.action.clone());
            }
        }
        None
    }

    /// How often each fault has acted.
    pub fn acted(&self) -> Vec<u64> {
        self.counts.iter().map(|(_, acted)| *acted).collect()
    }
}

impl When {
    fn matches(&self, request: Traits<'_>) -> bool {
        self.endpoint.is_none_or(|endpoint| endpoint == request.endpoint)
            && self.page.is_none_or(|page| page == request.page)
            && self
                .subscription
                .as_deref()
                .is_none_or(|id| id.eq_ignore_ascii_case(request.subscription))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_page(page: u32) -> Traits<'static> {
        Traits {
            endpoint: Endpoint::Log,
            subscription: "a",
            page,
        }
    }

    fn play(json: &str, requests: &[Traits<'_>]) -> Vec<bool> {
        let mut player = Player::new(Script::parse(json).unwrap());
        requests
            .iter()
            .map(|request| player.next(*request).is_some())
            .collect()
    }

    #[test]
    fn a_fault_acts_on_the_requests_it_names_and_on_no_other() {
        let cases: [(&str, [bool; 4]); 6] = [
            (r#"{}"#, [true, false, false, false]),
            (r#"{"from": 2, "times": 2}"#, [false, true, true, false]),
            (r#"{"times": null}"#, [true, true, true, true]),
            (r#"{"page": 3}"#, [false, false, true, false]),
            (r#"{"endpoint": "token"}"#, [false, false, false, false]),
            (r#"{"subscription": "B"}"#, [false, false, false, false]),
        ];
        for (on, expected) in cases {
            let script = format!(r#"{{"faults": [{{"on": {on}, "do": "hang"}}]}}"#);
            assert_eq!(play(&script, &[1, 2, 3, 4].map(log_page)), expected, "{on}");
        }
    }

    #[test]
    fn chance_is_repeatable_and_about_right() {
        let script = r#"{"seed": 4, "faults": [{"on": {"chance": 0.25, "times": null}, "do": "hang"}]}"#;
        let requests = vec![log_page(1); 1000];
        let first = play(script, &requests);
        assert_eq!(first, play(script, &requests));
        let acted = first.iter().filter(|acted| **acted).count();
        assert!((200..300).contains(&acted), "{acted}");
    }

    #[test]
    fn the_first_due_fault_acts_alone() {
        let script = r#"{"faults": [{"do": "hang"}, {"on": {"from": 1}, "do": "repeat_link"}]}"#;
        let mut player = Player::new(Script::parse(script).unwrap());
        assert_eq!(player.next(log_page(1)), Some(Action::Hang));
        assert_eq!(player.next(log_page(1)), Some(Action::RepeatLink));
        assert_eq!(player.next(log_page(1)), None);
        assert_eq!(player.acted(), [1, 1]);
    }
}
