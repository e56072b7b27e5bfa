//! Caps, and the plan that they and everything else come from.

use super::{
    Answer, Model, Terms,
    calendar::{after, day_number, month_of},
};

/// How many days are remembered.
const DAYS: u64 = 31;

/// A cap as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Cap {
    pub(in crate::ledger) limit: u64,
    pub(in crate::ledger) spent: i128,
    pub(in crate::ledger) resets: u64,
}

/// What becomes of a cap of the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Own {
    Is(u64),
    /// The plan's holds again.
    Gone,
}

/// What an operator changes: the plan, the daily cap, the monthly cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ledger) struct Change {
    pub(in crate::ledger) plan: Option<usize>,
    pub(in crate::ledger) caps: [Option<Own>; 2],
}

impl Model {
    pub(in crate::ledger) fn terms(&self) -> &Terms {
        &self.rules.plans[self.plan]
    }

    /// What becomes of the plan and the caps now, or with the next billing.
    pub(super) fn change(&mut self, Change { plan, caps }: Change, at_once: bool) {
        if at_once {
            self.plan = plan.unwrap_or(self.plan);
            self.planned.plan = self.planned.plan.filter(|_| plan.is_none());
        } else {
            self.planned.plan = plan.or(self.planned.plan);
        }
        for (place, cap) in caps.into_iter().enumerate().filter_map(|(place, cap)| Some((place, cap?))) {
            if at_once {
                let own = if let Own::Is(tokens) = cap { Some(tokens) } else { None };
                (self.own[place], self.planned.caps[place]) = (own, None);
            } else {
                self.planned.caps[place] = Some(cap);
            }
        }
    }

    /// The caps that hold at `now`: of the day, of the month.
    pub(in crate::ledger) fn caps(&self, now: u64) -> [Option<Cap>; 2] {
        let zone = self.terms().zone;
        let today = zone.day_of(now);
        let month = month_of(today);
        let plan = [self.terms().daily, self.terms().monthly];
        let periods = [(today, today + 1), (day_number(month, 1), day_number(after(month), 1))];
        [0, 1].map(|place| {
            let limit = self.own[place].or(plan[place])?;
            let (first, next) = periods[place];
            Some(Cap { limit, spent: self.spent_since(first), resets: zone.begins(next) })
        })
    }

    /// What was spent from this day on, also by clocks and zones that are ahead.
    fn spent_since(&self, day: u64) -> i128 {
        self.remembered().filter(|(spent_on, _)| *spent_on >= day).map(|(_, tokens)| tokens).sum()
    }

    fn remembered(&self) -> impl Iterator<Item = (u64, i128)> {
        let last = self.spent.last_key_value().map_or(0, |(day, _)| *day);
        self.spent.iter().filter(move |(day, _)| **day + DAYS > last).map(|(day, tokens)| (*day, *tokens))
    }

    /// The first cap that is in the way of so many tokens more, that of the month before that of the day.
    pub(super) fn cap_reached(&self, tokens: i128, now: u64) -> Option<Answer> {
        let [daily, monthly] = self.caps(now);
        [(monthly, false), (daily, true)].into_iter().find_map(|(cap, daily)| {
            let Cap { limit, spent, resets } = cap?;
            let reached = spent + self.held() + tokens > limit.into() && tokens > 0;
            reached.then_some(Answer::CapReached { daily, limit, resets })
        })
    }

    /// How many tokens more all caps allow.
    pub(super) fn cap_room(&self, now: u64) -> i128 {
        let room = |cap: Cap| (i128::from(cap.limit) - cap.spent - self.held()).max(0);
        self.caps(now).into_iter().flatten().map(room).min().unwrap_or(i128::MAX)
    }

    /// The entry that was written last spent so much.
    pub(super) fn count_spent(&mut self, tokens: i128) {
        let day = self.terms().zone.day_of(self.last_id.0);
        let last = self.spent.last_key_value().map_or(day, |(last, _)| day.max(*last));
        *self.spent.entry(last).or_default() += tokens;
    }

    pub(super) fn give_back(&mut self, day: u64, tokens: i128) {
        if let Some(spent) = self.spent.get_mut(&day) {
            *spent = (*spent - tokens).max(0);
        }
    }
}
