use redis::cmd;

use super::{call::Call, line::Line, patiently};
use crate::store::{StoreError, inspect::UserCursor};

/// Some keys that match `pattern`, about `limit`, and where to go on: through one primary after the other, in the order of
/// their addresses. A cursor says which, where in it, and how the slots lay when the walk began: if they lie otherwise now,
/// somebody may have been passed over.
pub(super) async fn scan(
    line: &Line,
    pattern: &str,
    cursor: Option<UserCursor>,
    limit: usize,
) -> Result<(Option<UserCursor>, Vec<Vec<u8>>), StoreError> {
    let (mut primaries, layout) = patiently(|| line.survey()).await?;
    primaries.sort_unstable_by(|one, other| one.address().cmp(other.address()));
    let first = primaries.first().map_or("", |first| first.address());
    let UserCursor(cursor) = cursor.unwrap_or_else(|| UserCursor(format!("{layout} {first} 0")));
    let mut parts = cursor.splitn(3, ' ');
    let (before, address, position) = (parts.next(), parts.next().unwrap_or(""), parts.next().unwrap_or("0"));
    let mut rest = primaries.iter().skip_while(|primary| primary.address() != address);
    let (true, Some(primary)) = (before == Some(&layout), rest.next()) else {
        let cause = format!("slots of {line} moved, or a node took over, while all users were gone through");
        return Err(StoreError::Unavailable { cause, sent: false });
    };
    let command = cmd("SCAN").arg(position).arg("MATCH").arg(pattern).arg("COUNT").arg(limit).to_owned();
    let reply = patiently(|| line.send_to(primary, Call::of(&command))).await?;
    let (position, keys): (String, _) = line.parse(reply)?;
    let next = match position.as_str() {
        "0" => rest.next().map(|primary| format!("{layout} {} 0", primary.address())),
        _ => Some(format!("{layout} {address} {position}")),
    };
    // What moved during the last look is seen by one look more.
    if next.is_none() && patiently(|| line.survey()).await?.1 != layout {
        return Box::pin(scan(line, pattern, Some(UserCursor(cursor)), limit)).await;
    }
    Ok((next.map(UserCursor), keys))
}
