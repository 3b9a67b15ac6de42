//! The grammar of EventBridge's schedule expressions: `rate(…)` and `cron(…)`, in UTC.

use shared::clock::Timestamp;
use time::{Date, Duration, Month, OffsetDateTime, Time, Weekday};

/// The number of years in which a cron expression must have its next time. 29 February can take 28 years to fall on a
/// given weekday.
const YEARS_AHEAD: i32 = 40;

/// A repeating time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// An interval in seconds.
    Rate(i64),
    Cron(Box<Cron>),
}

/// The fields of a cron expression. Each field holds the matching numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: Vec<u16>,
    hours: Vec<u16>,
    /// `None` is `?`, which leaves the decision to the weekday.
    days: Option<Vec<u16>>,
    months: Vec<u16>,
    /// As in AWS, 1 is Sunday. `None` is `?`, which leaves the decision to the day of the month.
    weekdays: Option<Vec<u16>>,
    years: Vec<u16>,
}

impl Schedule {
    /// Parses an expression. The error says what is wrong.
    pub fn parse(expression: &str) -> Result<Self, String> {
        let inner = |name: &str| expression.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(rate) = inner("rate") {
            return Self::rate(rate).ok_or_else(|| format!("`{expression}` is no rate"));
        }
        if let Some(cron) = inner("cron") {
            return Self::cron(cron).ok_or_else(|| format!("`{expression}` is no cron expression that is known here"));
        }
        Err(format!("`{expression}` is neither rate(…) nor cron(…)"))
    }

    fn rate(text: &str) -> Option<Self> {
        let (number, unit) = text.split_once(' ')?;
        let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
        let seconds = match (unit, number) {
            ("minute", 1) | ("minutes", 2..) => 60,
            ("hour", 1) | ("hours", 2..) => 3600,
            ("day", 1) | ("days", 2..) => 86_400,
            _ => return None,
        };
        Some(Self::Rate(number.checked_mul(seconds)?))
    }

    fn cron(text: &str) -> Option<Self> {
        const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
        const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays, years] = fields.as_slice() else { return None };
        // Exactly one of the two day fields must be `?`.
        if (*days == "?") == (*weekdays == "?") {
            return None;
        }
        Some(Self::Cron(Box::new(Cron {
            minutes: field(minutes, 0, 59, &[])?,
            hours: field(hours, 0, 23, &[])?,
            days: if *days == "?" { None } else { Some(field(days, 1, 31, &[])?) },
            months: field(months, 1, 12, MONTHS)?,
            weekdays: if *weekdays == "?" { None } else { Some(field(weekdays, 1, 7, DAYS)?) },
            years: field(years, 1970, 2199, &[])?,
        })))
    }

    /// The first time after `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Rate(seconds) => Some(after.plus_seconds(*seconds)),
            Self::Cron(cron) => cron.next(after),
        }
    }
}

impl Cron {
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let start = OffsetDateTime::from_unix_timestamp(after.seconds()).ok()? + Duration::MINUTE;
        let first = start.replace_second(0).ok()?;
        let mut date = first.date();
        let mut earliest = (u16::from(first.hour()), u16::from(first.minute()));
        while date.year() <= first.year() + YEARS_AHEAD {
            if self.matches(date) {
                for &hour in self.hours.iter().filter(|hour| **hour >= earliest.0) {
                    let least = if hour == earliest.0 { earliest.1 } else { 0 };
                    if let Some(&minute) = self.minutes.iter().find(|minute| **minute >= least) {
                        let time = Time::from_hms(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?, 0).ok()?;
                        return Some(Timestamp::from_seconds(date.with_time(time).assume_utc().unix_timestamp()));
                    }
                }
            }
            date = date.next_day()?;
            earliest = (0, 0);
        }
        None
    }

    fn matches(&self, date: Date) -> bool {
        let number = |month: Month| u16::from(u8::from(month));
        let weekday = |weekday: Weekday| u16::from(weekday.number_days_from_sunday()) + 1;
        u16::try_from(date.year()).is_ok_and(|year| self.years.contains(&year))
            && self.months.contains(&number(date.month()))
            && self.days.as_ref().is_none_or(|days| days.contains(&u16::from(date.day())))
            && self.weekdays.as_ref().is_none_or(|days| days.contains(&weekday(date.weekday())))
    }
}

/// The numbers that a field matches, in order. `L`, `W` and `#` are not supported.
fn field(text: &str, least: u16, most: u16, names: &[&str]) -> Option<Vec<u16>> {
    let value = |text: &str| -> Option<u16> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(index) => u16::try_from(index).ok()? + least,
            None => text.parse().ok()?,
        };
        (least..=most).contains(&number).then_some(number)
    };
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (value(from)?, value(to)?),
            None if range == "*" => (least, most),
            // `5/10` means every tenth number from 5.
            None if part.contains('/') => (value(range)?, most),
            None => (value(range)?, value(range)?),
        };
        if from > to {
            return None;
        }
        numbers.extend((from..=to).step_by(step));
    }
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, after: &str) -> String {
        let format = &time::format_description::well_known::Rfc3339;
        let after = OffsetDateTime::parse(after, format).unwrap().unix_timestamp();
        Schedule::parse(expression).unwrap().next(Timestamp::from_seconds(after)).unwrap().rfc3339()
    }

    #[test]
    fn a_rate_comes_again_after_its_time() {
        assert_eq!(next("rate(1 day)", "2026-11-20T18:57:37Z"), "2026-11-21T18:57:37Z");
        assert_eq!(next("rate(5 minutes)", "2026-11-20T18:57:37Z"), "2026-11-20T19:02:37Z");
    }

    #[test]
    fn a_cron_expression_names_its_next_minute() {
        assert_eq!(next("cron(0 3 * * ? *)", "2026-11-20T18:57:37Z"), "2026-11-21T03:00:00Z");
        assert_eq!(next("cron(0 3 * * ? *)", "2026-11-20T03:00:00Z"), "2026-11-21T03:00:00Z");
        assert_eq!(next("cron(0 3 * * ? *)", "2026-11-20T02:59:59Z"), "2026-11-20T03:00:00Z");
        assert_eq!(next("cron(15,45 8-10 ? * MON-FRI *)", "2026-11-20T10:45:00Z"), "2026-11-23T08:15:00Z");
        assert_eq!(next("cron(0/20 * 1 JAN ? *)", "2026-11-20T00:00:00Z"), "2027-01-01T00:00:00Z");
        assert_eq!(next("cron(0 0 29 2 ? *)", "2026-11-20T00:00:00Z"), "2028-02-29T00:00:00Z");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for wrong in [
            "every day",
            "rate(0 days)",
            "rate(1 days)",
            "rate(2 day)",
            "rate(1 week)",
            "cron(0 3 * * *)",
            "cron(0 3 * * * *)",
            "cron(0 3 ? * ? *)",
            "cron(60 3 * * ? *)",
            "cron(0 3 L * ? *)",
            "cron(0 3 * * ? *",
        ] {
            assert!(Schedule::parse(wrong).is_err(), "{wrong}");
        }
    }
}
