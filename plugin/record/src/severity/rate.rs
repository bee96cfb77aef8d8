use super::{Row, Set, Severity, table};
use crate::facts::{Category, Facts, Outcome, Role, RoleChange};
use crate::json::bytes;
use crate::record::{Part, Record};
use crate::rules::SeverityRow;

/// How serious a record is, and what made it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rating<'t> {
    /// The result.
    pub severity: Severity,
    /// What decided: the pattern of a row, or the name of another rule.
    pub rule: &'t str,
    /// Why, in a few words.
    pub reason: &'t str,
    /// ATT&CK technique ids.
    pub techniques: Techniques<'t>,
}

/// Technique ids, from the built-in table or from the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Techniques<'t> {
    /// From the built-in table.
    BuiltIn(&'t [&'static str]),
    /// From the operator's row.
    Operator(&'t [String]),
}

impl<'t> Techniques<'t> {
    /// The ids.
    pub fn iter(self) -> impl Iterator<Item = &'t str> {
        let (built_in, operator): (&[&str], &[String]) = match self {
            Techniques::BuiltIn(ids) => (ids, &[]),
            Techniques::Operator(ids) => (&[], ids),
        };
        built_in
            .iter()
            .copied()
            .chain(operator.iter().map(String::as_str))
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }
}

/// Rates records by the built-in table and the operator's rows.
#[derive(Debug)]
pub struct Rater {
    operator: Vec<(SeverityRow, String)>,
    /// [`FOUND`] places.
    found: Vec<Found>,
}

/// For how many operations there is a place: many more than pages show, so that hardly two of them share one.
const FOUND: usize = 256;

/// The rows for one operation, kept since most are repeated: requests make two or three records each, and few operations
/// make up most of a log.
#[derive(Debug, Default)]
struct Found {
    operation: Vec<u8>,
    rows: Vec<&'static Row>,
    operator: Option<usize>,
}

impl Rater {
    /// Prepares with the operator's rows.
    pub fn new(rows: Vec<SeverityRow>) -> Self {
        let named = rows.into_iter().map(|row| {
            let name = row.operation.to_string();
            (row, name)
        });
        Rater {
            operator: named.collect(),
            found: std::iter::repeat_with(Found::default).take(FOUND).collect(),
        }
    }

    /// Finds the rows for an operation, unless they are still there, and tells where they are. Each operation has one
    /// place, and gives way to another that has the same.
    fn find(&mut self, operation: &[u8]) -> usize {
        let place = bytes::hash_letters(operation) as usize % FOUND;
        let found = &mut self.found[place];
        if !bytes::same(&found.operation, operation) {
            let matches = |(row, _): &(SeverityRow, String)| row.operation.matches(operation);
            found.operator = self.operator.iter().position(matches);
            found.rows = table::matching(operation).collect();
            found.operation = operation.to_vec();
        }
        place
    }

    /// Rates a record. Each step may raise what the one before found; the operator's rows come last and may lower it.
    pub fn rate<'t>(&'t mut self, record: &Record<'_>, facts: &Facts<'_>) -> Rating<'t> {
        let mut rating = base(record, facts);
        let operation = facts.operation.lower.as_slice();
        if operation.is_empty() {
            return rating;
        }
        // What failed is an attempt, whatever it was. What a policy decided is no attempt of anybody.
        let most = match facts.outcome {
            Outcome::Failure => Severity::Medium,
            _ => Severity::Critical,
        };
        if facts.privileged_identity {
            rating.raise_for_privileged_identity(facts.role.as_ref(), most);
        }
        let place = self.find(operation);
        let found = &self.found[place];
        let mut documented: Option<&Row> = None;
        for row in found.rows.iter().copied() {
            match row.set {
                Set::Content => rating.raise_for_content(row, applies(row, record, facts), most),
                Set::Documented => {
                    if documented.is_none() && applies(row, record, facts) {
                        documented = Some(row);
                    }
                }
            }
        }
        if let Some(row) = documented {
            rating.raise(row.severity.min(most), row);
        }
        if let Some(role) = &facts.role
            && role.change == RoleChange::Granted
        {
            rating.raise_for_role(role, most);
        }
        if let Some((row, name)) = found.operator.map(|index| &self.operator[index]) {
            rating.severity = row.severity;
            rating.rule = name;
            rating.reason = "the operator rates it so";
            if !row.techniques.is_empty() {
                rating.techniques = Techniques::Operator(&row.techniques);
            }
        }
        rating
    }
}

