//! Finds any of several texts in another one.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::memmem;

/// Up to so many are looked for one after the other. An automaton takes ten times the memory of what it looks for, and a token
/// of 2 KB is there for each of thousands of tenants.
const FEW: usize = 8;

/// How a list of texts is looked for.
pub(super) enum Search {
    /// One after the other.
    Each,
    /// All at once.
    Together(Box<AhoCorasick>),
    /// It could not be built, which the sizes rule out; then everything is found.
    Broken,
}

impl Search {
    /// The way for these patterns, which are not empty texts.
    pub(super) fn new(patterns: &[String]) -> Self {
        if patterns.len() <= FEW {
            return Self::Each;
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::LeftmostLongest)
            .build(patterns);
        automaton.map_or(Self::Broken, |automaton| Self::Together(Box::new(automaton)))
    }

    /// Calls `found` for every place of the text where one of the patterns is, by its number, but for places within a longer
    /// one's.
    pub(super) fn find(&self, patterns: &[String], text: &[u8], found: &mut dyn FnMut(usize, Range<usize>)) {
        match self {
            Self::Each => find_each(patterns, text, found),
            Self::Together(automaton) => {
                for place in automaton.find_iter(text) {
                    found(place.pattern().as_usize(), place.range());
                }
            }
            Self::Broken => found(0, 0..text.len()),
        }
    }

    /// The memory that it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Together(automaton) => automaton.memory_usage(),
            Self::Each | Self::Broken => 0,
        }
    }
}

fn find_each(patterns: &[String], text: &[u8], found: &mut dyn FnMut(usize, Range<usize>)) {
    let mut places: Vec<(usize, Range<usize>)> = Vec::new();
    for (number, pattern) in patterns.iter().enumerate() {
        let starts = memmem::find_iter(text, pattern);
        places.extend(starts.map(|start| (number, start..start + pattern.len())));
    }
    let is_within = |inner: &Range<usize>, outer: &Range<usize>| {
        inner.len() < outer.len() && outer.start <= inner.start && inner.end <= outer.end
    };
    // Longer ones first where they begin together, so that the one that may be around a place is the last that reached so far.
    places.sort_unstable_by_key(|(_, place)| (place.start, usize::MAX - place.end));
    let mut around = 0..0;
    for (number, place) in places {
        if is_within(&place, &around) {
            continue;
        }
        if place.end > around.end {
            around = place.clone();
        }
        found(number, place);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(search: &Search, patterns: &[String], text: &str) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        search.find(patterns, text.as_bytes(), &mut |_, place| places.push(place));
        places
    }

    #[test]
    fn a_shorter_one_within_a_longer_one_is_hidden_by_it() {
        let patterns = ["bc", "abcd", "cde", "d"].map(str::to_owned);
        assert_eq!(
            places(&Search::Each, &patterns, "xabcdebc d"),
            [1..5, 3..6, 6..8, 9..10]
        );
    }

    proptest! {
        #[test]
        fn where_all_at_once_find_something_so_does_one_after_the_other(
            patterns in prop::collection::btree_set("[ab]{1,4}", 1..20),
            text in "[abc]{0,40}",
        ) {
            let patterns: Vec<String> = patterns.into_iter().collect();
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(&patterns)
                .unwrap();
            let each = places(&Search::Each, &patterns, &text);
            // Places of one pattern that overlap count once either way, and not always as the same place.
            let is_there =
                |place: &Range<usize>| each.iter().any(|own| own.start < place.end && place.start < own.end);
            let together = places(&Search::Together(Box::new(automaton)), &patterns, &text);
            prop_assert!(together.iter().all(is_there), "{each:?} {together:?}");
        }
    }
}
