//! Histories in pages, both ways, while entries arrive; long ones too.

use jeton::{
    history::{self, Selection},
    ledger::{Command, ContentType, Transaction, TransactionId, TransactionType},
    store::{EntryRange, Order},
};

use super::{Kept, at, user};
use crate::support::{
    redis::Redis,
    world::{START, World, credit, debit},
};

/// What the history gains at step `step` of a mixed life.
fn step(step: u64) -> Command {
    match step % 4 {
        0 => credit(step + 1),
        1 => debit("PRODUCT_DESCRIPTION", 2),
        _ => debit("ARTICLE", 3),
    }
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_entries_arrive() {
    const STEPS: u64 = 20;
    let debits = Selection { kind: Some(TransactionType::Debit), ..Selection::default() };
    let credits = Selection { kind: Some(TransactionType::Credit), ..Selection::default() };
    let articles = Selection { content_type: Some(ContentType::new("ARTICLE")), ..Selection::default() };
    let time =
        |from: Option<u64>, to: Option<u64>| Selection { from: from.map(at), to: to.map(at), ..Selection::default() };
    let selections = [
        Selection::default(),
        debits.clone(),
        credits.clone(),
        articles.clone(),
        Selection { content_type: Some(ContentType::new("UNHEARD_OF")), ..Selection::default() },
        Selection { content_type: Some(ContentType::new("ARTICLE")), ..credits },
        time(Some(START + 3), Some(START + 6)),
        time(Some(START + 3), None),
        time(None, Some(START + STEPS + 1)),
        time(Some(START + 4), Some(START + 4)),
        time(Some(START + 6), Some(START + 3)),
        time(Some(0), Some(0)),
        time(None, Some(0)),
        Selection { from: Some(at(START + 2)), to: Some(at(START + STEPS + 1)), ..articles },
        Selection { from: Some(at(START + 2)), ..debits },
    ];
    for kept in Kept::all() {
        let store = kept.store();
        for (number, selection) in selections.iter().enumerate() {
            for (order, limit) in
                [Order::Ascending, Order::Descending].into_iter().flat_map(|order| [1, 2, 7, 1_000].map(|n| (order, n)))
            {
                let selection = Selection { order, ..selection.clone() };
                let case = format!("{}: {limit} of {selection:?}", store.name());
                let mut world = World::new(store, &format!("u{number}-{order:?}-{limit}"));
                // Two entries at each instant.
                for instant in 0..STEPS / 2 {
                    world.apply(&[step(2 * instant), step(2 * instant + 1)], START + instant).await;
                }
                let begun_with = world.entries.clone();

                let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
                loop {
                    let page = history::page(store, &world.user, &selection, cursor, limit).await.unwrap();
                    assert!(page.transactions.len() <= limit, "{case}");
                    found.extend(page.transactions);
                    pages += 1;
                    assert!(pages < 100, "{case}: no end");
                    let Some(next) = page.next_cursor else { break };
                    cursor = Some(next);
                    if pages <= 2 {
                        world.apply(&[step(STEPS + pages)], START + STEPS + pages).await;
                    }
                }

                let mut expected = if order == Order::Ascending { world.entries.clone() } else { begun_with };
                expected.retain(|Transaction { id, entry }| {
                    selection.kind.is_none_or(|kind| entry.kind == kind)
                        && (selection.content_type.is_none() || entry.content_type == selection.content_type)
                        && selection.from.is_none_or(|from| id.timestamp() >= from)
                        && selection.to.is_none_or(|to| id.timestamp() < to)
                });
                if order == Order::Descending {
                    expected.reverse();
                }
                assert_eq!(found, expected, "{case}");
            }
        }
        // A cursor before everything is as good as any.
        let user = user("u0-Ascending-1");
        for (order, any) in [(Order::Ascending, true), (Order::Descending, false)] {
            let selection = Selection { order, ..Selection::default() };
            let page = history::page(store, &user, &selection, Some(TransactionId::ZERO), 5).await.unwrap();
            assert_eq!(!page.transactions.is_empty(), any, "{}: {order:?}", store.name());
        }
    }
}

#[tokio::test]
async fn a_long_history_is_read_in_order_and_a_rare_entry_is_found_in_it() {
    const LENGTH: usize = 10_000;
    const RARE: [usize; 3] = [1, 6_000, LENGTH - 1];
    for kept in Kept::all() {
        let store = kept.store();
        let mut world = World::new(store, "u");
        for thousand in 0..LENGTH / 1_000 {
            let kind = |index| if RARE.contains(&index) { "PRODUCT_DESCRIPTION" } else { "ARTICLE" };
            let opening = usize::from(thousand == 0);
            let commands: Vec<Command> = (1_000 * thousand + opening..1_000 * (thousand + 1))
                .map(|index| if index % 3 == 0 && !RARE.contains(&index) { credit(2) } else { debit(kind(index), 1) })
                .collect();
            world.apply(&commands, START + thousand as u64).await;
        }
        assert_eq!(world.entries.len(), LENGTH);
        world.assert_kept("oldest first").await;
        let range = EntryRange { after: None, before: None, order: Order::Descending, count: LENGTH + 1 };
        let mut newest_first = store.entries(&world.user, range).await.unwrap();
        newest_first.reverse();
        assert!(newest_first == world.entries, "newest first");

        for (order, limit) in [(Order::Ascending, 1), (Order::Descending, 1), (Order::Descending, 50)] {
            let content_type = Some(ContentType::new("PRODUCT_DESCRIPTION"));
            let selection = Selection { content_type, order, ..Selection::default() };
            let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
            let reads = || {
                let counts = kept.redis.as_ref().map(Redis::command_counts).unwrap_or_default();
                ["xrange", "xrevrange"].iter().filter_map(|name| counts.get(*name)).sum::<u64>()
            };
            let reads_before = reads();
            loop {
                let page = history::page(store, &world.user, &selection, cursor, limit).await.unwrap();
                found.extend(page.transactions);
                pages += 1;
                match page.next_cursor {
                    Some(next) if pages < 50 => cursor = Some(next),
                    Some(_) => panic!("{}: no end", store.name()),
                    None => break,
                }
            }
            let mut expected = RARE.map(|index| world.entries[index].clone());
            if order == Order::Descending {
                expected.reverse();
            }
            assert_eq!(found, expected, "{}: {limit}, {order:?}", store.name());
            // Each entry is read once, but for what a page had read of the next one's first chunk.
            let reads = reads() - reads_before;
            assert!(reads <= LENGTH as u64 / 500 + 1 + pages, "{reads} reads for {pages} pages of {limit}, {order:?}");
        }
    }
}