impl<'t> Rating<'t> {
    fn plain(severity: Severity, rule: &'t str, reason: &'t str) -> Self {
        Rating {
            severity,
            rule,
            reason,
            techniques: Techniques::BuiltIn(&[]),
        }
    }

    /// Takes a row into account: it decides if it says more, or the same with a technique.
    fn raise(&mut self, severity: Severity, row: &'t Row) {
        if severity > self.severity || (severity == self.severity && self.techniques.is_empty()) {
            self.severity = severity;
            self.rule = row.operation.text();
            self.reason = row.reason;
        }
        if self.techniques.is_empty() || (self.rule == row.operation.text() && !row.techniques.is_empty()) {
            self.techniques = Techniques::BuiltIn(&row.techniques);
        }
    }

    /// Takes a row of the second set into account, and what it says where its condition is not met.
    fn raise_for_content(&mut self, row: &'t Row, applies: bool, most: Severity) {
        if applies {
            self.raise(row.severity.min(most), row);
        } else if let Some(severity) = row.otherwise
            && severity.min(most) > self.severity
        {
            self.severity = severity.min(most);
            self.rule = row.operation.text();
            self.reason = "the request does not show what this operation is watched for";
        }
    }

    /// The operations of Privileged Identity Management are sentences, which no pattern matches.
    #[inline(never)]
    fn raise_for_privileged_identity(&mut self, role: Option<&Role<'_>>, most: Severity) {
        let (severity, reason) = match role.map(|role| role.change) {
            Some(RoleChange::Granted) => (Severity::Medium, "gives or activates a role for a time"),
            Some(RoleChange::Removed) => (Severity::Low, "ends a role that was given for a time"),
            Some(RoleChange::Neither) | None => (Severity::Low, "concerns who may have a role for a time"),
        };
        self.raise_to(severity.min(most), "privileged-identity", reason);
        if role.is_some_and(|role| role.change == RoleChange::Granted) {
            self.techniques = Techniques::BuiltIn(&["T1098.003"]);
        }
    }

    /// A known powerful role decides, also where a row has said as much.
    #[inline(never)]
    fn raise_for_role(&mut self, role: &Role<'_>, most: Severity) {
        let Some(known) = role.known else { return };
        if known.controls_all && role.above_subscriptions {
            self.decide(
                Severity::Critical.min(most),
                "privileged-role-above-subscriptions",
                "gives a role that controls everything below a management group or the tenant",
            );
        } else {
            self.decide(
                Severity::High.min(most),
                "privileged-role",
                "gives a powerful role",
            );
        }
    }

    fn raise_to(&mut self, severity: Severity, rule: &'t str, reason: &'t str) {
        if severity > self.severity {
            self.decide(severity, rule, reason);
        }
    }

    fn decide(&mut self, severity: Severity, rule: &'t str, reason: &'t str) {
        if severity >= self.severity {
            self.severity = severity;
            self.rule = rule;
            self.reason = reason;
        }
    }
}

/// What the record says of itself: Defender's rating, which its level (always Informational) hides, else the level.
fn base(record: &Record<'_>, facts: &Facts<'_>) -> Rating<'static> {
    if facts.category == Category::Security
        && let Some(given) = record.text_of(Part::Properties, "Severity")
        && let Ok(severity) = given.to_str().parse()
    {
        return Rating::plain(severity, "alert-severity", "the alert's own severity");
    }
    let level = Severity::of_level(facts.level);
    let (most, reason) = match facts.category {
        Category::ResourceHealth
        | Category::ServiceHealth
        | Category::Autoscale
        | Category::Recommendation => (Severity::Low, "the record's own level; health wakes nobody here"),
        // What a policy refuses has a failed record of its own.
        Category::Policy => (Severity::Low, "a guard rail at work, by the record's own level"),
        _ => (Severity::Critical, "the record's own level"),
    };
    Rating::plain(level.min(most), "level", reason)
}

fn applies(row: &Row, record: &Record<'_>, facts: &Facts<'_>) -> bool {
    row.condition
        .is_none_or(|condition| condition.holds(record, facts))
}
